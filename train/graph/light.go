package graph

import (
	g "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vsr/sr/kdsr"
)

// unary adds an op of one input with a fresh output buffer.
func (b *Graph) unary(name string, x *g.Node, shape []int, forward, backward func(dst, src []float32)) *g.Node {
	if b.err != nil {
		return nil
	}
	y, yd := dense(shape...)
	d := def{name: name, shape: shape, diff: []bool{true}}
	d.run = func(in []g.Value) (g.Value, error) {
		forward(yd, floats(in[0]))
		return y, nil
	}
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		dx, dxd := dense(in[0].Shape()...)
		n := b.apply(def{name: name + "-back", shape: in[0].Shape(), run: func(in []g.Value) (g.Value, error) {
			backward(dxd, floats(in[0]))
			return dx, nil
		}}, grad)
		return g.Nodes{n}, b.err
	}
	return b.apply(d, x)
}

// Pool is the mean over all pixels: [B,H,W,C] to [B,C].
func (n *Net) Pool(x *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	s := x.Shape()
	b, px, c := s[0], s[1]*s[2], s[3]
	return n.unary("pool", x, []int{b, c},
		func(dst, src []float32) { mean(n.ws, dst, src, b, px, c) },
		func(dst, grad []float32) { meanBack(n.ws, dst, grad, b, px, c) })
}

// Shift adds sign times the mean color.
func (n *Net) Shift(x *g.Node, sign float32) *g.Node {
	if n.err != nil {
		return nil
	}
	return n.unary("shift", x, x.Shape().Clone(),
		func(dst, src []float32) { shiftMean(dst, src, sign) },
		func(dst, grad []float32) { copy(dst, grad) })
}

// Bound implements kdsr.Builder: the taps k of every channel become s*k with s = 1/sqrt(1+|k|^2). Its derivative sends g to
// s*g - s^3*k*(k.g).
func (n *Net) Bound(kernels *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	sh := kernels.Shape().Clone()
	y, yd := dense(sh...)
	d := def{name: "bound", shape: sh, diff: []bool{true}}
	d.run = func(in []g.Value) (g.Value, error) {
		bound(yd, floats(in[0]))
		return y, nil
	}
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		dx, dxd := dense(sh...)
		back := n.apply(def{name: "bound-back", shape: sh, run: func(in []g.Value) (g.Value, error) {
			boundBack(dxd, floats(in[0]), floats(in[1]))
			return dx, nil
		}}, in[0], grad)
		return g.Nodes{back}, n.err
	}
	return n.apply(d, kernels)
}

// YCbCr turns RGB [B,H,W,3] into three times luma and chroma times three times Cb and Cr, full-range BT.601: the mean absolute
// difference of two such tensors is that of luma plus chroma times those of Cb and Cr.
func (b *Graph) YCbCr(x *g.Node, chroma float32) *g.Node {
	if b.err != nil {
		return nil
	}
	m := colorMatrix(chroma)
	return b.unary("ycbcr", x, x.Shape().Clone(),
		func(dst, src []float32) { mix(b.ws, dst, src, m) },
		func(dst, grad []float32) {
			mix(b.ws, dst, grad, [9]float32{m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]})
		})
}

// Shuffle is PixelShuffle(r): [B,H,W,Crr] to [B,rH,rW,C].
func (n *Net) Shuffle(x *g.Node, r int) *g.Node {
	if n.err != nil {
		return nil
	}
	b, h, w, c := x.Shape()[0], x.Shape()[1], x.Shape()[2], x.Shape()[3]/(r*r)
	return n.unary("shuffle", x, []int{b, h * r, w * r, c},
		func(dst, src []float32) { shuffle(n.ws, dst, src, b, h, w, c, r, false) },
		func(dst, grad []float32) { shuffle(n.ws, dst, grad, b, h, w, c, r, true) })
}

// Unshuffle is its inverse.
func (n *Net) Unshuffle(x *g.Node, r int) *g.Node {
	if n.err != nil {
		return nil
	}
	b, h, w, c := x.Shape()[0], x.Shape()[1]/r, x.Shape()[2]/r, x.Shape()[3]
	return n.unary("unshuffle", x, []int{b, h, w, c * r * r},
		func(dst, src []float32) { shuffle(n.ws, dst, src, b, h, w, c, r, true) },
		func(dst, grad []float32) { shuffle(n.ws, dst, grad, b, h, w, c, r, false) })
}

// Enlarge repeats every pixel r times in both directions.
func (n *Net) Enlarge(x *g.Node, r int) *g.Node {
	if n.err != nil {
		return nil
	}
	b, h, w, c := x.Shape()[0], x.Shape()[1], x.Shape()[2], x.Shape()[3]
	return n.unary("enlarge", x, []int{b, h * r, w * r, c},
		func(dst, src []float32) { repeat(n.ws, dst, src, b, h, w, c, r) },
		func(dst, grad []float32) { repeatBack(n.ws, dst, grad, b, h, w, c, r) })
}

// Add is the elementwise sum.
func (n *Net) Add(x, y *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	out, data := dense(x.Shape()...)
	d := def{name: "add", shape: x.Shape().Clone(), diff: []bool{true, true}}
	d.run = func(in []g.Value) (g.Value, error) {
		sum(n.ws, data, floats(in[0]), floats(in[1]))
		return out, nil
	}
	d.grads = func(_ g.Nodes, _, grad *g.Node) (g.Nodes, error) { return g.Nodes{grad, grad}, nil }
	return n.apply(d, x, y)
}

// Concat joins channels, x first.
func (n *Net) Concat(x, y *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	s := x.Shape().Clone()
	ca, cb := s[3], y.Shape()[3]
	s[3] = ca + cb
	out, data := dense(s...)
	d := def{name: "concat", shape: s, diff: []bool{true, true}}
	d.run = func(in []g.Value) (g.Value, error) {
		concat(n.ws, data, floats(in[0]), floats(in[1]), ca, cb)
		return out, nil
	}
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		part := func(i, c, from int) *g.Node {
			dx, dxd := dense(in[i].Shape()...)
			return n.apply(def{name: "concat-back", shape: in[i].Shape(), run: func(in []g.Value) (g.Value, error) {
				take(n.ws, dxd, floats(in[0]), c, ca+cb, from)
				return dx, nil
			}}, grad)
		}
		return g.Nodes{part(0, ca, 0), part(1, cb, ca)}, n.err
	}
	return n.apply(d, x, y)
}

// Linear maps [B,in] to [B,out].
func (n *Net) Linear(x *g.Node, name string, out int, bias, lrelu bool) *g.Node {
	if n.err != nil {
		return nil
	}
	b, in := x.Shape()[0], x.Shape()[1]
	args := g.Nodes{x, n.param(name+".weight", out, in)}
	if bias {
		args = append(args, n.param(name+".bias", out))
	}
	if n.err != nil {
		return nil
	}
	slope := float32(1)
	if lrelu {
		slope = kdsr.Slope
	}
	y, yd := dense(b, out)
	d := def{name: "linear " + name, shape: []int{b, out}, diff: []bool{true, true, true}}
	d.run = func(v []g.Value) (g.Value, error) {
		var bd []float32
		if bias {
			bd = floats(v[2])
		}
		linear(yd, floats(v[0]), floats(v[1]), bd, b, in, out, slope)
		return y, nil
	}
	d.grads = func(args g.Nodes, res, grad *g.Node) (g.Nodes, error) {
		bufs, data := n.buffers(args)
		if !bias {
			data = append(data, nil)
		}
		return n.stash("linear-back "+name, func(v []g.Value) {
			linearBack(data[0], data[1], data[2], floats(v[0]), floats(v[1]), floats(v[2]), floats(v[3]), b, in, out, slope)
		}, bufs, args[0], args[1], res, grad)
	}
	return n.apply(d, args...)
}

// buffers makes a gradient buffer for each node that wants one, nil for the others.
func (b *Graph) buffers(nodes g.Nodes) ([]*tensor.Dense, [][]float32) {
	bufs, data := make([]*tensor.Dense, len(nodes)), make([][]float32, len(nodes))
	for i, n := range nodes {
		if b.wants[n] {
			bufs[i], data[i] = dense(n.Shape()...)
		}
	}
	return bufs, data
}
