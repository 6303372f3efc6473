package graph

import (
	g "gorgonia.org/gorgonia"
)

// pair adds a scalar loss of a and target whose gradient goes to a only. value computes it; back fills the gradient
// of scale times the loss.
func (b *Graph) pair(name string, a, target *g.Node, value func(a, t []float32) float32,
	back func(dst, a, t []float32, scale float32),
) *g.Node {
	if b.err != nil {
		return nil
	}
	d := def{name: name, diff: []bool{true, false}}
	d.run = func(v []g.Value) (g.Value, error) { return scalar(value(floats(v[0]), floats(v[1]))), nil }
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		da, data := dense(in[0].Shape()...)
		n := b.apply(def{name: name + "-back", shape: in[0].Shape(), run: func(v []g.Value) (g.Value, error) {
			back(data, floats(v[0]), floats(v[1]), number(v[2]))
			return da, nil
		}}, in[0], in[1], grad)
		return g.Nodes{n, nil}, b.err
	}
	return b.apply(d, a, target)
}

// L1 is the mean absolute difference of y and target; only y gets a gradient.
func (b *Graph) L1(y, target *g.Node) *g.Node {
	return b.pair("l1", y, target,
		func(a, t []float32) float32 { return l1(b.ws, a, t) },
		func(dst, a, t []float32, scale float32) { l1Back(b.ws, dst, a, t, scale) })
}

// L2 is the mean squared difference of y and target; only y gets a gradient.
func (b *Graph) L2(y, target *g.Node) *g.Node {
	return b.pair("l2", y, target,
		func(a, t []float32) float32 { return l2(b.ws, a, t) },
		func(dst, a, t []float32, scale float32) { l2Back(b.ws, dst, a, t, scale) })
}

// KL is the distillation loss of docs/kdsr.md 2.3 between D' [B,4C] of student and teacher; only the student gets a gradient.
func (b *Graph) KL(student, teacher *g.Node, temperature float64) *g.Node {
	if b.err != nil {
		return nil
	}
	rows := student.Shape()[0]
	return b.pair("kl", student, teacher,
		func(s, t []float32) float32 { return kl(nil, s, t, rows, temperature) },
		func(dst, s, t []float32, scale float32) {
			kl(dst, s, t, rows, temperature)
			for i := range dst {
				dst[i] *= scale
			}
		})
}

// BCE is the mean binary cross entropy of logits against one target for all, 1 (real) or 0 (fake).
func (b *Graph) BCE(logits *g.Node, target float64) *g.Node {
	return b.pair("bce", logits, logits,
		func(a, _ []float32) float32 { return bce(a, target) },
		func(dst, a, _ []float32, scale float32) { bceBack(dst, a, target, float64(scale)) })
}

// Total is the weighted sum of scalar losses.
func (b *Graph) Total(weights []float32, losses ...*g.Node) *g.Node {
	if b.err != nil {
		return nil
	}
	d := def{name: "total"}
	for range losses {
		d.diff = append(d.diff, true)
	}
	d.run = func(v []g.Value) (g.Value, error) {
		var s float32
		for i, w := range weights {
			s += w * number(v[i])
		}
		return scalar(s), nil
	}
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		out := make(g.Nodes, len(in))
		for i, w := range weights {
			if b.wants[in[i]] {
				out[i] = b.apply(def{name: "total-back", run: func(v []g.Value) (g.Value, error) {
					return scalar(w * number(v[0])), nil
				}}, grad)
			}
		}
		return out, b.err
	}
	return b.apply(d, losses...)
}
