// Package kdsr is the one definition of the KDSR network (Xia et al., Knowledge Distillation based Degradation Estimation
// for Blind Super-Resolution, ICLR 2023) and of its weights file.
//
// The network is written once, as three functions over a Builder. Whoever wants to do something with it (count operations,
// list parameters, run it on a device, differentiate it) implements the Builder's operators. Pure Go: no cgo, no gorgonia.
//
// In: RGB in [0,1]. Shapes in comments are [N,C,H,W] in the paper's order whatever an interpreter's memory layout is.
package kdsr

import "fmt"

// Slope is the negative slope of every LeakyReLU in KDSR.
const Slope = 0.1

// Mean is the DIV2K mean color (RGB) that the official code subtracts from the input of G and adds to its output.
var Mean = [3]float32{0.4488, 0.4371, 0.4040}

// Builder is the set of operators that the network is made of. They are as coarse as fast engines fuse.
// Parameters are fetched by name: an operator called name uses the tensors name.weight and name.bias.
// After the first error, operators may return anything; Err tells what went wrong.
type Builder[T any] interface {
	// Conv is a 3x3 convolution to out channels, zero padding 1, with bias: [B,C,H,W] to [B,out,ceil(H/stride),ceil(W/stride)].
	Conv(x T, name string, out, stride int, lrelu bool) T
	// ResBlock is conv(name.0), LReLU, conv(name.2), plus x.
	ResBlock(x T, name string) T
	// Block is IDR-DCRB (paper Fig. 2b): depthwise 3x3 with the given kernels and no bias, LReLU, conv(name), plus x.
	Block(x, kernels T, name string) T
	// Pool is the mean over all pixels: [B,C,H,W] to [B,C].
	Pool(x T) T
	// Linear maps [B,in] to [B,out].
	Linear(x T, name string, out int, bias, lrelu bool) T
	// Bound limits generated kernels [B,9C]: the nine taps k of every channel become k / sqrt(1 + |k|^2), |k| their Euclidean
	// norm. Small kernels stay as they are, and none has a norm of 1 or more, whatever the degradation vector is.
	Bound(kernels T) T
	// Add is the elementwise sum.
	Add(x, y T) T
	// Shift adds sign times the mean color to a 3-channel image.
	Shift(x T, sign float32) T
	// Shuffle is PixelShuffle: [B,C*r*r,H,W] to [B,C,rH,rW], out[c,ry+i,rx+j] = in[c*r*r+i*r+j,y,x].
	Shuffle(x T, r int) T
	// Unshuffle is its inverse.
	Unshuffle(x T, r int) T
	// Concat joins channels, x first.
	Concat(x, y T) T
	// Enlarge repeats every pixel r times in both directions.
	Enlarge(x T, r int) T
	// Err returns the first error.
	Err() error
}

// Estimate is the student's degradation estimator E_st (paper 3.3): x [B,3,H,W] in [0,1], not mean-shifted.
// It returns D' [B,4C], the vector that distillation compares, and D [B,C], the vector that modulates the body.
func Estimate[T any](b Builder[T], c Config, x T) (dPrime, d T) {
	return estimate(b, c, x, "E_st")
}

// EstimateTeacher is the teacher's estimator E: it sees x [B,3,H,W] and the original hr [B,3,sH,sW].
func EstimateTeacher[T any](b Builder[T], c Config, x, hr T) (dPrime, d T) {
	return estimate(b, c, b.Concat(x, b.Unshuffle(hr, c.Scale)), "E")
}

func estimate[T any](b Builder[T], c Config, x T, root string) (dPrime, d T) {
	name := func(i int) string { return fmt.Sprintf("%s.E.%d", root, i) }
	t := b.Conv(x, name(0), c.C, c.Stem, true) // [B,C,H,W]
	for i := range c.R {
		t = b.ResBlock(t, name(2+i)+".body")
	}
	t = b.Conv(t, name(c.R+2), 2*c.C, 1, true)
	t = b.Conv(t, name(c.R+4), 2*c.C, 1, true)
	t = b.Conv(t, name(c.R+6), 4*c.C, 1, true) // [B,4C,H,W]
	v := b.Pool(t)                             // [B,4C]
	v = b.Linear(v, root+".mlp.0", 4*c.C, true, true)
	dPrime = b.Linear(v, root+".mlp.2", 4*c.C, true, true)
	d = b.Linear(dPrime, root+".compress.0", c.C, true, true) // [B,C]
	return dPrime, d
}

// Modulate derives the depthwise kernels of every block from D [B,C] (paper Eq. 3, 4): N tensors [B,9C],
// where the tap of channel c at row ky and column kx is element 9c+3ky+kx. Free kernels multiply from block to block, so that a
// vector unlike those of training can give a image of anything; bounded ones cannot grow with the vector.
func Modulate[T any](b Builder[T], c Config, d T) []T {
	kernels := make([]T, c.N)
	for i := range kernels {
		root := blockName(i) + ".da_conv1.kernel"
		v := b.Linear(d, root+".0", c.C, false, true)
		kernels[i] = b.Linear(v, root+".2", 9*c.C, false, false)
		if c.Kernels == KernelsBounded {
			kernels[i] = b.Bound(kernels[i])
		}
	}
	return kernels
}

// Upscale is the SR network G: x [B,3,H,W] in [0,1] to [B,3,sH,sW], not clamped.
func Upscale[T any](b Builder[T], c Config, x T, kernels []T) T {
	f0 := b.Conv(b.Shift(x, -1), "G.head.0", c.C, 1, false)
	t := f0
	for i, k := range kernels {
		t = b.Block(t, k, blockName(i)+".conv1")
	}
	t = b.Add(b.Conv(t, "G.body.1", c.C, 1, false), f0)
	y := enlarge(b, c, t)
	if c.Skip == SkipNearest {
		return b.Add(y, b.Enlarge(x, c.Scale))
	}
	return b.Shift(y, +1)
}

// enlarge is the linear tail: features [B,C,H,W] to [B,3,sH,sW].
func enlarge[T any](b Builder[T], c Config, t T) T {
	if c.Tail == TailDirect {
		return b.Shuffle(b.Conv(t, "G.tail.0", 3*c.Scale*c.Scale, 1, false), c.Scale)
	}
	for i, r := range c.Factors() {
		t = b.Shuffle(b.Conv(t, fmt.Sprintf("G.tail.0.%d", 2*i), r*r*c.C, 1, false), r)
	}
	return b.Conv(t, "G.tail.1", 3, 1, false)
}

// Factors returns the PixelShuffle factors of the official tail: 2, 3, or 2 and 2.
func (c Config) Factors() []int {
	if c.Scale == 4 {
		return []int{2, 2}
	}
	return []int{c.Scale}
}

func blockName(i int) string { return fmt.Sprintf("G.body.0.body.%d", i) }
