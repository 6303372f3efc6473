package kdsr

import (
	"errors"
	"slices"
)

// Vectors interprets the part of the network that works on vectors, Modulate and the end of Estimate, at once and with float64
// sums. Every engine uses it: once a scene this is a few million multiplications. A vector is one sample, [C].
type Vectors struct {
	Weights *Weights // they must have passed Check
	err     error
}

var (
	_          Builder[[]float32] = (*Vectors)(nil)
	errFeature                    = errors.New("kdsr: an operator on feature maps was given a vector")
)

// Linear implements Builder.
func (b *Vectors) Linear(x []float32, name string, out int, bias, lrelu bool) []float32 {
	w := b.Weights.Tensors[name+".weight"].Data // [out,in]
	y := make([]float32, out)
	for o := range y {
		sum := 0.0
		if bias {
			sum = float64(b.Weights.Tensors[name+".bias"].Data[o])
		}
		for i, v := range x {
			sum += float64(v) * float64(w[o*len(x)+i])
		}
		if lrelu && sum < 0 {
			sum *= Slope
		}
		y[o] = float32(sum)
	}
	return y
}

// Bound implements Builder.
func (b *Vectors) Bound(kernels []float32) []float32 {
	y := slices.Clone(kernels)
	for i := 0; i+9 <= len(y); i += 9 {
		boundKernel(y[i : i+9])
	}
	return y
}

func (b *Vectors) no(x []float32) []float32 { b.err = errFeature; return x }

// Err implements Builder. The other operators, below, fail.
func (b *Vectors) Err() error { return b.err }

// Conv implements Builder.
func (b *Vectors) Conv(x []float32, _ string, _, _ int, _ bool) []float32 { return b.no(x) }

// ResBlock implements Builder.
func (b *Vectors) ResBlock(x []float32, _ string) []float32 { return b.no(x) }

// Block implements Builder.
func (b *Vectors) Block(x, _ []float32, _ string) []float32 { return b.no(x) }

// Pool implements Builder.
func (b *Vectors) Pool(x []float32) []float32 { return b.no(x) }

// Add implements Builder.
func (b *Vectors) Add(x, _ []float32) []float32 { return b.no(x) }

// Shift implements Builder.
func (b *Vectors) Shift(x []float32, _ float32) []float32 { return b.no(x) }

// Shuffle implements Builder.
func (b *Vectors) Shuffle(x []float32, _ int) []float32 { return b.no(x) }

// Unshuffle implements Builder.
func (b *Vectors) Unshuffle(x []float32, _ int) []float32 { return b.no(x) }

// Concat implements Builder.
func (b *Vectors) Concat(x, _ []float32) []float32 { return b.no(x) }

// Enlarge implements Builder.
func (b *Vectors) Enlarge(x []float32, _ int) []float32 { return b.no(x) }
