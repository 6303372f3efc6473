package cpu

import (
	"testing"

	"vsr/media"
)

// TestOverflow makes the numbers between the layers larger than half precision can hold: PrecisionAuto must give what float32
// gives, and say so, for the scene that needs it and for no other.
func TestOverflow(t *testing.T) {
	formats := []media.Format{
		{Width: 37, Height: 90, Layout: media.YUV420, Depth: 8}, rgbFormat(19, 33), {Width: 21, Height: 20, Layout: media.Gray, Depth: 10},
		{Width: 37, Height: 30, Layout: media.YUV420, Depth: 8, Color: media.Color{Siting: sitingTopLeft}},
	}
	for _, isa := range fastISAs() {
		for i, f := range formats {
			c := fastConfigs()[i]
			auto, exact := testEngine(t, c, Options{ISA: isa, Threads: 2}), testEngine(t, c, Options{ISA: isa, Threads: 2, Precision: PrecisionFP32})
			src := randomFrame(f, 8)
			small, large := degradation(t, auto), degradation(t, auto)
			largeExact := degradation(t, exact)
			for _, k := range []any{large, largeExact} { // one channel of the last block is too large
				turned := k.(*kernels).turned
				for j := range 9 {
					turned[len(turned)-1][j*c.C+5] *= 3e6
				}
			}
			check := func(what string, got, want *media.Frame, frames, repeated int64) {
				t.Helper()
				if !equalSamples(got, want) {
					t.Errorf("%s %v: %s is not what float32 gives", isa, f, what)
				}
				if s := auto.Stats(); s.Exact != frames || s.Repeated != repeated {
					t.Errorf("%s %v: %s: %d frames in float32 and %d repeated, want %d and %d", isa, f, what, s.Exact, s.Repeated, frames, repeated)
				}
			}
			within := upscale(t, auto, src, small)
			if s := auto.Stats(); s.Exact != 0 {
				t.Fatalf("%s %v: float32 without need", isa, f)
			}
			check("the first frame", upscale(t, auto, src, large), upscale(t, exact, src, largeExact), 1, 0)
			check("its repetition", upscale(t, auto, src, large), upscale(t, exact, src, largeExact), 1, 1)
			src.Row(0, 3)[5] ^= 3
			check("the second frame", upscale(t, auto, src, large), upscale(t, exact, src, largeExact), 2, 1)
			src.Row(0, 3)[5] ^= 3
			if again := upscale(t, auto, src, small); !equalSamples(again, within) {
				t.Errorf("%s %v: the other scene has changed", isa, f)
			}
		}
	}
}
