package conv

import "fmt"

// General describes a convolution with a K x K kernel and zero padding Pad on all sides, over a batch in NHWC order,
// float32, without gaps: [N,H,W,In] to [N,OutH,OutW,Out]. K and Stride are at least 1, Pad is 0 to K-1.
type General struct{ N, H, W, In, Out, K, Stride, Pad int }

// OutH is the height of the output, 0 when the kernel does not fit.
func (g General) OutH() int { return outSize(g.H, g) }

// OutW is the width of the output, 0 when the kernel does not fit.
func (g General) OutW() int { return outSize(g.W, g) }

func outSize(n int, g General) int {
	if n < 1 || n+2*g.Pad < g.K {
		return 0
	}
	return (n+2*g.Pad-g.K)/g.Stride + 1
}

// ForwardGeneral computes y = act(conv(x, w) + b) + add, where act(v) is v for v > 0 and slope*v elsewhere: slope 1 is no
// activation, 0 is ReLU. w is [Out,In,K,K]. b is [Out] or nil. add has the shape of y, or is nil.
func ForwardGeneral(ws *Workers, y, x, w, b, add []float32, g General, slope float32) {
	g.check("forward")
	g.wantXYW("forward", "x", len(x), "y", len(y), "w", len(w))
	if b != nil {
		want("forward", "b", len(b), g.Out)
	}
	if add != nil {
		want("forward", "add", len(add), len(y))
	}
	if !(slope >= 0 && slope <= 1) {
		panic(fmt.Sprintf("conv: forward: slope %v, want 0 to 1", slope))
	}
	using().engine.forward(ws, y, x, w, b, add, g, slope)
}

// BackwardDataGeneral computes dx, the gradient of the input, from dy, the gradient of conv(x, w).
func BackwardDataGeneral(ws *Workers, dx, dy, w []float32, g General) {
	g.check("backward data")
	g.wantXYW("backward data", "dx", len(dx), "dy", len(dy), "w", len(w))
	using().engine.backwardData(ws, dx, dy, w, g)
}

// BackwardWeightsGeneral computes dw [Out,In,K,K] and, unless it is nil, db [Out] from dy, the gradient of conv(x, w) + b.
func BackwardWeightsGeneral(ws *Workers, dw, db, x, dy []float32, g General) {
	g.check("backward weights")
	g.wantXYW("backward weights", "x", len(x), "dy", len(dy), "dw", len(dw))
	if db != nil {
		want("backward weights", "db", len(db), g.Out)
	}
	using().engine.backwardWeights(ws, dw, db, x, dy, g)
}

func (g General) wantXYW(op, xn string, x int, yn string, y int, wn string, w int) {
	want(op, xn, x, g.N*g.H*g.W*g.In)
	want(op, yn, y, g.N*g.OutH()*g.OutW()*g.Out)
	want(op, wn, w, g.Out*g.In*g.K*g.K)
}

func (g General) check(op string) {
	if g.N < 0 || g.H < 0 || g.W < 0 || g.In < 1 || g.Out < 1 || g.K < 1 || g.Stride < 1 || g.Pad < 0 || g.Pad >= g.K {
		panic(fmt.Sprintf("conv: %s: impossible shape %+v", op, g))
	}
}
