package graph

import (
	g "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vsr/internal/conv"
)

// Blocks that follow each other share two buffers for the gradients of their inputs, each block writing the one that the
// block behind it did not: so these stay in the cache. A gradient is read by the next block in the backward pass alone (or by
// the sum that this block reads), so it may be overwritten by the one after that.
type chain struct{ bufs [2]*tensor.Dense }

// link is a block's place in its chain.
type link struct {
	*chain
	odd int
}

// link gives the block that reads x its place. A second block that reads the same x begins a chain of its own.
func (n *Net) link(x *g.Node) link {
	l, ok := n.links[x]
	if !ok {
		return link{chain: &chain{}}
	}
	delete(n.links, x)
	return link{l.chain, 1 - l.odd}
}

// buffer is where the block writes the gradient of its input.
func (l link) buffer(shape tensor.Shape) *tensor.Dense {
	if l.bufs[l.odd] == nil {
		l.bufs[l.odd], _ = dense(shape...)
	}
	return l.bufs[l.odd]
}

// Block is IDR-DCRB (paper Fig. 2b): depthwise 3x3 with kernels [B,9C], LReLU, conv(name), plus x.
func (n *Net) Block(x, kernels *g.Node, name string) *g.Node {
	if n.err != nil {
		return nil
	}
	sh := x.Shape().Clone()
	c := sh[3]
	s := conv.Shape{N: sh[0], H: sh[1], W: sh[2], In: c, Out: c, Stride: 1}
	args := g.Nodes{x, kernels, n.param(name+".weight", c, c, 3, 3), n.param(name+".bias", c)}
	if n.err != nil {
		return nil
	}
	y, yd := dense(sh...)
	place := n.link(x)
	d := def{name: "block " + name, shape: sh, diff: []bool{true, true, true, true}}
	d.run = func(v []g.Value) (g.Value, error) {
		conv.Block(n.ws, yd, floats(v[0]), floats(v[1]), floats(v[2]), floats(v[3]), s)
		return y, nil
	}
	d.grads = func(args g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		bufs, data := n.buffers(args[1:])
		dx := place.buffer(sh)
		for i, node := range args[1:] { // the kernel computes all four; what nobody asked for goes to a spare buffer
			if data[i] == nil {
				_, data[i] = dense(node.Shape()...)
			}
		}
		if bufs = append([]*tensor.Dense{dx}, bufs...); !n.wants[x] {
			bufs[0] = nil
		}
		return n.stash("block-back "+name, func(v []g.Value) {
			conv.BlockBackward(n.ws, floats(dx), data[0], data[1], data[2], floats(v[3]), floats(v[0]), floats(v[1]), floats(v[2]), s)
		}, bufs, args[0], args[1], args[2], grad)
	}
	node := n.apply(d, args...)
	n.links[node] = place
	return node
}
