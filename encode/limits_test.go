package encode_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"vsr/encode"
	"vsr/media"
)

func still(w, h int) *media.Info {
	return &media.Info{Format: media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1}}, FrameRate: media.Rational{Num: 25, Den: 1},
		Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
}

// TestSizesAreRefusedBeforeTheWork asks each codec for sizes that it cannot hold, takes the size from the hint, and finds that that works.
func TestSizesAreRefusedBeforeTheWork(t *testing.T) {
	for _, c := range []struct {
		codec string
		w, h  int
	}{{"x264", 16800, 120}, {"x265", 120, 17000}, {"ffv1", 20000, 400}, {"vp9", 16386, 16}, {"svtav1", 96, 40}, {"svtav1", 100, 9000}, {"x265", 20, 16}} {
		name := filepath.Join(t.TempDir(), "x.mkv")
		_, err := encode.CreateFile(name, still(c.w, c.h), encode.Options{Codec: c.codec}, encode.FileOptions{})
		var r *encode.RequestError
		if !errors.As(err, &r) {
			t.Errorf("%s at %dx%d: %v, want a RequestError", c.codec, c.w, c.h, err)
			continue
		}
		var w, h int
		_, hint, _ := strings.Cut(r.Hint, " is ")
		if n, _ := fmt.Sscanf(hint, "%dx%d", &w, &h); n != 2 {
			t.Errorf("%s at %dx%d: the hint %q names no size", c.codec, c.w, c.h, r.Hint)
			continue
		}
		if d := float64(w)/float64(h)/(float64(c.w)/float64(c.h)) - 1; d > 0.05 || d < -0.05 {
			t.Errorf("%s at %dx%d: %dx%d has another shape", c.codec, c.w, c.h, w, h)
		}
		sink, err := encode.CreateFile(name, still(w, h), encode.Options{Codec: c.codec}, encode.FileOptions{})
		if err != nil {
			t.Errorf("%s: %dx%d, which the hint names, is refused too: %v", c.codec, w, h, err)
			continue
		}
		_ = sink.Abort()
	}
}

// Frames over the highest level of a codec's standard, which no decoder need take, are refused with the size that works; lossless codecs hold them.
func TestLevelsAreLimits(t *testing.T) {
	for _, c := range []struct {
		codec      string
		w, h       int
		cols, rows int // that work; 0 where w x h does
	}{
		{"x264", 8192, 4320, 0, 0}, {"x264", 8192, 4352, 0, 0}, {"x264", 8192, 4354, 8188, 4352}, {"x264", 16384, 8192, 8432, 4216},
		{"x265", 8192, 4352, 0, 0}, {"x265", 8200, 4400, 8144, 4370}, {"vp9", 11520, 5760, 8440, 4220}, {"svtav1", 16384, 2176, 0, 0}, {"svtav1", 16384, 2200, 16265, 2184},
		{"ffv1", 11520, 5760, 0, 0}, {"prores", 11520, 5760, 0, 0}, {"webp", 16384, 16, 0, 0}, {"png", 16384, 8192, 0, 0},
	} {
		err := encode.CheckSize(c.codec, c.w, c.h)
		if c.codec == "webp" {
			c.cols, c.rows = 14336, 14
		}
		if c.rows == 0 {
			if err != nil {
				t.Errorf("%s at %dx%d: %v", c.codec, c.w, c.h, err)
			}
			continue
		}
		var r *encode.RequestError
		if !errors.As(err, &r) || r.Rows != c.rows || !strings.Contains(r.Hint, fmt.Sprintf("%dx%d", c.cols, c.rows)) {
			t.Errorf("%s at %dx%d: %v, hint %+v, want %dx%d", c.codec, c.w, c.h, err, r, c.cols, c.rows)
			continue
		}
		if err := encode.CheckSize(c.codec, c.cols, c.rows); err != nil {
			t.Errorf("%s: %dx%d, which the hint names: %v", c.codec, c.cols, c.rows, err)
		}
	}
}
