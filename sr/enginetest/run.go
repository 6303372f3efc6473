package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// Tolerance is how far an engine may be from float64, rounding to samples aside.
type Tolerance struct {
	Estimate float64 // of the degradation vector, as a share of its largest value: 1e-4 for float32
	Sample   float64 // of a sample, as a share of the largest sample value: 1e-5 for float32, 1.0/255 for one level of 8 bits
}

// configs are networks of both families at every scale, with channel numbers that fast paths like and one that none does.
func configs() []kdsr.Config {
	official := func(c, n, r, s int) kdsr.Config {
		return kdsr.Config{C: c, N: n, R: r, Scale: s, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1}
	}
	ours := func(c, n, r, s int) kdsr.Config {
		return kdsr.Config{C: c, N: n, R: r, Scale: s, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	}
	bounded := ours(48, 2, 1, 2)
	bounded.Kernels = kdsr.KernelsBounded
	return []kdsr.Config{ours(16, 2, 1, 4), ours(32, 3, 1, 2), ours(16, 1, 2, 3),
		official(16, 2, 1, 4), official(16, 1, 1, 2), official(5, 2, 0, 3), ours(7, 0, 0, 2), bounded}
}

// Run opens engines for a number of small networks and holds them against the reference, after Generic.
func Run(t *testing.T, f func(*kdsr.Weights) (sr.Engine, error), tol Tolerance) {
	for i, c := range configs() {
		w, err := kdsr.RandomWeights(c, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%s-c%d-x%d", c.Tail, c.C, c.Scale), func(t *testing.T) {
			openOne := func() (sr.Engine, error) { return f(w) }
			if i == 0 || i == 3 {
				Generic(t, openOne)
			}
			if i == 0 {
				t.Run("idr_bounds", func(t *testing.T) { testIDRBounds(t, w, f, tol) })
			}
			t.Run("reference", func(t *testing.T) { testReference(open(t, openOne), w, i, tol) })
		})
	}
}

// testIDRBounds holds that a vector outside of the bounds is moved to the border, and that a broken note is refused.
func testIDRBounds(t *testing.T, w *kdsr.Weights, f func(*kdsr.Weights) (sr.Engine, error), tol Tolerance) {
	format := formats(16, 16)[0]
	src := testFrame(format, 1)
	free := open(t, func() (sr.Engine, error) { return f(w) }).estimate(src)
	bounds := &kdsr.IDRBounds{Mean: make([]float32, len(free)), Dev: make([]float32, len(free)), Limit: 1}
	for k := range bounds.Dev {
		bounds.Dev[k] = 1
	}
	far := bounds.Distance(free)
	noted := w.Clone()
	noted.Meta = map[string]string{}
	for _, limit := range []float64{far / 2, far * 2} {
		bounds.Limit = limit
		if err := noted.SetIDRBounds(bounds); err != nil {
			t.Fatal(err)
		}
		h := open(t, func() (sr.Engine, error) { return f(noted) })
		want := make([]float64, len(free))
		for k, v := range free {
			want[k] = float64(v) * min(1, limit/far)
		}
		h.compareVector(format, h.estimate(src), want, tol.Estimate)
	}
	noted.Meta[kdsr.MetaIDRBounds] = `{"mean":[0],"dev":[1],"limit":1}`
	if e, err := f(noted); err == nil {
		e.Close()
		t.Error("a note of one component was taken")
	}
}

// testReference compares estimates and frames. The first network is tried with all sizes, and with all formats at one size;
// the others with a share of them.
func testReference(t *harness, w *kdsr.Weights, number int, tol Tolerance) {
	var all []media.Format
	for i, size := range sizes {
		kinds := formats(size[0], size[1])
		all = append(all, kinds[(i+number)%len(kinds)])
	}
	kinds := formats(7, 6)
	for i, f := range kinds {
		if number == 0 || (i+number)%5 == 0 {
			all = append(all, f)
		}
	}
	if number > 0 {
		all = all[number%2:]
	}
	if testing.Short() {
		all = all[:len(all)/2]
	}
	for i, f := range all {
		src := testFrame(f, uint64(100*number+i))
		x := toRGB(src)
		ref := &kdsr.Reference{Weights: w}
		_, d := kdsr.Estimate(ref, w.Config, x)
		t.compareVector(f, t.estimate(src), d.Data, tol.Estimate)
		// A vector larger than random weights give, so that the kernels have a say.
		v := randomVector(w.Config.C, uint64(i))
		y := kdsr.Upscale(ref, w.Config, x, kdsr.Modulate(ref, w.Config, kdsr.NewArray32(v, 1, len(v))))
		if ref.Err() != nil {
			t.Fatal(ref.Err())
		}
		got := t.upscale(src, t.modulate(v))
		t.compareFrame(got, fromRGB(y, got.Format, f), tol.Sample)
	}
}

func randomVector(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	v := make([]float32, n)
	for i := range v {
		v[i] = 4*rng.Float32() - 1
	}
	return v
}

func (t *harness) compareVector(f media.Format, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%v: vector of %d values, want %d", f, len(got), len(want))
	}
	top := 0.0
	for _, v := range want {
		top = max(top, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= tol*top) {
			t.Errorf("%v: vector[%d] is %g, want %g", f, i, got[i], v)
			return
		}
	}
}

// compareFrame allows the tolerance and half a sample value for rounding.
func (t *harness) compareFrame(got *media.Frame, want [][]float64, tol float64) {
	t.Helper()
	top := float64(int(1)<<got.Depth - 1)
	for p, plane := range want {
		w, _ := got.PlaneSize(p)
		for i, v := range plane {
			v = min(max(v, 0), top)
			if s := sample(got, p, i%w, i/w); !(math.Abs(s-v) <= 0.501+tol*top) {
				t.Errorf("%v: plane %d at (%d,%d) is %g, want %.3f", got.Format, p, i%w, i/w, s, v)
				return
			}
		}
	}
}
