package cpu

import (
	"errors"

	"vsr/sr/kdsr"
)

// op names an operator of kdsr.Builder.
type op int

const (
	opInput op = iota
	opKernels
	opConv
	opResBlock
	opBlock
	opPool
	opLinear
	opAdd
	opShift
	opShuffle
	opEnlarge
)

// node is one operator of the network, as recorded. Sizes are not known yet.
type node struct {
	op     op
	x, y   *node  // operands
	name   string // of the parameters
	c      int    // channels of the result
	stride int
	r      int // factor of Shuffle and Enlarge
	index  int // of opKernels
	sign   float32
	lrelu  bool
	bias   bool
}

// recorder is the Builder that writes the network down, in the order in which it computes.
type recorder struct {
	nodes []*node
	err   error
}

var _ kdsr.Builder[*node] = (*recorder)(nil)

func (r *recorder) add(n *node) *node {
	r.nodes = append(r.nodes, n)
	return n
}

// Conv implements kdsr.Builder.
func (r *recorder) Conv(x *node, name string, out, stride int, lrelu bool) *node {
	return r.add(&node{op: opConv, x: x, name: name, c: out, stride: stride, lrelu: lrelu})
}

// ResBlock implements kdsr.Builder.
func (r *recorder) ResBlock(x *node, name string) *node {
	return r.add(&node{op: opResBlock, x: x, name: name, c: x.c})
}

// Block implements kdsr.Builder.
func (r *recorder) Block(x, kernels *node, name string) *node {
	return r.add(&node{op: opBlock, x: x, y: kernels, name: name, c: x.c, index: kernels.index})
}

// Pool implements kdsr.Builder.
func (r *recorder) Pool(x *node) *node { return r.add(&node{op: opPool, x: x, c: x.c}) }

// Linear implements kdsr.Builder.
func (r *recorder) Linear(x *node, name string, out int, bias, lrelu bool) *node {
	return r.add(&node{op: opLinear, x: x, name: name, c: out, bias: bias, lrelu: lrelu})
}

// Add implements kdsr.Builder.
func (r *recorder) Add(x, y *node) *node { return r.add(&node{op: opAdd, x: x, y: y, c: x.c}) }

// Shift implements kdsr.Builder.
func (r *recorder) Shift(x *node, sign float32) *node {
	return r.add(&node{op: opShift, x: x, c: x.c, sign: sign})
}

// Shuffle implements kdsr.Builder.
func (r *recorder) Shuffle(x *node, f int) *node {
	return r.add(&node{op: opShuffle, x: x, c: x.c / (f * f), r: f})
}

// Enlarge implements kdsr.Builder.
func (r *recorder) Enlarge(x *node, f int) *node {
	return r.add(&node{op: opEnlarge, x: x, c: x.c, r: f})
}

// Bound belongs to Modulate, which kdsr.Vectors runs.
var errBound = errors.New("kernels are bounded before the plan is made")

// Bound implements kdsr.Builder.
func (r *recorder) Bound(kernels *node) *node { r.err = errBound; return kernels }

// Unshuffle and Concat belong to the teacher, which no engine runs.
var errTeacher = errors.New("the teacher cannot run on an engine")

// Unshuffle implements kdsr.Builder.
func (r *recorder) Unshuffle(x *node, _ int) *node { r.err = errTeacher; return x }

// Concat implements kdsr.Builder.
func (r *recorder) Concat(x, _ *node) *node { r.err = errTeacher; return x }

// Err implements kdsr.Builder.
func (r *recorder) Err() error { return r.err }

// recordEstimate returns the estimator's nodes; the last one is D.
func recordEstimate(c kdsr.Config) ([]*node, error) {
	var r recorder
	kdsr.Estimate(&r, c, r.add(&node{op: opInput, c: 3}))
	return r.nodes, r.err
}

// recordUpscale returns the nodes of the SR network; the last one is the enlarged frame.
func recordUpscale(c kdsr.Config) ([]*node, error) {
	var r recorder
	kernels := make([]*node, c.N)
	for i := range kernels {
		kernels[i] = &node{op: opKernels, index: i, c: 9 * c.C}
	}
	kdsr.Upscale(&r, c, r.add(&node{op: opInput, c: 3}), kernels)
	return r.nodes, r.err
}
