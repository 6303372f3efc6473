package graph

import (
	"fmt"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// Features is a fixed classification network whose inner layers judge how alike two images look.
type Features struct {
	Name    string
	Layers  []FeatureLayer
	Tensors map[string]kdsr.Tensor // NAME.weight [out,in,k,k] and NAME.bias [out]
	// Input: channel c of the network is Scale[c] times RGB channel From[c], plus Shift[c].
	From         [3]int
	Scale, Shift [3]float32
}

// FeatureLayer is one step of a Features network. Exactly one of Conv, Pool and Fire is set.
type FeatureLayer struct {
	Conv        string // name of a convolution
	Stride, Pad int
	Pool        int     // side of a max pooling with stride 2
	Fire        string  // SqueezeNet's module: squeeze, then expand with 1x1 and 3x3 side by side
	Before      float32 // weight in the loss of the result before ReLU
	After       float32 // weight in the loss of the result after ReLU
}

// Perceptual is the sum over layers of weight times the mean absolute difference of the features of y and target.
// Only y gets a gradient.
func (b *Graph) Perceptual(f *Features, y, target *g.Node) *g.Node {
	net := &featureNet{Graph: b, f: f, nodes: map[string]*g.Node{}}
	got, weights := net.run(y)
	want, _ := net.run(target)
	var parts []*g.Node
	for i := range got {
		parts = append(parts, b.L1(got[i], want[i]))
	}
	if b.err != nil {
		return nil
	}
	if len(parts) == 0 {
		return b.fail(fmt.Errorf("feature network %s: no layer has a weight", f.Name))
	}
	return b.Total(weights, parts...)
}

type featureNet struct {
	*Graph
	f     *Features
	nodes map[string]*g.Node
}

func (n *featureNet) param(name string) *g.Node {
	if have, ok := n.nodes[name]; ok {
		return have
	}
	t, ok := n.f.Tensors[name]
	if !ok {
		return n.fail(fmt.Errorf("feature network %s: no tensor %s", n.f.Name, name))
	}
	n.nodes[name] = n.variable("features."+name, t.Shape, t.Data, false)
	return n.nodes[name]
}

func (n *featureNet) conv(x *g.Node, name string, stride, pad int, slope float32) *g.Node {
	w, b := n.param(name+".weight"), n.param(name+".bias")
	if n.err != nil {
		return nil
	}
	s := w.Shape()
	return n.convolve("features."+name, x, w, b, conv.General{K: s[2], Stride: stride, Pad: pad, Out: s[0]}, slope)
}

// run returns the weighted layers' results.
func (n *featureNet) run(x *g.Node) (out []*g.Node, weights []float32) {
	t := n.input(x)
	keep := func(node *g.Node, weight float32) {
		if weight > 0 {
			out, weights = append(out, node), append(weights, weight)
		}
	}
	add := &Net{Graph: n.Graph}
	for _, l := range n.f.Layers {
		switch {
		case l.Pool > 0:
			t = n.maxPool("features.pool", t, l.Pool)
		case l.Fire != "":
			s := n.conv(t, l.Fire+"/squeeze1x1", 1, 0, 0)
			t = add.Concat(n.conv(s, l.Fire+"/expand1x1", 1, 0, 0), n.conv(s, l.Fire+"/expand3x3", 1, 1, 0))
		case l.Before > 0: // the value before ReLU is wanted: two nodes
			t = n.conv(t, l.Conv, l.Stride, l.Pad, 1)
			keep(t, l.Before)
			t = n.relu(t)
		default:
			t = n.conv(t, l.Conv, l.Stride, l.Pad, 0)
		}
		keep(t, l.After)
	}
	return out, weights
}

// input turns RGB in [0,1] into what the network was trained on.
func (n *featureNet) input(x *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	f := n.f
	return n.unary("features.input", x, x.Shape(),
		func(dst, src []float32) {
			for i := 0; i+2 < len(src); i += 3 {
				for c := range 3 {
					dst[i+c] = f.Scale[c]*src[i+f.From[c]] + f.Shift[c]
				}
			}
		},
		func(dst, grad []float32) {
			for i := 0; i+2 < len(grad); i += 3 {
				for c := range 3 {
					dst[i+f.From[c]] = f.Scale[c] * grad[i+c]
				}
			}
		})
}

// relu keeps its own result to gate the gradient.
func (n *featureNet) relu(x *g.Node) *g.Node {
	if n.err != nil {
		return nil
	}
	on := make([]float32, x.Shape().TotalSize())
	return n.unary("features.relu", x, x.Shape(),
		func(dst, src []float32) {
			for i, v := range src {
				dst[i] = max(v, 0)
			}
			copy(on, dst)
		},
		func(dst, grad []float32) { gate(n.ws, dst, on, grad, 0) })
}
