package conv

import "fmt"

// Slope is the negative slope of every LeakyReLU in KDSR.
const Slope = 0.1

// Shape describes a 3x3 convolution with zero padding 1 over a batch in NHWC order, float32, without gaps.
// The input is [N,H,W,In], the output [N,ceil(H/Stride),ceil(W/Stride),Out]. Stride is 1 or 2. N, H or W may be 0.
type Shape struct{ N, H, W, In, Out, Stride int }

// OutH is the height of the output.
func (s Shape) OutH() int { return (s.H + s.Stride - 1) / s.Stride }

// OutW is the width of the output.
func (s Shape) OutW() int { return (s.W + s.Stride - 1) / s.Stride }

// General gives the same convolution in the terms of the general one.
func (s Shape) General() General {
	return General{N: s.N, H: s.H, W: s.W, In: s.In, Out: s.Out, K: 3, Stride: s.Stride, Pad: 1}
}

// Every function below panics with one plain sentence when a slice has not the length that its shape asks for: the
// caller has mixed up two tensors, and no result would mean anything. Outputs are overwritten, and must not overlap inputs.
// The results do not depend on the number of workers, bit for bit; they do depend on the instruction set.

// Forward computes y = act(conv(x, w) + b) + add, where act is LeakyReLU when lrelu is set and nothing otherwise.
// w is [Out,In,3,3]. b is [Out] or nil. add has the shape of y, or is nil.
func Forward(ws *Workers, y, x, w, b, add []float32, s Shape, lrelu bool) {
	ForwardGeneral(ws, y, x, w, b, add, s.General(), slopeOf(lrelu))
}

// BackwardData computes dx, the gradient of the input, from dy, the gradient of conv(x, w).
func BackwardData(ws *Workers, dx, dy, w []float32, s Shape) {
	BackwardDataGeneral(ws, dx, dy, w, s.General())
}

// BackwardWeights computes dw [Out,In,3,3] and, unless it is nil, db [Out] from dy, the gradient of conv(x, w) + b.
func BackwardWeights(ws *Workers, dw, db, x, dy []float32, s Shape) {
	BackwardWeightsGeneral(ws, dw, db, x, dy, s.General())
}

// Depthwise computes y = act(depthwise(x, k)): 3x3, stride 1, padding 1, one set of kernels per sample, no bias.
// k is [N,9C]: the tap of channel c at row ky and column kx is element 9c+3ky+kx. In and Out are both C.
func Depthwise(ws *Workers, y, x, k []float32, s Shape, lrelu bool) {
	s.wantDepthwise("depthwise")
	want("depthwise", "y", len(y), s.pixels()*s.In)
	want("depthwise", "x", len(x), s.pixels()*s.In)
	want("depthwise", "k", len(k), s.N*9*s.In)
	using().engine.depthwise(ws, y, x, k, s, slopeOf(lrelu))
}

// DepthwiseBackwardData computes dx from dy, the gradient of depthwise(x, k) before the activation.
func DepthwiseBackwardData(ws *Workers, dx, dy, k []float32, s Shape) {
	s.wantDepthwise("depthwise backward data")
	want("depthwise backward data", "dx", len(dx), s.pixels()*s.In)
	want("depthwise backward data", "dy", len(dy), s.pixels()*s.In)
	want("depthwise backward data", "k", len(k), s.N*9*s.In)
	using().engine.depthwiseData(ws, dx, dy, k, s)
}

// DepthwiseBackwardKernels computes dk [N,9C] from dy, the gradient of depthwise(x, k) before the activation.
func DepthwiseBackwardKernels(ws *Workers, dk, x, dy []float32, s Shape) {
	s.wantDepthwise("depthwise backward kernels")
	want("depthwise backward kernels", "dk", len(dk), s.N*9*s.In)
	want("depthwise backward kernels", "x", len(x), s.pixels()*s.In)
	want("depthwise backward kernels", "dy", len(dy), s.pixels()*s.In)
	using().engine.depthwiseKernels(ws, dk, x, dy, s)
}

// LReLUBackward computes dx = dy where y > 0 and Slope*dy elsewhere; y is the output of the activation. dx may be dy.
func LReLUBackward(ws *Workers, dx, y, dy []float32) { LeakyBackward(ws, dx, y, dy, Slope) }

// LeakyBackward is LReLUBackward with another slope, 0 (ReLU) to 1 (nothing).
func LeakyBackward(ws *Workers, dx, y, dy []float32, slope float32) {
	want("leaky backward", "dx", len(dx), len(y))
	want("leaky backward", "dy", len(dy), len(y))
	const grain = 1 << 14
	ws.Run((len(y)+grain-1)/grain, func(part int) {
		lo, hi := part*grain, min((part+1)*grain, len(y))
		dx, y, dy := dx[lo:hi], y[lo:hi], dy[lo:hi]
		for i, v := range y {
			g := dy[i]
			if !(v > 0) {
				g *= slope
			}
			dx[i] = g
		}
	})
}

// Block computes one IDR-DCRB (KDSR paper, Fig. 2b): t = LReLU(depthwise(x, k)), y = conv(t, w) + b + x.
// In and Out are both C, Stride is 1, k is [N,9C], b is [C] or nil.
func Block(ws *Workers, y, x, k, w, b []float32, s Shape) {
	s.wantBlock("block", len(y), len(x), len(k), len(w))
	if b != nil {
		want("block", "b", len(b), s.Out)
	}
	using().engine.block(ws, y, x, k, w, b, s)
}

// BlockBackward computes the gradients of Block's x, k, w and b from dy, the gradient of y; x, k and w are Block's.
// It computes t again. db may be nil.
func BlockBackward(ws *Workers, dx, dk, dw, db, dy, x, k, w []float32, s Shape) {
	s.wantBlock("block backward", len(dy), len(x), len(k), len(w))
	want("block backward", "dx", len(dx), len(dy))
	want("block backward", "dk", len(dk), len(k))
	want("block backward", "dw", len(dw), len(w))
	if db != nil {
		want("block backward", "db", len(db), s.Out)
	}
	using().engine.blockBackward(ws, dx, dk, dw, db, dy, x, k, w, s)
}

func (s Shape) wantBlock(op string, y, x, k, w int) {
	s.wantDepthwise(op)
	want(op, "y", y, s.pixels()*s.In)
	want(op, "x", x, s.pixels()*s.In)
	want(op, "k", k, s.N*9*s.In)
	want(op, "w", w, s.Out*s.In*9)
}

func (s Shape) pixels() int { return s.N * s.H * s.W }

func (s Shape) wantDepthwise(op string) {
	if s.In != s.Out || s.Stride != 1 {
		panic(fmt.Sprintf("conv: %s: %d to %d channels with stride %d, want equal channels and stride 1", op, s.In, s.Out, s.Stride))
	}
	s.General().check(op)
}

func slopeOf(lrelu bool) float32 {
	if lrelu {
		return Slope
	}
	return 1
}

func want(op, name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("conv: %s: len(%s) = %d, want %d", op, name, got, want))
	}
}
