// Package graph runs the KDSR network of sr/kdsr over gorgonia: it is the Builder whose tensors are graph nodes, plus
// every operator as an own gorgonia Op with a symbolic gradient, the losses, and the Adam solver.
//
// In: NHWC float32 tensors ([B,H,W,C] images, [B,C] vectors) and the parameters of a kdsr.Weights, in their stored OIHW
// layout. Out: a Program that computes losses and the gradient of every trainable parameter.
//
// Rules that keep gorgonia fast and right here: TapeMachine only; operators are as coarse as the network's Builder; every
// operator owns its output buffer, so a step allocates nothing; an operator without a use for a gradient does not compute it;
// gorgonia's own arithmetic appears only where it sums two gradients of one node.
package graph

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

	"github.com/chewxy/hm"
	g "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is the one gorgonia.Op of this package. Each instance belongs to one node, which is why it may own buffers.
type op struct {
	name   string
	serial int   // distinguishes instances: equal hashes would merge two nodes, and with them two buffers
	dims   []int // rank of each input, 0 is a scalar
	shape  tensor.Shape
	diff   []bool // which inputs want a gradient
	run    func(in []g.Value) (g.Value, error)
	grads  func(in g.Nodes, out, grad *g.Node) (g.Nodes, error)
}

var _ g.SDOp = (*op)(nil)

// Arity is the number of inputs.
func (o *op) Arity() int { return len(o.dims) }

// Type is the signature over float32 tensors of fixed rank.
func (o *op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.dims)+1)
	for _, d := range append(slices.Clone(o.dims), o.shape.Dims()) {
		if d == 0 {
			ts = append(ts, tensor.Float32)
			continue
		}
		ts = append(ts, g.TensorType{Dims: d, Of: tensor.Float32})
	}
	return hm.NewFnType(ts...)
}

// InferShape returns the shape fixed when the op was made.
func (o *op) InferShape(...g.DimSizer) (tensor.Shape, error) { return o.shape, nil }

// Do runs the op. The returned value is the op's own buffer and is overwritten by the next run.
func (o *op) Do(in ...g.Value) (g.Value, error) {
	if len(in) != len(o.dims) {
		return nil, fmt.Errorf("%s: %d inputs, want %d", o, len(in), len(o.dims))
	}
	return o.run(in)
}

// ReturnsPtr is true: the value is not copied.
func (o *op) ReturnsPtr() bool { return true }

// CallsExtern is false: gorgonia must not preallocate a second output.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput is -1: no op works in place.
func (o *op) OverwritesInput() int { return -1 }

// WriteHash covers the serial number, so no two ops are ever equal.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s %d %v %v", o.name, o.serial, o.dims, o.shape) }

// Hashcode folds WriteHash to 32 bits.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *op) String() string { return fmt.Sprintf("%s#%d", o.name, o.serial) }

// DiffWRT tells which inputs get a gradient.
func (o *op) DiffWRT(int) []bool { return o.diff }

// SymDiff adds the nodes of the backward pass.
func (o *op) SymDiff(in g.Nodes, out, grad *g.Node) (g.Nodes, error) {
	if o.grads == nil {
		return nil, fmt.Errorf("%s: not differentiable", o)
	}
	return o.grads(in, out, grad)
}

// dense makes a zeroed tensor over its own slice.
func dense(shape ...int) (*tensor.Dense, []float32) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)), data
}

// floats is the backing slice of a value.
func floats(v g.Value) []float32 {
	switch d := v.Data().(type) {
	case []float32:
		return d
	case float32:
		return []float32{d}
	}
	panic(fmt.Sprintf("graph: value of type %T, want float32", v.Data()))
}

// number is a scalar input.
func number(v g.Value) float32 { return floats(v)[0] }

func scalar(x float32) g.Value { v := g.F32(x); return &v }
