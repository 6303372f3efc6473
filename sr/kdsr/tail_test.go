package kdsr

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randomArray(seed uint64, shape ...int) *Array {
	rng := rand.New(rand.NewPCG(seed, 1))
	a := NewArray(shape...)
	for i := range a.Data {
		a.Data[i] = 2*rng.Float64() - 1
	}
	return a
}

// collapsed applies t to features [1,C,H,W], pixel by pixel.
func (t *LinearTail) collapsed(f *Array, s int) *Array {
	h, w := f.Shape[2], f.Shape[3]
	y := NewArray(1, 3, s*h, s*w)
	for py := range h {
		for px := range w {
			weight, bias := t.Kernel(EdgesAt(px, py, w, h))
			for o := range t.Out {
				sum := float64(bias[o])
				for c := range t.C {
					for k := range 25 {
						sy, sx := py+k/5-2, px+k%5-2
						if sy >= 0 && sy < h && sx >= 0 && sx < w {
							sum += float64(weight[(o*t.C+c)*25+k]) * f.plane(0, c)[sy*w+sx]
						}
					}
				}
				y.plane(0, o/(s*s))[(py*s+o/s%s)*s*w+px*s+o%s] = sum
			}
		}
	}
	return y
}

// TestCollapsedTail compares the collapsed tail with the layers on every pixel, for all sizes from 1x1 to 7x7.
func TestCollapsedTail(t *testing.T) {
	for scale := 2; scale <= 4; scale++ {
		c := Config{C: 3, N: 0, R: 0, Scale: scale, Tail: TailOfficial, Skip: SkipNone, Stem: 1}
		w, err := RandomWeights(c, uint64(scale))
		if err != nil {
			t.Fatal(err)
		}
		tail, err := w.CollapseTail()
		if err != nil {
			t.Fatal(err)
		}
		for size := range 49 {
			f := randomArray(uint64(size), 1, c.C, 1+size/7, 1+size%7)
			ref := &Reference{Weights: w}
			want := enlarge(ref, c, f)
			if ref.Err() != nil {
				t.Fatal(ref.Err())
			}
			got := tail.collapsed(f, scale)
			for i, v := range want.Data { // the kernels are rounded to float32 once
				if math.Abs(got.Data[i]-v) > 2e-6 {
					t.Fatalf("x%d, features %v: value %d is %g, want %g", scale, f.Shape, i, got.Data[i], v)
				}
			}
		}
	}
}

func TestCollapseDirectTail(t *testing.T) {
	w, _ := RandomWeights(preset(t, "nano", 2), 1)
	if _, err := w.CollapseTail(); err == nil {
		t.Error("no error")
	}
	w, _ = RandomWeights(Config{C: 2, Scale: 2, Tail: TailOfficial, Skip: SkipNone, Stem: 1}, 1)
	delete(w.Tensors, "G.tail.1.bias")
	if _, err := w.CollapseTail(); err == nil {
		t.Error("no error with a tensor missing")
	}
}

func BenchmarkCollapseTail(b *testing.B) {
	w, err := RandomWeights(preset(b, "l", 4), 1)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := w.CollapseTail(); err != nil {
			b.Fatal(err)
		}
	}
}
