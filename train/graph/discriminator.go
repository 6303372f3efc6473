package graph

import (
	"fmt"
	"math"
	"math/rand/v2"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// Discriminator is the parameters of the U-Net discriminator with spectral normalisation (docs/kdsr.md 1.7): ten convolutions, LReLU 0.2,
// one logit a pixel. Width is the features of its first convolution, 64 as published.
type Discriminator struct {
	Width   int
	Tensors map[string]kdsr.Tensor
	// U and V are the singular vectors that the power iteration follows, by the name of the convolution.
	U, V map[string][]float32
}

// discriminatorLayer is one row of docs/kdsr.md 1.7, channels in units of Width; out 0 is the single logit, in 0 the image.
type discriminatorLayer struct{ in, out, k, stride int }

var discriminatorLayers = []discriminatorLayer{
	{0, 1, 3, 1},
	{1, 2, 4, 2}, {2, 4, 4, 2}, {4, 8, 4, 2},
	{8, 4, 3, 1}, {4, 2, 3, 1}, {2, 1, 3, 1},
	{1, 1, 3, 1}, {1, 1, 3, 1},
	{1, 0, 3, 1},
}

func (l discriminatorLayer) channels(width int) (in, out int) {
	in, out = l.in*width, l.out*width
	if in == 0 {
		in = 3
	}
	if out == 0 {
		out = 1
	}
	return in, out
}

func discriminatorName(i int) string { return fmt.Sprintf("conv%d", i) }

// plain tells the first and the last convolution: they have a bias and no spectral normalisation.
func plain(i int) bool { return i == 0 || i == len(discriminatorLayers)-1 }

// NewDiscriminator makes a random discriminator.
func NewDiscriminator(width int, seed uint64) *Discriminator {
	c := &Discriminator{Width: width, Tensors: map[string]kdsr.Tensor{}, U: map[string][]float32{}, V: map[string][]float32{}}
	rng := rand.New(rand.NewPCG(seed, 0x637269746963))
	for i, l := range discriminatorLayers {
		in, out := l.channels(width)
		bound := 1 / math.Sqrt(float64(in*l.k*l.k))
		add := func(name string, shape ...int) {
			t := kdsr.Tensor{Shape: shape, Data: make([]float32, kdsr.Shape(shape).Size())}
			for k := range t.Data {
				t.Data[k] = float32((2*rng.Float64() - 1) * bound)
			}
			c.Tensors[name] = t
		}
		add(discriminatorName(i)+".weight", out, in, l.k, l.k)
		if plain(i) {
			add(discriminatorName(i)+".bias", out)
			continue
		}
		c.U[discriminatorName(i)], c.V[discriminatorName(i)] = direction(rng, out), direction(rng, in*l.k*l.k)
	}
	return c
}

func direction(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	normalise(v)
	return v
}

func normalise(v []float32) {
	var s float64
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	f := float32(1 / max(math.Sqrt(s), 1e-12))
	for i := range v {
		v[i] *= f
	}
}

// Iterate makes one power iteration on every normalised convolution: v = W'u, u = Wv. Once before every run, as PyTorch does
// in training.
func (c *Discriminator) Iterate() {
	for name, u := range c.U {
		v, w := c.V[name], c.Tensors[name+".weight"].Data
		n := len(v)
		clear(v)
		for o, x := range u {
			axpy(v, w[o*n:][:n], x)
		}
		normalise(v)
		for o := range u {
			u[o] = dot(w[o*n:][:n], v)
		}
		normalise(u)
	}
}

// CriticNet is a Discriminator on a graph.
type DiscriminatorNet struct {
	*Graph
	c       *Discriminator
	weights []*g.Node // after normalisation
	biases  []*g.Node
}

// Discriminator adds a discriminator's parameters, with gradients if train. Their names start with "discriminator.".
func (b *Graph) Discriminator(c *Discriminator, train bool) *DiscriminatorNet {
	n := &DiscriminatorNet{Graph: b, c: c}
	for i := range discriminatorLayers {
		name := discriminatorName(i)
		t := c.Tensors[name+".weight"]
		w := b.variable("discriminator."+name+".weight", t.Shape, t.Data, train)
		var bias *g.Node
		if plain(i) {
			t := c.Tensors[name+".bias"]
			bias = b.variable("discriminator."+name+".bias", t.Shape, t.Data, train)
		} else {
			w = b.spectral(name, w, c.U[name], c.V[name])
		}
		n.weights, n.biases = append(n.weights, w), append(n.biases, bias)
	}
	return n
}

// spectral divides w by its largest singular value, estimated as u'Wv. u and v count as constants, as in PyTorch.
func (b *Graph) spectral(name string, w *g.Node, u, v []float32) *g.Node {
	if b.err != nil {
		return nil
	}
	y, yd := dense(w.Shape()...)
	n := len(v)
	sigma := func(w []float32) float64 {
		var s float64
		for o, x := range u {
			s += float64(x) * float64(dot(w[o*n:][:n], v))
		}
		return s
	}
	d := def{name: "spectral " + name, shape: w.Shape(), diff: []bool{true}}
	d.run = func(in []g.Value) (g.Value, error) {
		src := floats(in[0])
		f := float32(1 / sigma(src))
		for i, x := range src {
			yd[i] = x * f
		}
		return y, nil
	}
	d.grads = func(in g.Nodes, _, grad *g.Node) (g.Nodes, error) {
		dw, dwd := dense(in[0].Shape()...)
		back := b.apply(def{name: "spectral-back " + name, shape: in[0].Shape(), run: func(in []g.Value) (g.Value, error) {
			w, dy := floats(in[0]), floats(in[1])
			s := sigma(w)
			var along float64 // of dy towards w
			for i, x := range dy {
				along += float64(x) * float64(w[i])
			}
			k := float32(along / (s * s))
			for o, x := range u {
				for i, z := range v {
					dwd[o*n+i] = dy[o*n+i]/float32(s) - k*x*z
				}
			}
			return dw, nil
		}}, in[0], grad)
		return g.Nodes{back}, b.err
	}
	return b.apply(d, w)
}

// Logits judges images [B,H,W,3], sides multiples of 8: one number a pixel, above 0 for real.
func (n *DiscriminatorNet) Logits(x *g.Node) *g.Node {
	const slope = 0.2
	layer := func(i int, x *g.Node) *g.Node {
		l := discriminatorLayers[i]
		_, out := l.channels(n.c.Width)
		s := float32(slope)
		if i == len(discriminatorLayers)-1 {
			s = 1
		}
		return n.convolve("discriminator."+discriminatorName(i), x, n.weights[i], n.biases[i],
			conv.General{K: l.k, Stride: l.stride, Pad: 1, Out: out}, s)
	}
	var down [4]*g.Node
	t := x
	for i := range down {
		t = layer(i, t)
		down[i] = t
	}
	add := &Net{Graph: n.Graph}
	for i := range 3 {
		t = add.Add(layer(4+i, n.bilinear("discriminator.up", t)), down[2-i])
	}
	return layer(9, layer(8, layer(7, t)))
}
