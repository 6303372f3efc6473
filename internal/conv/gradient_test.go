package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The specification's gradients against finite differences of its forward passes. Every operation is linear in each of its
// arguments except for the activation, so central differences are exact but for rounding; a large step keeps that small.

// weighted is the loss: the sum of y times fixed weights, whose gradient by y is those weights.
func weighted(y, weights []float32) float64 {
	sum := 0.0
	for i, v := range y {
		sum += float64(v) * float64(weights[i])
	}
	return sum
}

// checkGradient compares got with the differences of loss when each value of p changes by step in both directions.
func checkGradient(t *testing.T, what string, p, got []float32, step float32, loss func() float64) {
	t.Helper()
	size := 0.0
	for _, v := range got {
		size = max(size, math.Abs(float64(v)))
	}
	for i, v := range p {
		p[i] = v + step
		up := loss()
		p[i] = v - step
		down := loss()
		width := float64(v+step) - float64(v-step)
		p[i] = v
		if want := (up - down) / width; math.Abs(float64(got[i])-want) > 1e-4*size {
			t.Errorf("%s: gradient %d is %v, differences give %v", what, i, got[i], want)
			return
		}
	}
}

func TestConvolutionGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, g := range []General{
		{2, 5, 4, 3, 2, 3, 1, 1}, {1, 5, 6, 2, 3, 3, 2, 1}, {1, 6, 5, 2, 2, 4, 2, 1}, {2, 3, 3, 3, 2, 1, 1, 0}, {1, 7, 6, 2, 2, 3, 2, 0}, {1, 1, 1, 2, 2, 3, 1, 1},
	} {
		in, out, weights := g.N*g.H*g.W*g.In, g.N*g.OutH()*g.OutW()*g.Out, g.Out*g.In*g.K*g.K
		x, w, b, dy, y := random(r, in), random(r, weights), random(r, g.Out), random(r, out), make([]float32, out)
		dx, dw, db := make([]float32, in), make([]float32, weights), make([]float32, g.Out)
		plain{}.backwardData(nil, dx, dy, w, g)
		plain{}.backwardWeights(nil, dw, db, x, dy, g)
		loss := func() float64 {
			plain{}.forward(nil, y, x, w, b, nil, g, 1)
			return weighted(y, dy)
		}
		checkGradient(t, fmt.Sprintf("x of %+v", g), x, dx, 1, loss)
		checkGradient(t, fmt.Sprintf("w of %+v", g), w, dw, 1, loss)
		checkGradient(t, fmt.Sprintf("b of %+v", g), b, db, 1, loss)
	}
}

func TestDepthwiseGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, s := range []Shape{{2, 4, 5, 3, 3, 1}, {1, 1, 3, 2, 2, 1}, {1, 1, 1, 2, 2, 1}} {
		n := s.pixels() * s.In
		x, k, dy, y := random(r, n), random(r, s.N*9*s.In), random(r, n), make([]float32, n)
		dx, dk := make([]float32, n), make([]float32, len(k))
		plain{}.depthwiseData(nil, dx, dy, k, s)
		plain{}.depthwiseKernels(nil, dk, x, dy, s)
		loss := func() float64 {
			plain{}.depthwise(nil, y, x, k, s, 1)
			return weighted(y, dy)
		}
		checkGradient(t, fmt.Sprintf("x of %+v", s), x, dx, 1, loss)
		checkGradient(t, fmt.Sprintf("k of %+v", s), k, dk, 1, loss)
	}
}

// Values near the activation's kink would spoil the differences: the taps are chosen so that none is.
func TestBlockGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	s := Shape{2, 4, 3, 3, 3, 1}
	const step = 1.0 / 512
	n := s.pixels() * s.In
	x, k, w, b, dy := random(r, n), random(r, s.N*9*s.In), random(r, 9*s.In*s.In), random(r, s.In), random(r, n)
	y, z := make([]float32, n), make([]float32, n)
	for again := true; again; {
		again = false
		plain{}.depthwise(nil, z, x, k, s, 1)
		for _, v := range z {
			again = again || math.Abs(float64(v)) < 0.02
		}
		if again {
			x = random(r, n)
		}
	}
	loss := func() float64 {
		plain{}.block(nil, y, x, k, w, b, s)
		return weighted(y, dy)
	}
	dx, dk, dw, db := make([]float32, n), make([]float32, len(k)), make([]float32, len(w)), make([]float32, s.In)
	loss()
	plain{}.blockBackward(nil, dx, dk, dw, db, dy, x, k, w, s)
	checkGradient(t, "x", x, dx, step, loss)
	checkGradient(t, "k", k, dk, step, loss)
	checkGradient(t, "w", w, dw, 1, loss)
	checkGradient(t, "b", b, db, 1, loss)
}
