package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// eachISA runs f once for every instruction set but the specification.
func eachISA(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	was := ISA()
	defer func() { _ = Use(was) }()
	if len(ISAs()) == 1 {
		t.Skip("this build or CPU has only the plain Go kernels")
	}
	for _, name := range ISAs()[1:] {
		t.Run(name, func(t *testing.T) {
			if err := Use(name); err != nil {
				t.Fatal(err)
			}
			f(t)
		})
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
	ws := NewWorkers(2)
	defer ws.Close()
	eachISA(t, func(t *testing.T) {
		poison()
		for _, s := range sizes {
			checkGeneral(t, ws, s.General())
		}
	})
}

func TestGeneralConvolutionMatchesPlainGo(t *testing.T) {
	ws := NewWorkers(2)
	defer ws.Close()
	eachISA(t, func(t *testing.T) {
		poison()
		for _, g := range []General{
			{2, 8, 8, 16, 32, 1, 1, 0}, {1, 5, 7, 3, 5, 1, 1, 0}, {1, 16, 16, 8, 16, 4, 2, 1}, {2, 7, 9, 5, 3, 4, 2, 1}, {1, 13, 11, 3, 64, 3, 2, 0},
			{1, 9, 9, 4, 4, 5, 1, 2}, {1, 1, 1, 3, 7, 4, 1, 3}, {1, 2, 2, 3, 3, 3, 1, 0}, {1, 6, 6, 16, 16, 1, 2, 0}, {1, 10, 10, 15, 15, 3, 1, 0},
		} {
			checkGeneral(t, ws, g)
		}
	})
}

// checkGeneral compares the three passes with those of plain Go.
func checkGeneral(t *testing.T, ws *Workers, g General) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(g.H*1000+g.W)))
	in, out, weights := g.N*g.H*g.W*g.In, g.N*g.OutH()*g.OutW()*g.Out, g.Out*g.In*g.K*g.K
	x, w, b, add, dy := random(r, in), random(r, weights), random(r, g.Out), random(r, out), random(r, out)
	for _, slope := range []float32{1, Slope, 0} {
		got, want := random(r, out), make([]float32, out)
		bias, plus := b, add
		if slope == 0 {
			bias, plus = nil, nil
		}
		ForwardGeneral(ws, got, x, w, bias, plus, g, slope)
		plain{}.forward(ws, want, x, w, bias, plus, g, slope)
		near(t, fmt.Sprintf("forward %+v slope %v", g, slope), got, want)
	}
	got, want := random(r, in), make([]float32, in)
	BackwardDataGeneral(ws, got, dy, w, g)
	plain{}.backwardData(ws, want, dy, w, g)
	near(t, fmt.Sprintf("backward data %+v", g), got, want)
	got, want = random(r, weights), make([]float32, weights)
	gotB, wantB := random(r, g.Out), make([]float32, g.Out)
	BackwardWeightsGeneral(ws, got, gotB, x, dy, g)
	plain{}.backwardWeights(ws, want, wantB, x, dy, g)
	near(t, fmt.Sprintf("backward weights %+v", g), got, want)
	near(t, fmt.Sprintf("backward bias %+v", g), gotB, wantB)
	BackwardWeightsGeneral(ws, got, nil, x, dy, g)
	near(t, fmt.Sprintf("backward weights %+v without bias", g), got, want)
}

func TestDepthwiseAndBlockMatchPlainGo(t *testing.T) {
	three := NewWorkers(3)
	defer three.Close()
	eachISA(t, func(t *testing.T) {
		poison()
		for i, s := range []Shape{
			{1, 1, 1, 16, 16, 1}, {2, 1, 7, 16, 16, 1}, {1, 7, 1, 16, 16, 1}, {1, 2, 3, 5, 5, 1}, {3, 5, 4, 33, 33, 1}, {4, 17, 13, 32, 32, 1},
			{1, 37, 8, 64, 64, 1}, {3, 23, 31, 16, 16, 1}, {1, 41, 130, 16, 16, 1}, {5, 12, 12, 17, 17, 1}, {1, 8, 6, 3, 3, 1},
		} {
			ws := three
			if i%2 == 0 {
				ws = nil
			}
			checkBlock(t, ws, s)
		}
	})
}

func checkBlock(t *testing.T, ws *Workers, s Shape) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, uint64(s.H*1000+s.W)))
	n, c := s.pixels()*s.In, s.In
	x, k, w, b, dy := random(r, n), random(r, s.N*9*c), random(r, 9*c*c), random(r, c), random(r, n)
	name := func(what string) string { return fmt.Sprintf("%s %+v", what, s) }
	pair := func(n int) (got, want []float32) { return random(r, n), make([]float32, n) }

	y, wantY := pair(n)
	mid, wantT := pair(n)
	Block(ws, y, mid, x, k, w, b, s)
	plain{}.block(nil, wantY, wantT, x, k, w, b, s)
	near(t, name("block t"), mid, wantT)
	near(t, name("block y"), y, wantY)

	dx, wantDX := pair(n)
	dk, wantDK := pair(len(k))
	dw, wantDW := pair(len(w))
	db, wantDB := pair(c)
	BlockBackward(ws, dx, dk, dw, db, dy, x, wantT, k, w, s)
	plain{}.blockBackward(nil, wantDX, wantDK, wantDW, wantDB, dy, x, wantT, k, w, s)
	near(t, name("block dx"), dx, wantDX)
	near(t, name("block dk"), dk, wantDK)
	near(t, name("block dw"), dw, wantDW)
	near(t, name("block db"), db, wantDB)

	for _, lrelu := range []bool{false, true} {
		Depthwise(ws, y, x, k, s, lrelu)
		plain{}.depthwise(nil, wantY, x, k, s, slopeOf(lrelu))
		near(t, name("depthwise"), y, wantY)
	}
	DepthwiseBackwardData(ws, dx, dy, k, s)
	plain{}.depthwiseData(nil, wantDX, dy, k, s)
	near(t, name("depthwise dx"), dx, wantDX)
	DepthwiseBackwardKernels(ws, dk, x, dy, s)
	plain{}.depthwiseKernels(nil, wantDK, x, dy, s)
	near(t, name("depthwise dk"), dk, wantDK)
}

// Training resumes bit by bit only if nothing depends on who does which part.
func TestResultsDoNotDependOnWorkers(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, s := range []Shape{{3, 37, 30, 32, 32, 1}, {9, 10, 8, 16, 16, 1}, {1, 50, 64, 15, 15, 1}} {
			var first []float32
			for _, n := range []int{1, 2, 3, 7} {
				ws := NewWorkers(n)
				got := everything(ws, s)
				ws.Close()
				if first == nil {
					first = got
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
						t.Fatalf("%+v: element %d is %v with %d workers and %v with 1", s, i, got[i], n, first[i])
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
	y, mid, dx, dk, dw, db := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, len(k)), make([]float32, len(w)), make([]float32, c)
	var all []float32
	keep := func(parts ...[]float32) {
		for _, p := range parts {
			all = append(all, p...)
		}
	}
	Block(ws, y, mid, x, k, w, b, s)
	BlockBackward(ws, dx, dk, dw, db, dy, x, mid, k, w, s)
	keep(y, mid, dx, dk, dw, db)
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
			BlockBackward(nil, nil, dk, dw, db, nil, nil, nil, make([]float32, s.N*144), make([]float32, 2304), s)
			for i, v := range append(append(dw, db...), dk...) {
				if v != 0 {
					t.Fatalf("%s %+v: gradient %d of nothing is %v, want 0", name, s, i, v)
				}
			}
		}
	}
}

func TestNothingLargeIsAllocated(t *testing.T) {
	s := Shape{4, 32, 32, 32, 32, 1}
	n := s.pixels() * s.In
	x, t0, y, dx := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	k, w := make([]float32, 4*9*32), make([]float32, 9*32*32)
	dk, dw := make([]float32, len(k)), make([]float32, len(w))
	eachISA(t, func(t *testing.T) {
		step := func() {
			Block(nil, y, t0, x, k, w, nil, s)
			BlockBackward(nil, dx, dk, dw, nil, y, x, t0, k, w, s)
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
			t.Errorf("%d bytes allocated per step", per)
		}
	})
}
