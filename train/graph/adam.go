package graph

import (
	"fmt"
	"math"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
)

// Adam is the solver of the KDSR recipes (Kingma and Ba 2015, as PyTorch computes it: the bias corrections apply to the step
// size and to the root). It is a gorgonia.Solver; gorgonia's own keeps its moments private, so a run could not be resumed.
type Adam struct {
	LR           float64
	Beta1, Beta2 float64
	Eps          float64
	Clip         float64 // largest norm of all gradients together, 0 is no limit
	Workers      *conv.Workers

	Steps int         // how many steps were made
	M, V  [][]float32 // first and second moments, in the order of the parameters
	Norm  float64     // of the last step's gradients, before clipping; 0 when Clip is 0
}

var _ g.Solver = (*Adam)(nil)

// NewAdam returns a solver with eps 1e-8.
func NewAdam(ws *conv.Workers, beta1, beta2 float64) *Adam {
	return &Adam{Beta1: beta1, Beta2: beta2, Eps: 1e-8, Workers: ws}
}

// Reserve makes zero moments for the given parameters if there are none yet.
func (a *Adam) Reserve(params []*Param) {
	if a.M != nil {
		return
	}
	for _, p := range params {
		a.M = append(a.M, make([]float32, len(p.Data)))
		a.V = append(a.V, make([]float32, len(p.Data)))
	}
}

// Step changes every parameter in place.
func (a *Adam) Step(model []g.ValueGrad) error {
	if a.M == nil {
		for _, p := range model {
			n := p.Value().Shape().TotalSize()
			a.M, a.V = append(a.M, make([]float32, n)), append(a.V, make([]float32, n))
		}
	}
	if len(a.M) != len(model) {
		return fmt.Errorf("adam: %d parameters, moments for %d", len(model), len(a.M))
	}
	values, grads := make([][]float32, len(model)), make([][]float32, len(model))
	for i, p := range model {
		d, err := p.Grad()
		if err != nil {
			return fmt.Errorf("adam: %w", err)
		}
		values[i], grads[i] = floats(p.Value()), floats(d)
		if len(a.M[i]) != len(values[i]) || len(grads[i]) != len(values[i]) {
			return fmt.Errorf("adam: parameter %d has %d values, %d gradients, %d moments", i, len(values[i]), len(grads[i]), len(a.M[i]))
		}
	}
	a.Steps++
	scale := a.clip(grads)
	size := a.LR / (1 - math.Pow(a.Beta1, float64(a.Steps)))
	root := 1 / math.Sqrt(1-math.Pow(a.Beta2, float64(a.Steps)))
	a.Workers.Run(len(model), func(i int) {
		a.one(values[i], grads[i], a.M[i], a.V[i], scale, float32(size), float32(root))
	})
	return nil
}

func (a *Adam) one(p, grad, m, v []float32, scale, size, root float32) {
	b1, b2, eps := float32(a.Beta1), float32(a.Beta2), float32(a.Eps)
	m, v, grad = m[:len(p)], v[:len(p)], grad[:len(p)]
	for i := range p {
		d := grad[i] * scale
		m[i] = b1*m[i] + (1-b1)*d
		v[i] = b2*v[i] + (1-b2)*d*d
		p[i] -= size * m[i] / (float32(math.Sqrt(float64(v[i])))*root + eps)
	}
}

// clip returns the factor that brings the norm of all gradients down to Clip.
func (a *Adam) clip(grads [][]float32) float32 {
	if a.Clip <= 0 {
		return 1
	}
	var s float64
	for _, d := range grads {
		for _, v := range d {
			s += float64(v) * float64(v)
		}
	}
	a.Norm = math.Sqrt(s)
	if a.Norm > a.Clip {
		return float32(a.Clip / a.Norm)
	}
	return 1
}
