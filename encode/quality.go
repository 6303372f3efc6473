package encode

import (
	"fmt"
	"slices"
	"strings"
)

// Quality is a level of quality that means about the same with every codec.
type Quality string

// The levels, from the smallest file to the largest.
const (
	Low     Quality = "low"
	Medium  Quality = "medium"
	High    Quality = "high" // the default
	Archive Quality = "archive"
)

// Qualities lists the levels.
func Qualities() []Quality { return []Quality{Low, Medium, High, Archive} }

// crfOf holds the CRF of each level by codec; that of High is the codec's default.
var crfOf = map[string][4]int{
	"x264": {28, 23, 17, 12}, "x264rgb": {28, 23, 17, 12}, "x265": {30, 25, 19, 14}, "svtav1": {45, 36, 26, 16}, "vp9": {44, 34, 24, 14}, "vp8": {32, 20, 10, 4},
	"h264_nvenc": {30, 25, 19, 14}, "hevc_nvenc": {32, 27, 21, 16},
}

// CRF returns what Options.CRF is for this level with a codec. A codec of one quality only, as ffv1, is a *RequestError.
func (q Quality) CRF(codec string) (int, error) {
	i := slices.Index(Qualities(), q)
	if i < 0 {
		return 0, &RequestError{Reason: fmt.Sprintf("quality %q, want low, medium, high or archive", q)}
	}
	c, err := findCodec(codec)
	if err != nil {
		return 0, err
	}
	levels, ok := crfOf[c.name]
	if !ok {
		var names []string
		for _, c := range codecs {
			if _, ok := crfOf[c.name]; ok {
				names = append(names, c.name)
			}
		}
		return 0, &RequestError{Reason: fmt.Sprintf("%s has one quality only", c.name), Hint: "Options.SetQuality is for " + strings.Join(names, ", ")}
	}
	return levels[i], nil
}
