package encode

import (
	"fmt"
	"math"

	"vsr/media"
)

// limit is what an encoder, its decoders and FFmpeg's frame buffers take.
type limit struct {
	minW, minH, maxW, maxH int // samples
}

// Sizes that decoders of this project read back too (decode.Limits).
const (
	maxSide   = 16384
	maxPixels = 1 << 27
)

// limits of single codecs; others have maxSide alone. Numbers are those of the encoders' own checks: x265's smallest coding block, SVT-AV1 1.4's
// and NVENC's documented ranges.
var limits = map[string]limit{
	"x265":       {32, 32, maxSide, maxSide},
	"svtav1":     {64, 64, maxSide, 8704},
	"vp8":        {1, 1, 16383, 16383},
	"h264_nvenc": {1, 1, 4096, 4096},
	"hevc_nvenc": {1, 1, 8192, 8192},
}

// checkSize refuses sizes that the codec cannot hold, before anything is encoded, and names the nearest that works.
func (c codec) checkSize(f media.Format) error {
	l, ok := limits[c.name]
	if !ok {
		l = limit{1, 1, maxSide, maxSide}
	}
	w, h := f.Width, f.Height
	switch {
	case w > l.maxW || h > l.maxH || w*h > maxPixels:
		shrink := min(float64(l.maxW)/float64(w), float64(l.maxH)/float64(h), math.Sqrt(maxPixels/(float64(w)*float64(h))))
		rows := int(float64(h)*shrink) &^ 1
		if rows < 2 {
			return &RequestError{Reason: fmt.Sprintf("%s cannot hold %dx%d: it takes %dx%d at most", c.name, w, h, l.maxW, l.maxH), Hint: "the frame is too long and thin for any scale"}
		}
		return &RequestError{Reason: fmt.Sprintf("%s cannot hold %dx%d: it takes %dx%d and %d million samples at most", c.name, w, h, l.maxW, l.maxH, maxPixels/1_000_000),
			Hint: fmt.Sprintf("the largest size that works is %dx%d: --height %[2]d", int(math.Round(float64(rows)*float64(w)/float64(h))), rows)}
	case w < l.minW || h < l.minH:
		grow := max(float64(l.minW)/float64(w), float64(l.minH)/float64(h))
		rows := int(math.Ceil(float64(h)*grow)+1) &^ 1
		cols := int(math.Round(float64(rows) * float64(w) / float64(h)))
		hint := fmt.Sprintf("the smallest size that works is %dx%d: --height %[2]d; x264 and ffv1 hold any", cols, rows)
		if cols > l.maxW || rows > l.maxH {
			hint = "no size of this shape works; x264 and ffv1 hold any"
		}
		return &RequestError{Reason: fmt.Sprintf("%s cannot hold %dx%d: it needs %dx%d at least", c.name, w, h, l.minW, l.minH), Hint: hint}
	}
	return nil
}
