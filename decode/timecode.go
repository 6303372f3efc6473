package decode

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"

	"vsr/media"
)

// timecodeForm is a timecode of SMPTE ST 12-1 as text; the last separator is a semicolon or point where numbers are dropped.
var timecodeForm = regexp.MustCompile(`^(\d\d):(\d\d):(\d\d)([:;.])(\d\d)$`)

// laterTimecode is the timecode so many seconds later, at a frame rate; "" if text is none.
func laterTimecode(text string, seconds float64, rate media.Rational) string {
	m := timecodeForm.FindStringSubmatch(text)
	n := int(math.Round(rate.Float()))
	if m == nil || n < 1 {
		return ""
	}
	var v [4]int
	for i, at := range []int{1, 2, 3, 5} {
		v[i], _ = strconv.Atoi(m[at]) // two digits
	}
	minutes := v[0]*60 + v[1]
	frames := (minutes*60+v[2])*n + v[3]
	drop := 0 // numbers left out in each minute but every tenth
	if m[4] != ":" {
		drop = 2 * n / 30
	}
	frames -= drop * (minutes - minutes/10)
	frames += int(math.Round(seconds * rate.Float()))
	if drop > 0 {
		ten := 600*n - 9*drop
		tens, rest := frames/ten, frames%ten
		frames += 9 * drop * tens
		if rest > drop {
			frames += drop * ((rest - drop) / (60*n - drop))
		}
	}
	s := frames / n
	return fmt.Sprintf("%02d:%02d:%02d%s%02d", s/3600%24, s/60%60, s%60, m[4], frames%n)
}

// shiftTimecodes has the timecodes of the input and its tracks tell that of the first frame that is given out.
func (s *Source) shiftTimecodes(info *media.Info) {
	shift := func(tags map[string]string) map[string]string {
		for k, v := range tags {
			if later := laterTimecode(v, s.opt.Start, info.FrameRate); later != "" && strings.EqualFold(k, "timecode") {
				tags = maps.Clone(tags)
				tags[k] = later
				return tags
			}
		}
		return tags
	}
	info.Metadata = shift(info.Metadata)
	for i := range info.Tracks {
		info.Tracks[i].Metadata = shift(info.Tracks[i].Metadata)
	}
}
