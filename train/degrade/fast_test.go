package degrade

import (
	"math"
	"math/rand/v2"
	"testing"
)

func noiseImage(w, h int, seed uint64) Image {
	m := NewImage(w, h)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range m.Pix {
		m.Pix[i] = r.Float32()
	}
	return m
}

func worst(a, b Image) float64 {
	if a.W != b.W || a.H != b.H {
		return math.Inf(1)
	}
	var top float64
	for i := range a.Pix {
		top = max(top, math.Abs(float64(a.Pix[i])-float64(b.Pix[i])))
	}
	return top
}

// The fast blur and the fused blur-and-reduce must agree with the plain ones within the stated tolerance, borders included, also
// on images smaller than the kernel.
func TestFastBlur(t *testing.T) {
	kernels := map[string]Kernel{
		"identity": Isotropic(21, 0), "sharp": Isotropic(21, 0.2), "iso": Isotropic(21, 2.6), "wide": Isotropic(21, 4),
		"thin": Anisotropic(21, 4, 0.2, math.Pi/4), "aniso": Anisotropic(21, 3.5, 1.5, math.Pi/6), "axis": Anisotropic(21, 2, 0.5, 0),
	}
	for name, k := range kernels {
		plan := newBlurPlan(k)
		t.Logf("%s: %d terms, direct %v, side %d", name, len(plan.terms), plan.direct, plan.kernel.N)
		for _, size := range [][2]int{{8, 12}, {36, 24}, {40, 64}} {
			m := noiseImage(size[0], size[1], 3)
			want := Blur(m, k)
			if d := worst(plan.blur(m), want); d > blurTolerance+2e-6 {
				t.Errorf("%s %v: fast blur off by %g", name, size, d)
			}
			for _, s := range []int{2, 3, 4} {
				m := m.CropMultiple(s)
				want, _ := Bicubic(Blur(m, k), s)
				got, _ := plan.reduce(m, s)
				if d := worst(got, want); d > 1.5*blurTolerance {
					t.Errorf("%s %v: fused reduction by %d off by %g", name, size, s, d)
				}
			}
		}
	}
}

// The sixteen taps of the reduction by four are those of docs/kdsr.md 3.1.
func TestBicubicTaps(t *testing.T) {
	half := []float64{-7, -45, -75, -49, 93, 399, 745, 987}
	a := bicubicAxis(64, 4)
	j := 8
	var got []float64
	for i, v := range a.exact[j] {
		if math.Abs(v) > 1e-12 {
			if len(got) == 0 && a.first[j]+i != 4*j-6 {
				t.Fatalf("first tap at %d, want %d", a.first[j]+i, 4*j-6)
			}
			got = append(got, v)
		}
	}
	if len(got) != 16 {
		t.Fatalf("%d taps, want 16", len(got))
	}
	for i := range 16 {
		if want := half[min(i, 15-i)] / 4096; math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("tap %d is %g, want %g", i, got[i], want)
		}
	}
}

func BenchmarkClassic(b *testing.B) {
	for name, c := range map[string]Classic{"iso": {Factor: 4}, "aniso": {Factor: 4, Anisotropic: true, Noise: [2]float64{0, 25}}} {
		b.Run(name, func(b *testing.B) {
			hr := []Image{noiseImage(256, 256, 1)}
			for i := range b.N {
				if _, err := c.Apply(NewRand(1, uint64(i)), hr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReal reports the cost of a clip; divide by data.SamplerOptions.Reuse for the cost of a patch.
func BenchmarkReal(b *testing.B) {
	for _, name := range []string{"second", "video", "light", "real"} {
		b.Run(name, func(b *testing.B) {
			r, err := ByName(name, 4)
			if err != nil {
				b.Fatal(err)
			}
			hr := movingClip(256, 256, r.Frames(), 2)
			for i := range b.N {
				if _, err := r.Apply(NewRand(1, uint64(i)), hr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
