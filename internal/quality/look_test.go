package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"vsr/media"
)

// blocks is a random texture whose 8-pixel blocks, from offset on, differ by step levels in a chessboard.
func blocks(w, h, offset int, step float32) []float32 {
	r := rand.New(rand.NewPCG(3, 3))
	out := make([]float32, w*h)
	for i := range out {
		out[i] = 100 + 10*r.Float32()
		if ((i%w+8-offset)/8+(i/w+8-offset)/8)%2 == 0 {
			out[i] += step
		}
	}
	return out
}

// Borders at the coder's grid count, borders elsewhere do not, and no borders give 1.
func TestBlockiness(t *testing.T) {
	for name, c := range map[string]struct {
		luma      []float32
		low, high float64
	}{
		"none": {blocks(160, 96, 0, 0), 0.95, 1.05}, "grid": {blocks(160, 96, 0, 20), 4, 8}, "half-way": {blocks(160, 96, 4, 20), 0, 0.3},
	} {
		if got, ok := Blockiness(c.luma, 160, 96, 8); !ok || got < c.low || got > c.high {
			t.Errorf("%s: %.3f, %v, want %g to %g", name, got, ok, c.low, c.high)
		}
	}
	// At scale 2 the borders are 16 pixels apart: what lies half-way, and not nearer, is what they are compared with.
	if got, ok := Blockiness(blocks(160, 96, 4, 20), 160, 96, 16); !ok || got < 0.95 || got > 1.05 {
		t.Errorf("steps a quarter off: %.3f, %v, want 1", got, ok)
	}
	// Blocks across, not down: the mean of the two directions.
	wide := make([]float32, 64*64)
	for i := range wide {
		wide[i] = float32(i%64 + 2*(i/64) + i%64/8*30)
	}
	if got, ok := Blockiness(wide, 64, 64, 8); !ok || math.Abs(got-((4+30)/4.0+1)/2) > 1e-6 {
		t.Errorf("one direction: %v, %v", got, ok)
	}
	if _, ok := Blockiness(make([]float32, 64*64), 64, 64, 8); ok {
		t.Error("a flat image has a blockiness")
	}
	if _, ok := Blockiness(blocks(160, 12, 0, 20), 160, 12, 8); ok {
		t.Error("an image of one block in height has a blockiness")
	}
}

func TestFlicker(t *testing.T) {
	// The third pixel moves in the reference: what happens to it does not count.
	v, ok := Flicker([]float32{12, 20, 0}, []float32{10, 24, 255}, []float32{10, 20, 90}, []float32{10, 21.9, 30})
	if !ok || math.Abs(v-3) > 1e-6 {
		t.Errorf("flicker %v, %v; want (2+4)/2", v, ok)
	}
	if _, ok := Flicker([]float32{1}, []float32{1}, []float32{1}, []float32{3}); ok {
		t.Error("a clip without still pixels has a flicker")
	}
}

// A step from 50 to 100 at x = 8, and an output that leaves its range on both sides.
func TestOvershoot(t *testing.T) {
	const w, h = 16, 4
	ref, out := make([]float32, w*h), make([]float32, w*h)
	for i := range ref {
		ref[i] = 50
		if i%w >= 8 {
			ref[i] = 100
		}
		out[i] = ref[i]
	}
	r := LocalRange(ref, w, h, 2)
	if v, ok := r.Overshoot(ref); !ok || v != 0 {
		t.Errorf("the reference overshoots itself by %v, %v", v, ok)
	}
	for y := range h {
		out[y*w+7], out[y*w+8] = 44, 110 // 6 and 10 levels outside
		out[y*w+1] = 0                   // not at the edge
		out[y*w+6] = 75                  // inside the range
	}
	if v, ok := r.Overshoot(out); !ok || math.Abs(v-4) > 1e-6 { // four columns are at the edge
		t.Errorf("overshoot %v, %v, want 4", v, ok)
	}
	if _, ok := LocalRange(make([]float32, w*h), w, h, 2).Overshoot(out); ok {
		t.Error("a flat reference has edges")
	}
}

func TestColored(t *testing.T) {
	m := Image{W: 4, H: 1, Pix: []byte{9, 9, 10, 0, 0, 0, 200, 200, 200, 7, 7, 7}}
	if !IsGray(m) {
		t.Error("rounding makes color")
	}
	m.Pix[4] = 23
	if share, levels := Colored(m); share != 0.25 || levels != 23 || IsGray(m) {
		t.Errorf("share %v, %d levels", share, levels)
	}
}

func TestEnlarged(t *testing.T) {
	got, err := Enlarged([]float32{1, 2, 3, 4}, 2, 2, 2)
	want := []float32{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatal(got)
		}
	}
	if _, err := Enlarged([]float32{1}, 2, 2, 2); err == nil {
		t.Error("one value passes for four")
	}
}

// Frames of 8 and 10 bits with one sample changed by a known amount.
func TestCompareFrames(t *testing.T) {
	for _, depth := range []int{8, 10} {
		f := media.Format{Width: 16, Height: 8, Layout: media.YUV420, Depth: depth}
		a, b := media.NewFrame(f), media.NewFrame(f)
		b.Row(1, 2)[0] = 40
		levels, psnr := CompareFrames(a, b)
		peak := float64(int(1)<<depth - 1)
		if want := 10 * math.Log10(peak*peak*(16*8*1.5)/1600); levels != 40 || math.Abs(psnr-want) > 1e-9 {
			t.Errorf("%d bits: %d levels, %v dB, want 40, %v", depth, levels, psnr, want)
		}
	}
}
