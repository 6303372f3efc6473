package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// eachISA runs f once for every instruction set but the specification, and goes back to the default.
func eachISA(t *testing.T, f func(isa string)) {
	t.Helper()
	was := ISA()
	defer func() { _ = Use(was) }()
	if len(ISAs()) == 1 {
		t.Skip("this build or CPU has only the plain Go kernels")
	}
	for _, name := range ISAs()[1:] {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		poison()
		f(name)
	}
}

func random(r *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// near fails unless the error of got is small against the size of want. Winograd's F(4x4,3x3) in float32 loses about
// 5 bits of 24; a wrong tap, row or channel is wrong by about 1.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	var diff, size, worst float64
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if !(d >= worst) { // NaN too
			worst = d
		}
		worst = max(worst, d)
		diff += d * d
		size += float64(w) * float64(w)
	}
	scale := math.Sqrt(size / float64(max(len(want), 1)))
	if math.IsNaN(diff) || diff > size*1e-10 || worst > 1e-4*scale {
		t.Errorf("%s: relative error %.2g, worst %.2g of %.2g", what, math.Sqrt(diff/size), worst, scale)
	}
}

// poison gives scratch memory values that must not reach any result.
func poison() {
	var taken []*[]float32
	for class := 10; class < 19; class++ {
		for range 3 {
			p := takeFloats(1 << class)
			for i := range *p {
				(*p)[i] = float32(math.NaN())
			}
			taken = append(taken, p)
		}
	}
	for _, p := range taken {
		giveFloats(p)
	}
}

var sizes = []Shape{
	{1, 1, 1, 16, 16, 1}, {2, 1, 9, 16, 32, 1}, {1, 9, 1, 32, 16, 1}, {1, 2, 2, 8, 8, 1}, {1, 3, 3, 17, 5, 1}, {1, 4, 4, 32, 32, 1},
	{3, 5, 5, 32, 32, 1}, {1, 6, 7, 15, 32, 1}, {2, 7, 6, 51, 16, 1}, {1, 8, 8, 30, 64, 1}, {1, 9, 11, 64, 12, 1}, {1, 10, 13, 32, 48, 1},
	{1, 11, 10, 32, 27, 1}, {2, 12, 12, 16, 3, 1}, {1, 13, 17, 3, 32, 1}, {1, 14, 15, 1, 1, 1}, {5, 15, 14, 16, 16, 1}, {1, 16, 16, 48, 48, 1},
	{1, 17, 16, 33, 31, 1}, {1, 31, 37, 16, 16, 1}, {2, 29, 23, 3, 16, 2}, {1, 16, 16, 3, 32, 2}, {1, 1, 1, 3, 16, 2}, {1, 7, 2, 20, 20, 2},
	{1, 67, 41, 64, 64, 1}, {1, 3, 131, 128, 32, 1},
}

func TestConvolutionMatchesPlainGo(t *testing.T) {
	for _, s := range sizes {
		checkGeneral(t, s.General())
	}
}

func TestGeneralConvolutionMatchesPlainGo(t *testing.T) {
	for _, g := range []General{
		{2, 8, 8, 16, 32, 1, 1, 0}, {1, 5, 7, 3, 5, 1, 1, 0}, {1, 16, 16, 8, 16, 4, 2, 1}, {2, 7, 9, 5, 3, 4, 2, 1}, {1, 13, 11, 3, 64, 3, 2, 0},
		{1, 9, 9, 4, 4, 5, 1, 2}, {1, 1, 1, 3, 7, 4, 1, 3}, {1, 2, 2, 3, 3, 3, 1, 0}, {1, 6, 6, 16, 16, 1, 2, 0}, {1, 10, 10, 15, 15, 3, 1, 0},
	} {
		checkGeneral(t, g)
	}
}

// checkGeneral compares the three passes with those of plain Go.
func checkGeneral(t *testing.T, g General) {
	t.Helper()
	ws := NewWorkers(2)
	defer ws.Close()
	r := rand.New(rand.NewPCG(1, uint64(g.H*1000+g.W)))
	in, out, weights := g.N*g.H*g.W*g.In, g.N*g.OutH()*g.OutW()*g.Out, g.Out*g.In*g.K*g.K
	x, w, b, add, dy := random(r, in), random(r, weights), random(r, g.Out), random(r, out), random(r, out)
	passes := func(e engine) map[string][]float32 {
		y, relu, dx, dw, db := random(r, out), random(r, out), random(r, in), random(r, weights), random(r, g.Out)
		e.forward(ws, y, x, w, b, add, g, Slope)
		e.forward(ws, relu, x, w, nil, nil, g, 0)
		e.backwardData(ws, dx, dy, w, g)
		e.backwardWeights(ws, dw, db, x, dy, g)
		return map[string][]float32{"forward": y, "forward ReLU": relu, "backward data": dx, "backward weights": dw, "backward bias": db}
	}
	want := passes(plain{})
	eachISA(t, func(isa string) {
		for name, got := range passes(using().engine) {
			near(t, fmt.Sprintf("%s: %s %+v", isa, name, g), got, want[name])
		}
	})
}

func TestDepthwiseAndBlockMatchPlainGo(t *testing.T) {
	three := NewWorkers(3)
	defer three.Close()
	for i, s := range []Shape{
		{1, 1, 1, 16, 16, 1}, {2, 1, 7, 16, 16, 1}, {1, 7, 1, 16, 16, 1}, {1, 2, 3, 5, 5, 1}, {3, 5, 4, 33, 33, 1}, {4, 17, 13, 32, 32, 1},
		{1, 37, 8, 64, 64, 1}, {3, 23, 31, 16, 16, 1}, {1, 41, 130, 16, 16, 1}, {5, 12, 12, 17, 17, 1}, {1, 8, 6, 3, 3, 1}, {19, 6, 5, 16, 16, 1},
	} {
		ws := three
		if i%2 == 0 {
			ws = nil
		}
		checkBlock(t, ws, s)
	}
}

func checkBlock(t *testing.T, ws *Workers, s Shape) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, uint64(s.H*1000+s.W)))
	n, c := s.pixels()*s.In, s.In
	x, k, w, b, dy := random(r, n), random(r, s.N*9*c), random(r, 9*c*c), random(r, c), random(r, n)
	passes := func(e engine) map[string][]float32 {
		y, dx, dk, dw, db := random(r, n), random(r, n), random(r, len(k)), random(r, len(w)), random(r, c)
		e.block(ws, y, x, k, w, b, s)
		e.blockBackward(ws, dx, dk, dw, db, dy, x, k, w, s)
		all := map[string][]float32{"block": y, "block dx": dx, "block dk": dk, "block dw": dw, "block db": db}
		linear, lrelu, ddx, ddk := random(r, n), random(r, n), random(r, n), random(r, len(k))
		e.depthwise(ws, linear, x, k, s, 1)
		e.depthwise(ws, lrelu, x, k, s, Slope)
		e.depthwiseData(ws, ddx, dy, k, s)
		e.depthwiseKernels(ws, ddk, x, dy, s)
		all["depthwise"], all["depthwise LReLU"], all["depthwise dx"], all["depthwise dk"] = linear, lrelu, ddx, ddk
		return all
	}
	want := passes(plain{})
	eachISA(t, func(isa string) {
		for name, got := range passes(using().engine) {
			near(t, fmt.Sprintf("%s: %s %+v", isa, name, s), got, want[name])
		}
	})
}

// Training resumes bit by bit only if nothing depends on who does which part.
func TestResultsDoNotDependOnWorkers(t *testing.T) {
	eachISA(t, func(isa string) {
		for _, s := range []Shape{{3, 37, 30, 32, 32, 1}, {9, 10, 8, 16, 16, 1}, {1, 50, 64, 15, 15, 1}, {19, 6, 5, 16, 16, 1}} {
			var first []float32
			for _, n := range []int{1, 2, 3, 7, 18} {
				ws := NewWorkers(n)
				got := everything(ws, s)
				ws.Close()
				if first == nil {
					first = got
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
						t.Fatalf("%s %+v: element %d is %v with %d workers and %v with 1", isa, s, i, got[i], n, first[i])
					}
				}
			}
		}
	})
}

// everything runs all passes on fixed data and joins their results.
func everything(ws *Workers, s Shape) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	n, c := s.pixels()*s.In, s.In
	x, k, w, b, dy := random(r, n), random(r, s.N*9*c), random(r, 9*c*c), random(r, c), random(r, n)
	y, dx, dk, dw, db := make([]float32, n), make([]float32, n), make([]float32, len(k)), make([]float32, len(w)), make([]float32, c)
	var all []float32
	keep := func(parts ...[]float32) {
		for _, p := range parts {
			all = append(all, p...)
		}
	}
	Block(ws, y, x, k, w, b, s)
	BlockBackward(ws, dx, dk, dw, db, dy, x, k, w, s)
	keep(y, dx, dk, dw, db)
	Forward(ws, y, x, w, b, x, s, true)
	BackwardData(ws, dx, dy, w, s)
	BackwardWeights(ws, dw, db, x, dy, s)
	keep(y, dx, dw, db)
	g := s.General()
	g.Pad = 2 // not Winograd
	gy := make([]float32, g.N*g.OutH()*g.OutW()*g.Out)
	ForwardGeneral(ws, gy, x, w, b, nil, g, 1)
	BackwardDataGeneral(ws, dx, gy, w, g)
	BackwardWeightsGeneral(ws, dw, db, x, gy, g)
	keep(gy, dx, dw, db)
	return all
}

func TestEmptyBatch(t *testing.T) {
	for _, name := range ISAs() {
		was := ISA()
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = Use(was) }()
		for _, s := range []Shape{{0, 8, 8, 16, 16, 1}, {2, 0, 8, 16, 16, 1}, {2, 8, 0, 16, 16, 1}} {
			r := rand.New(rand.NewPCG(5, 6))
			dw, db, dk := random(r, 2304), random(r, 16), random(r, s.N*144)
			Forward(nil, nil, nil, dw, db, nil, s, true)
			BlockBackward(nil, nil, dk, dw, db, nil, nil, make([]float32, s.N*144), make([]float32, 2304), s)
			for i, v := range append(append(dw, db...), dk...) {
				if v != 0 {
					t.Fatalf("%s %+v: gradient %d of nothing is %v, want 0", name, s, i, v)
				}
			}
		}
	}
}

func TestNothingLargeIsAllocated(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	s := Shape{4, 32, 32, 32, 32, 1}
	n := s.pixels() * s.In
	x, y, dx := make([]float32, n), make([]float32, n), make([]float32, n)
	k, w := make([]float32, 4*9*32), make([]float32, 9*32*32)
	dk, dw := make([]float32, len(k)), make([]float32, len(w))
	eachISA(t, func(isa string) {
		step := func() {
			Block(nil, y, x, k, w, nil, s)
			BlockBackward(nil, dx, dk, dw, nil, y, x, k, w, s)
		}
		step()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			step()
		}
		runtime.ReadMemStats(&after)
		// A garbage collection in between may empty the pool once: so not 0, but far from 10 times the scratch memory.
		if per := (after.TotalAlloc - before.TotalAlloc) / 10; per > 1<<20 {
			t.Errorf("%s: %d bytes allocated per step", isa, per)
		}
	})
}
