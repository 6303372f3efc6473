package graph

import (
	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
)

// Conv is a 3x3 convolution with zero padding 1 and bias: [B,H,W,In] to [B,ceil(H/stride),ceil(W/stride),out].
func (n *Net) Conv(x *g.Node, name string, out, stride int, lrelu bool) *g.Node {
	if n.err != nil {
		return nil
	}
	in := x.Shape()[3]
	w, bias := n.param(name+".weight", out, in, 3, 3), n.param(name+".bias", out)
	slope := float32(1)
	if lrelu {
		slope = conv.Slope
	}
	return n.convolve(name, x, w, bias, conv.General{K: 3, Stride: stride, Pad: 1, Out: out}, slope)
}

// convolve is a general convolution with LeakyReLU of the given slope; bias may be nil. s needs K, Stride, Pad and Out.
func (b *Graph) convolve(name string, x, w, bias *g.Node, s conv.General, slope float32) *g.Node {
	if b.err != nil {
		return nil
	}
	sh := x.Shape()
	s.N, s.H, s.W, s.In = sh[0], sh[1], sh[2], sh[3]
	shape := []int{s.N, s.OutH(), s.OutW(), s.Out}
	y, yd := dense(shape...)
	args := g.Nodes{x, w}
	if bias != nil {
		args = append(args, bias)
	}
	d := def{name: "conv " + name, shape: shape, diff: []bool{true, true, true}}
	d.run = func(v []g.Value) (g.Value, error) {
		var bd []float32
		if bias != nil {
			bd = floats(v[2])
		}
		conv.ForwardGeneral(b.ws, yd, floats(v[0]), floats(v[1]), bd, nil, s, slope)
		return y, nil
	}
	d.grads = func(args g.Nodes, res, grad *g.Node) (g.Nodes, error) {
		bufs, data := b.buffers(args)
		if bias == nil {
			data = append(data, nil)
		}
		dz := make([]float32, len(yd))
		return b.stash("conv-back "+name, func(v []g.Value) {
			dy := floats(v[3])
			if slope != 1 {
				gate(b.ws, dz, floats(v[2]), dy, slope)
				dy = dz
			}
			if data[1] != nil {
				conv.BackwardWeightsGeneral(b.ws, data[1], data[2], floats(v[0]), dy, s)
			}
			if data[0] != nil {
				conv.BackwardDataGeneral(b.ws, data[0], dy, floats(v[1]), s)
			}
		}, bufs, args[0], args[1], res, grad)
	}
	return b.apply(d, args...)
}

// ResBlock is conv(name.0), LReLU, conv(name.2), plus x.
func (n *Net) ResBlock(x *g.Node, name string) *g.Node {
	if n.err != nil {
		return nil
	}
	sh := x.Shape().Clone()
	c := sh[3]
	s := conv.Shape{N: sh[0], H: sh[1], W: sh[2], In: c, Out: c, Stride: 1}
	args := g.Nodes{x}
	for _, part := range []string{".0", ".2"} {
		args = append(args, n.param(name+part+".weight", c, c, 3, 3), n.param(name+part+".bias", c))
	}
	if n.err != nil {
		return nil
	}
	y, yd := dense(sh...)
	t := make([]float32, len(yd)) // between the convolutions, after LReLU; the backward pass reads it
	d := def{name: "resblock " + name, shape: sh, diff: []bool{true, true, true, true, true}}
	d.run = func(v []g.Value) (g.Value, error) {
		conv.Forward(n.ws, t, floats(v[0]), floats(v[1]), floats(v[2]), nil, s, true)
		conv.Forward(n.ws, yd, t, floats(v[3]), floats(v[4]), floats(v[0]), s, false)
		return y, nil
	}
	d.grads = func(args g.Nodes, res, grad *g.Node) (g.Nodes, error) {
		bufs, data := n.buffers(args)
		dt := make([]float32, len(yd))
		// res is an input only to order the passes: t is filled when res is.
		return n.stash("resblock-back "+name, func(v []g.Value) {
			x, w0, w2, dy := floats(v[0]), floats(v[1]), floats(v[2]), floats(v[4])
			if data[3] != nil {
				conv.BackwardWeights(n.ws, data[3], data[4], t, dy, s)
			}
			conv.BackwardData(n.ws, dt, dy, w2, s)
			gate(n.ws, dt, t, dt, conv.Slope)
			if data[1] != nil {
				conv.BackwardWeights(n.ws, data[1], data[2], x, dt, s)
			}
			if data[0] != nil {
				conv.BackwardData(n.ws, data[0], dt, w0, s)
				sum(n.ws, data[0], data[0], dy)
			}
		}, bufs, args[0], args[1], args[3], res, grad)
	}
	return n.apply(d, args...)
}
