package encode

import (
	"fmt"
	"math"

	"vsr/media"
)

// limit is what an encoder, its decoders and the levels of its standard take.
type limit struct {
	minW, minH, maxW, maxH int // samples
	pixels                 int // of a frame, each side rounded up to whole blocks
	block                  int // samples
}

// Sizes that decoders of this project read back too (decode.Limits).
const (
	maxSide   = 16384
	maxPixels = 1 << 27
)

// levelPixels is the largest frame of the highest level of H.264 (6.2: 139,264 macroblocks), HEVC (6.2), AV1 (6.3) and VP9 (6.2).
const levelPixels = 35_651_584

// limits of single codecs; others have maxSide and maxPixels alone. Besides the levels, numbers are those of the encoders' own checks: x265's
// smallest coding block, SVT-AV1 1.4's and NVENC's documented ranges; 14 bits for a side of VP8 and WebP.
var limits = map[string]limit{
	"x264":       {1, 1, maxSide, maxSide, levelPixels, 16},
	"x264rgb":    {1, 1, maxSide, maxSide, levelPixels, 16},
	"x265":       {32, 32, maxSide, maxSide, levelPixels, 8},
	"svtav1":     {64, 64, maxSide, 8704, levelPixels, 8},
	"vp9":        {1, 1, maxSide, maxSide, levelPixels, 8},
	"vp8":        {1, 1, 16383, 16383, maxPixels, 1},
	"webp":       {1, 1, 16383, 16383, maxPixels, 1},
	"h264_nvenc": {1, 1, 4096, 4096, maxPixels, 1},
	"hevc_nvenc": {1, 1, 8192, 8192, maxPixels, 1},
}

// tooLarge reports whether frames of w x h are over the limit.
func (l limit) tooLarge(w, h int) bool {
	up := func(n int) int { return (n + l.block - 1) / l.block * l.block }
	return w > l.maxW || h > l.maxH || up(w)*up(h) > l.pixels
}

// largest is the largest size of the shape of w x h that is within the limit, with an even number of rows; 0, 0 if there is none.
func (l limit) largest(w, h int) (columns, rows int) {
	ratio := float64(w) / float64(h)
	shrink := min(float64(l.maxW)/float64(w), float64(l.maxH)/float64(h), math.Sqrt(float64(l.pixels)/(float64(w)*float64(h))))
	for rows = int(float64(h)*shrink) &^ 1; rows >= 2; rows -= 2 {
		if columns = int(math.Round(float64(rows) * ratio)); !l.tooLarge(columns, rows) {
			return columns, rows
		}
	}
	return 0, 0
}

// checkSize refuses sizes that the codec cannot hold, before anything is encoded, and names the nearest that works.
func (c codec) checkSize(f media.Format) error {
	l, ok := limits[c.name]
	if !ok {
		l = limit{1, 1, maxSide, maxSide, maxPixels, 1}
	}
	w, h := f.Width, f.Height
	switch {
	case l.tooLarge(w, h):
		r := &RequestError{Reason: fmt.Sprintf("%s cannot hold %dx%d: it takes %dx%d and %.1f million samples at most", c.name, w, h, l.maxW, l.maxH, float64(l.pixels)/1e6),
			Hint: "the frame is too long and thin for any scale"}
		if l.pixels == levelPixels {
			r.Reason += ", the most of any level that its decoders know"
		}
		if columns, rows := l.largest(w, h); rows > 0 {
			r.Rows, r.Hint = rows, fmt.Sprintf("the largest size that works is %dx%d", columns, rows)
			if l.pixels < maxPixels && w <= maxSide && h <= maxSide && w*h <= maxPixels {
				r.Hint = "ffv1 and prores hold more; for " + c.name + " " + r.Hint
			}
		}
		return r
	case w < l.minW || h < l.minH:
		grow := max(float64(l.minW)/float64(w), float64(l.minH)/float64(h))
		rows := int(math.Ceil(float64(h)*grow)+1) &^ 1
		cols := int(math.Round(float64(rows) * float64(w) / float64(h)))
		r := &RequestError{Reason: fmt.Sprintf("%s cannot hold %dx%d: it needs %dx%d at least", c.name, w, h, l.minW, l.minH)}
		if l.tooLarge(cols, rows) {
			r.Hint = "no size of this shape works; x264 and ffv1 hold any"
			return r
		}
		r.Rows, r.Hint = rows, fmt.Sprintf("x264 and ffv1 hold any; the smallest size that works is %dx%d", cols, rows)
		return r
	}
	return nil
}
