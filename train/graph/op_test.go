package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// dotLoss is a linear loss: the sum of a times fixed numbers, so that every element of a has a gradient of its own.
func dotLoss(gr *Graph, a *g.Node, seed uint64) *g.Node {
	target := gr.variable(fmt.Sprint("target", seed), a.Shape(), centred(seed, a.Shape().TotalSize()), false)
	return gr.pair("dot", a, target,
		func(a, t []float32) float32 {
			var s float64
			for i := range a {
				s += float64(a[i]) * float64(t[i])
			}
			return float32(s)
		},
		func(dst, _, t []float32, scale float32) {
			for i := range dst {
				dst[i] = scale * t[i]
			}
		})
}

func centred(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = r.Float32()*2 - 1
	}
	return out
}

// opCase is one operator on variables of the given shapes, all of them with a gradient.
type opCase struct {
	name   string
	inputs [][]int
	params map[string][]int // fetched by name
	apply  func(n *Net, in []*g.Node) *g.Node
	scalar bool // the result is a loss already
	eps    float32
}

func opCases() []opCase {
	conv3 := func(name string, out, in int) map[string][]int {
		return map[string][]int{name + ".weight": {out, in, 3, 3}, name + ".bias": {out}}
	}
	two := map[string][]int{"r.0.weight": {3, 3, 3, 3}, "r.0.bias": {3}, "r.2.weight": {3, 3, 3, 3}, "r.2.bias": {3}}
	linear := map[string][]int{"l.weight": {5, 3}, "l.bias": {5}}
	const smooth, kinked = 1e-2, 1e-3
	return []opCase{
		{"bound", [][]int{{2, 27}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Bound(in[0]) }, false, kinked},
		{"ycbcr", [][]int{{2, 3, 4, 3}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.YCbCr(in[0], 0.5) }, false, smooth},
		{"conv", [][]int{{2, 4, 5, 3}}, conv3("c", 4, 3), func(n *Net, in []*g.Node) *g.Node { return n.Conv(in[0], "c", 4, 1, false) }, false, smooth},
		{"conv lrelu", [][]int{{1, 4, 5, 3}}, conv3("c", 4, 3), func(n *Net, in []*g.Node) *g.Node { return n.Conv(in[0], "c", 4, 1, true) }, false, kinked},
		{"conv stride 2", [][]int{{2, 5, 4, 3}}, conv3("c", 2, 3), func(n *Net, in []*g.Node) *g.Node { return n.Conv(in[0], "c", 2, 2, false) }, false, smooth},
		{"conv 4x4 stride 2, no bias", [][]int{{1, 6, 8, 2}}, map[string][]int{"w": {3, 2, 4, 4}}, func(n *Net, in []*g.Node) *g.Node {
			return n.convolve("w", in[0], n.param("w", 3, 2, 4, 4), nil, conv.General{K: 4, Stride: 2, Pad: 1, Out: 3}, 1)
		}, false, smooth},
		{"resblock", [][]int{{1, 4, 3, 3}}, two, func(n *Net, in []*g.Node) *g.Node { return n.ResBlock(in[0], "r") }, false, kinked},
		{"block", [][]int{{2, 4, 3, 3}, {2, 27}}, conv3("b", 3, 3), func(n *Net, in []*g.Node) *g.Node { return n.Block(in[0], in[1], "b") }, false, kinked},
		{"pool", [][]int{{2, 3, 4, 5}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Pool(in[0]) }, false, smooth},
		{"linear", [][]int{{4, 3}}, linear, func(n *Net, in []*g.Node) *g.Node { return n.Linear(in[0], "l", 5, true, false) }, false, smooth},
		{"linear lrelu", [][]int{{4, 3}}, linear, func(n *Net, in []*g.Node) *g.Node { return n.Linear(in[0], "l", 5, true, true) }, false, kinked},
		{"linear no bias", [][]int{{4, 3}}, map[string][]int{"l.weight": {5, 3}}, func(n *Net, in []*g.Node) *g.Node { return n.Linear(in[0], "l", 5, false, false) }, false, smooth},
		{"add", [][]int{{1, 2, 3, 4}, {1, 2, 3, 4}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Add(in[0], in[1]) }, false, smooth},
		{"shift", [][]int{{1, 2, 3, 3}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Shift(in[0], -1) }, false, smooth},
		{"shuffle", [][]int{{2, 2, 3, 18}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Shuffle(in[0], 3) }, false, smooth},
		{"unshuffle", [][]int{{2, 4, 6, 3}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Unshuffle(in[0], 2) }, false, smooth},
		{"concat", [][]int{{1, 2, 3, 2}, {1, 2, 3, 4}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Concat(in[0], in[1]) }, false, smooth},
		{"enlarge", [][]int{{2, 2, 3, 2}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.Enlarge(in[0], 3) }, false, smooth},
		{"maxpool", [][]int{{1, 7, 6, 2}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.maxPool("p", in[0], 3) }, false, 1e-4},
		{"bilinear", [][]int{{2, 3, 4, 2}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.bilinear("b", in[0]) }, false, smooth},
		{"relu", [][]int{{1, 3, 4, 2}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return (&featureNet{Graph: n.Graph}).relu(in[0])
		}, false, kinked},
		{"feature input", [][]int{{1, 3, 4, 3}}, nil, func(n *Net, in []*g.Node) *g.Node {
			f := &Features{From: [3]int{2, 0, 1}, Scale: [3]float32{1, 2, 3}, Shift: [3]float32{4, 5, 6}}
			return (&featureNet{Graph: n.Graph, f: f}).input(in[0])
		}, false, smooth},
		{"spectral", [][]int{{3, 2, 3, 3}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.spectral("s", in[0], centred(5, 3), centred(6, 18))
		}, false, kinked},
		{"l1", [][]int{{1, 2, 3, 3}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.L1(in[0], n.variable("t", []int{1, 2, 3, 3}, centred(77, 18), false))
		}, true, kinked},
		{"l2", [][]int{{1, 2, 3, 3}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.L2(in[0], n.variable("t", []int{1, 2, 3, 3}, centred(77, 18), false))
		}, true, smooth},
		{"kl", [][]int{{2, 6}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.KL(in[0], n.variable("t", []int{2, 6}, centred(78, 12), false), 0.15)
		}, true, kinked},
		{"relation", [][]int{{3, 6}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.Relation(in[0], n.variable("t", []int{3, 4}, centred(79, 12), false))
		}, true, smooth},
		{"bce", [][]int{{1, 2, 3, 1}}, nil, func(n *Net, in []*g.Node) *g.Node { return n.BCE(in[0], 1) }, true, smooth},
		{"total", [][]int{{1, 2, 3, 1}, {1, 2, 2, 1}}, nil, func(n *Net, in []*g.Node) *g.Node {
			return n.Total([]float32{0.5, 2}, n.BCE(in[0], 0), n.BCE(in[1], 1))
		}, true, smooth},
	}
}

// TestOpGradients compares every operator's gradients, along random directions, with central differences.
func TestOpGradients(t *testing.T) {
	for _, c := range opCases() {
		t.Run(c.name, func(t *testing.T) {
			gr := New(nil)
			w := &kdsr.Weights{Tensors: map[string]kdsr.Tensor{}}
			for name, shape := range c.params {
				w.Tensors[name] = kdsr.Tensor{Shape: shape, Data: centred(uint64(len(name)*100+shape[0]), size(shape))}
			}
			n := gr.Net("", w, func(string) bool { return true })
			var in []*g.Node
			for i, shape := range c.inputs {
				in = append(in, gr.variable(fmt.Sprint("in", i), shape, centred(uint64(i+1), size(shape)), true))
			}
			loss := c.apply(n, in)
			if !c.scalar {
				loss = dotLoss(gr, loss, 99)
			}
			p, out, err := gr.Compile(loss, loss)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if len(p.Params) != len(c.inputs)+len(c.params) {
				t.Fatalf("%d gradients, want %d", len(p.Params), len(c.inputs)+len(c.params))
			}
			checkParams(t, p, out[0], c.eps)
		})
	}
}

func checkParams(t *testing.T, p *Program, loss *Output, eps float32) {
	t.Helper()
	run := func() float64 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return float64(loss.Floats()[0])
	}
	for _, q := range p.Params {
		run()
		v, err := q.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grad := append([]float32(nil), floats(v)...)
		for trial := range 3 {
			dir := centred(uint64(trial+50), len(q.Data))
			keep := append([]float32(nil), q.Data...)
			move := func(e float32) float64 {
				for i := range q.Data {
					q.Data[i] = keep[i] + e*dir[i]
				}
				return run()
			}
			numeric := (move(eps) - move(-eps)) / (2 * float64(eps))
			copy(q.Data, keep)
			var want, norm float64
			for i, d := range grad {
				want += float64(d) * float64(dir[i])
				norm += float64(d) * float64(d)
			}
			if math.Abs(numeric-want) > 2e-3*math.Sqrt(norm)+1e-3*math.Abs(want) {
				t.Errorf("%s: gradient %.6f along a direction, difference quotient %.6f", q.Name, want, numeric)
			}
		}
	}
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
