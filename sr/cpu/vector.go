package cpu

import (
	"errors"

	"vsr/sr/kdsr"
)

// vectors interprets the part of the network that works on vectors: Linear runs at once, in float64 sums.
// It serves Modulate and the end of Estimate.
type vectors struct {
	w   *kdsr.Weights
	err error
}

var (
	_          kdsr.Builder[[]float32] = (*vectors)(nil)
	errPicture                         = errors.New("picture operator on a vector")
)

// Linear implements kdsr.Builder.
func (b *vectors) Linear(x []float32, name string, out int, bias, lrelu bool) []float32 {
	w := b.w.Tensors[name+".weight"].Data // [out,in]
	y := make([]float32, out)
	for o := range y {
		sum := 0.0
		if bias {
			sum = float64(b.w.Tensors[name+".bias"].Data[o])
		}
		for i, v := range x {
			sum += float64(v) * float64(w[o*len(x)+i])
		}
		if lrelu && sum < 0 {
			sum *= kdsr.Slope
		}
		y[o] = float32(sum)
	}
	return y
}

func (b *vectors) no(x []float32) []float32 { b.err = errPicture; return x }

// Err implements kdsr.Builder. The other operators, below, fail.
func (b *vectors) Err() error { return b.err }

// Conv implements kdsr.Builder.
func (b *vectors) Conv(x []float32, _ string, _, _ int, _ bool) []float32 { return b.no(x) }

// ResBlock implements kdsr.Builder.
func (b *vectors) ResBlock(x []float32, _ string) []float32 { return b.no(x) }

// Block implements kdsr.Builder.
func (b *vectors) Block(x, _ []float32, _ string) []float32 { return b.no(x) }

// Pool implements kdsr.Builder.
func (b *vectors) Pool(x []float32) []float32 { return b.no(x) }

// Add implements kdsr.Builder.
func (b *vectors) Add(x, _ []float32) []float32 { return b.no(x) }

// Shift implements kdsr.Builder.
func (b *vectors) Shift(x []float32, _ float32) []float32 { return b.no(x) }

// Shuffle implements kdsr.Builder.
func (b *vectors) Shuffle(x []float32, _ int) []float32 { return b.no(x) }

// Unshuffle implements kdsr.Builder.
func (b *vectors) Unshuffle(x []float32, _ int) []float32 { return b.no(x) }

// Concat implements kdsr.Builder.
func (b *vectors) Concat(x, _ []float32) []float32 { return b.no(x) }

// Enlarge implements kdsr.Builder.
func (b *vectors) Enlarge(x []float32, _ int) []float32 { return b.no(x) }
