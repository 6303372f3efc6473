package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"vsr/sr/kdsr"
)

func tiny() kdsr.Config {
	return kdsr.Config{C: 4, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
}

func random(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float32, n)
	for i := range out {
		out[i] = r.Float32()
	}
	return out
}

// step builds a whole student step with distillation and returns the loss and all gradients.
func step(t *testing.T, student, teacher *kdsr.Weights, lr, hr []float32, b, h, w int) (float32, map[string][]float32) {
	t.Helper()
	c := student.Config
	gr := New(nil)
	x, y := gr.Input("lr", b, h, w, 3), gr.Input("hr", b, h*c.Scale, w*c.Scale, 3)
	st := gr.Net("", student, func(string) bool { return true })
	te := gr.Net("teacher.", teacher, nil)
	dT, _ := kdsr.EstimateTeacher(te, c, x, y)
	dS, d := kdsr.Estimate(st, c, x)
	out := kdsr.Upscale(st, c, x, kdsr.Modulate(st, c, d))
	loss := gr.Total([]float32{1, 0.5}, gr.L1(out, y), gr.KL(dS, dT, 0.15))
	p, outs, err := gr.Compile(loss, loss)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 { // twice: the second run must not see anything of the first
		if err := p.Feed(x, lr); err != nil {
			t.Fatal(err)
		}
		if err := p.Feed(y, hr); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	grads := map[string][]float32{}
	for _, q := range p.Params {
		v, err := q.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grads[q.Name] = append([]float32(nil), floats(v)...)
	}
	return outs[0].Floats()[0], grads
}

// TestStepGradient compares every parameter's gradient along a random direction with a central difference.
func TestStepGradient(t *testing.T) {
	for _, tail := range []kdsr.Tail{kdsr.TailDirect, kdsr.TailOfficial} {
		c := tiny()
		if c.Tail = tail; tail == kdsr.TailOfficial {
			c.Skip, c.Stem = kdsr.SkipNone, 1
		}
		student, err := kdsr.RandomWeights(c, 3)
		if err != nil {
			t.Fatal(err)
		}
		teacher, err := kdsr.RandomTeacher(c, 4)
		if err != nil {
			t.Fatal(err)
		}
		b, h, w := 2, 5, 4
		if tail == kdsr.TailOfficial {
			b, h, w = 1, 3, 5
		}
		lr, hr := random(5, b*h*w*3), random(6, b*h*w*3*c.Scale*c.Scale)
		_, grads := step(t, student, teacher, lr, hr, b, h, w)
		for name, grad := range grads {
			data := student.Tensors[name].Data
			keep := append([]float32(nil), data...)
			dir := random(7, len(data))
			var want float64
			at := func(eps float32) float64 {
				for i := range data {
					data[i] = keep[i] + eps*(dir[i]-0.5)
				}
				l, _ := step(t, student, teacher, lr, hr, b, h, w)
				copy(data, keep)
				return float64(l)
			}
			const eps = 2e-4
			numeric := (at(eps) - at(-eps)) / (2 * eps)
			for i, d := range grad {
				want += float64(d) * float64(dir[i]-0.5)
			}
			if math.Abs(numeric-want) > 2e-4+0.02*math.Abs(want) {
				t.Errorf("%s %s: gradient %.6f, difference quotient %.6f", tail, name, want, numeric)
			}
		}
	}
}
