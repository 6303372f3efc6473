package kdsr

import (
	"math"
	"math/rand/v2"
	"testing"
)

func noise(seed uint64, n int, from, to float32) []float32 {
	r := rand.New(rand.NewPCG(seed, 3))
	out := make([]float32, n)
	for i := range out {
		out[i] = from + (to-from)*r.Float32()
	}
	return out
}

func upscaleWith(t *testing.T, w *Weights, x *Array) *Array {
	t.Helper()
	r := &Reference{Weights: w}
	_, d := Estimate(r, w.Config, x)
	y := Upscale(r, w.Config, x, Modulate(r, w.Config, d))
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return y
}

func meanDifference(a, b *Array) float64 {
	var sum float64
	for i := range a.Data {
		sum += math.Abs(a.Data[i] - b.Data[i])
	}
	return sum / float64(len(a.Data))
}

func TestGrowKeepsTheOutput(t *testing.T) {
	small := Config{C: 8, N: 3, R: 1, Scale: 2, Tail: TailDirect, Skip: SkipNearest, Stem: 2}
	w, err := RandomWeights(small, 1)
	if err != nil {
		t.Fatal(err)
	}
	x := NewArray32(noise(5, 3*12*10, 0, 1), 1, 3, 12, 10)
	want := upscaleWith(t, w, x)

	large := small
	large.C, large.N = 12, 7
	grown, err := Grow(w, large, 9)
	if err != nil {
		t.Fatal(err)
	}
	if err := grown.Check(); err != nil {
		t.Fatal(err)
	}
	if d := meanDifference(want, upscaleWith(t, grown, x)); d > 1e-7 {
		t.Errorf("more channels and blocks change the output by %g on average, want nothing", d)
	}

	r := &Reference{Weights: w}
	_, d := Estimate(r, w.Config, x)
	bounds := &IDRBounds{Mean: d.Float32(), Dev: noise(1, 8, 1, 1), Limit: 3}
	if err := w.SetIDRBounds(bounds); err != nil {
		t.Fatal(err)
	}
	large.Kernels = KernelsBounded
	if grown, err = Grow(w, large, 9); err != nil {
		t.Fatal(err)
	}
	if d := meanDifference(want, upscaleWith(t, grown, x)); d > 1e-6 { // at the middle of the vectors the scales cancel exactly
		t.Errorf("bounded kernels change the output by %g on average at the middle of the vectors", d)
	}
}

func TestGrowRefuses(t *testing.T) {
	c := Config{C: 8, N: 3, R: 1, Scale: 2, Tail: TailDirect, Skip: SkipNearest, Stem: 2}
	w, err := RandomWeights(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"fewer channels":              func(c *Config) { c.C = 4 },
		"fewer blocks":                func(c *Config) { c.N = 2 },
		"another scale":               func(c *Config) { c.Scale = 3 },
		"another estimator":           func(c *Config) { c.R = 2 },
		"bounded kernels, no vectors": func(c *Config) { c.Kernels = KernelsBounded },
		"another stride of the stem":  func(c *Config) { c.Stem = 1 },
		"the published tail":          func(c *Config) { c.Tail = TailOfficial },
		"no image added to the tail":  func(c *Config) { c.Skip = SkipNone },
	} {
		to := c
		change(&to)
		if _, err := Grow(w, to, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whatever the vector is, a bounded kernel has a norm below 1, and small ones stay nearly as they are.
func TestBoundedKernels(t *testing.T) {
	c := Config{C: 4, N: 2, R: 0, Scale: 2, Tail: TailDirect, Skip: SkipNearest, Stem: 2, Kernels: KernelsBounded}
	w, err := RandomWeights(c, 4)
	if err != nil {
		t.Fatal(err)
	}
	free := *w
	free.Config.Kernels = KernelsFree
	for _, size := range []float32{1e-3, 1, 1e6} {
		d := noise(7, c.C, -size, size)
		bounded, plain := Modulate(&Vectors{Weights: w}, c, d), Modulate(&Vectors{Weights: &free}, free.Config, d)
		ref := &Reference{Weights: w}
		oracle := Modulate(ref, c, NewArray32(d, 1, c.C))
		for b := range bounded {
			for ch := range c.C {
				var norm, before float64
				for k := range 9 {
					v, p := float64(bounded[b][9*ch+k]), float64(plain[b][9*ch+k])
					norm, before = norm+v*v, before+p*p
					if o := oracle[b].Data[9*ch+k]; math.Abs(o-v) > 1e-6 {
						t.Fatalf("size %g: tap %g, the reference has %g", size, v, o)
					}
				}
				if norm > 1+1e-6 {
					t.Errorf("size %g: a kernel of norm %g", size, math.Sqrt(norm))
				}
				if want := before / (1 + before); math.Abs(norm-want) > 1e-4*want {
					t.Errorf("size %g: squared norm %g, want %g", size, norm, want)
				}
			}
		}
	}
}
