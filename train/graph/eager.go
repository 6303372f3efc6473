package graph

import (
	"fmt"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// Map is a tensor of the Eager interpreter: NHWC images or [B,C] vectors.
type Map struct {
	Shape []int
	Data  []float32
}

// NewMap makes a zero tensor.
func NewMap(shape ...int) *Map {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &Map{shape, make([]float32, n)}
}

// Eager is the kdsr.Builder that computes at once, for validation: no graph, any size, the kernels of training.
type Eager struct {
	Workers *conv.Workers
	Weights *kdsr.Weights
	err     error
}

var _ kdsr.Builder[*Map] = (*Eager)(nil)

// Err returns the first error.
func (e *Eager) Err() error { return e.err }

func (e *Eager) data(name string) []float32 {
	t, ok := e.Weights.Tensors[name]
	if !ok && e.err == nil {
		e.err = fmt.Errorf("no tensor %s", name)
	}
	return t.Data
}

// run calls f unless there was an error.
func (e *Eager) run(y *Map, f func()) *Map {
	if e.err == nil {
		f()
	}
	return y
}

func (e *Eager) shape(x *Map, out, stride int) conv.Shape {
	return conv.Shape{N: x.Shape[0], H: x.Shape[1], W: x.Shape[2], In: x.Shape[3], Out: out, Stride: stride}
}

// Conv is a 3x3 convolution with bias.
func (e *Eager) Conv(x *Map, name string, out, stride int, lrelu bool) *Map {
	s := e.shape(x, out, stride)
	y := NewMap(s.N, s.OutH(), s.OutW(), out)
	w, b := e.data(name+".weight"), e.data(name+".bias")
	return e.run(y, func() { conv.Forward(e.Workers, y.Data, x.Data, w, b, nil, s, lrelu) })
}

// ResBlock is conv, LReLU, conv, plus x.
func (e *Eager) ResBlock(x *Map, name string) *Map {
	t := e.Conv(x, name+".0", x.Shape[3], 1, true)
	y := NewMap(x.Shape...)
	w, b := e.data(name+".2.weight"), e.data(name+".2.bias")
	return e.run(y, func() { conv.Forward(e.Workers, y.Data, t.Data, w, b, x.Data, e.shape(x, x.Shape[3], 1), false) })
}

// Block is IDR-DCRB.
func (e *Eager) Block(x, kernels *Map, name string) *Map {
	y := NewMap(x.Shape...)
	w, b := e.data(name+".weight"), e.data(name+".bias")
	return e.run(y, func() {
		conv.Block(e.Workers, y.Data, x.Data, kernels.Data, w, b, e.shape(x, x.Shape[3], 1))
	})
}

// Pool is the mean over all pixels.
func (e *Eager) Pool(x *Map) *Map {
	y := NewMap(x.Shape[0], x.Shape[3])
	return e.run(y, func() { mean(e.Workers, y.Data, x.Data, x.Shape[0], x.Shape[1]*x.Shape[2], x.Shape[3]) })
}

// Linear maps [B,in] to [B,out].
func (e *Eager) Linear(x *Map, name string, out int, bias, lrelu bool) *Map {
	y := NewMap(x.Shape[0], out)
	w, b, slope := e.data(name+".weight"), []float32(nil), float32(1)
	if bias {
		b = e.data(name + ".bias")
	}
	if lrelu {
		slope = kdsr.Slope
	}
	return e.run(y, func() { linear(y.Data, x.Data, w, b, x.Shape[0], x.Shape[1], out, slope) })
}

// Bound limits kernels [B,9C].
func (e *Eager) Bound(kernels *Map) *Map {
	y := NewMap(kernels.Shape...)
	return e.run(y, func() { bound(y.Data, kernels.Data) })
}

// Add is the elementwise sum.
func (e *Eager) Add(x, y *Map) *Map {
	z := NewMap(x.Shape...)
	return e.run(z, func() { sum(e.Workers, z.Data, x.Data, y.Data) })
}

// Shift adds sign times the mean color.
func (e *Eager) Shift(x *Map, sign float32) *Map {
	y := NewMap(x.Shape...)
	return e.run(y, func() { shiftMean(y.Data, x.Data, sign) })
}

// Shuffle is PixelShuffle(r).
func (e *Eager) Shuffle(x *Map, r int) *Map {
	b, h, w, c := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]/(r*r)
	y := NewMap(b, h*r, w*r, c)
	return e.run(y, func() { shuffle(e.Workers, y.Data, x.Data, b, h, w, c, r, false) })
}

// Unshuffle is its inverse.
func (e *Eager) Unshuffle(x *Map, r int) *Map {
	b, h, w, c := x.Shape[0], x.Shape[1]/r, x.Shape[2]/r, x.Shape[3]
	y := NewMap(b, h, w, c*r*r)
	return e.run(y, func() { shuffle(e.Workers, y.Data, x.Data, b, h, w, c, r, true) })
}

// Concat joins channels, x first.
func (e *Eager) Concat(x, y *Map) *Map {
	ca, cb := x.Shape[3], y.Shape[3]
	z := NewMap(x.Shape[0], x.Shape[1], x.Shape[2], ca+cb)
	return e.run(z, func() { concat(e.Workers, z.Data, x.Data, y.Data, ca, cb) })
}

// Enlarge repeats every pixel r times in both directions.
func (e *Eager) Enlarge(x *Map, r int) *Map {
	b, h, w, c := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	y := NewMap(b, h*r, w*r, c)
	return e.run(y, func() { repeat(e.Workers, y.Data, x.Data, b, h, w, c, r) })
}
