package train

import (
	"fmt"
	"maps"
	"slices"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// GANConfig is what stage 3 adds.
type GANConfig struct {
	Width    int     `yaml:"width"`
	LR       float64 `yaml:"lr"`
	Features string  `yaml:"features"`
}

// discriminator is the discriminator of stage 3 with its own solver. It judges what the student just made.
type discriminator struct {
	net  *graph.Discriminator
	m    *machine // inputs: original, output
	adam *graph.Adam
	made *graph.Output // the student's image of the last run
}

// newGAN builds stage 3: L1, distillation, perceptual and adversarial loss for the student; binary cross entropy for the discriminator.
// teacher may be nil when the distillation is off, features when the perceptual loss is.
func newGAN(ws *conv.Workers, w, teacher *kdsr.Weights, features *graph.Features, geo geometry, c Config) (*machine, *discriminator, error) {
	gr := graph.New(ws)
	x, hr := images(gr, geo)
	seen := x
	m := &machine{inputs: []*g.Node{x, hr}, feed: func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR} }}
	if c.Estimator == "other" {
		seen = gr.Input("other", geo.batch, geo.patch, geo.patch, 3)
		m.inputs = append(m.inputs, seen)
		m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR, b.Other} }
	}
	var want *g.Node // the teacher's vector
	if teacher != nil {
		want, _ = kdsr.EstimateTeacher(gr.Net("teacher.", teacher, nil), teacher.Config, x, hr)
	}
	net := gr.Net("", w, trainable)
	got, d := kdsr.Estimate(net, w.Config, seen)
	y := kdsr.Upscale(net, w.Config, x, kdsr.Modulate(net, w.Config, d))

	judge := &discriminator{net: graph.NewDiscriminator(c.GAN.Width, c.Seed+1)}
	m.names = []string{"loss"}
	var parts []*g.Node
	add := func(name string, weight float64, loss *g.Node) {
		m.names, m.weights, parts = append(m.names, name), append(m.weights, float32(weight)), append(parts, loss)
	}
	add("l1", c.Loss.L1, gr.L1(y, hr))
	if want != nil {
		add("kd", c.Loss.KD, distance(gr, got, want, c))
	}
	add("gan", c.Loss.GAN, gr.BCE(gr.Discriminator(judge.net, false).Logits(y), 1))
	if c.Loss.Perceptual > 0 {
		add("percep", c.Loss.Perceptual, gr.Perceptual(features, y, hr))
	}
	if err := m.compile(gr, gr.Total(m.weights, parts...), append(slices.Clone(parts), y)...); err != nil {
		return nil, nil, err
	}
	last := len(m.losses) - 1
	judge.made, m.losses = m.losses[last], m.losses[:last]
	return m, judge, judge.compile(ws, geo, c)
}

// compile builds the discriminator's own step: original images are real, the student's are not.
func (k *discriminator) compile(ws *conv.Workers, geo geometry, c Config) error {
	gr := graph.New(ws)
	side := geo.patch * geo.scale
	real, fake := gr.Input("real", geo.batch, side, side, 3), gr.Input("fake", geo.batch, side, side, 3)
	net := gr.Discriminator(k.net, true)
	k.m = &machine{inputs: []*g.Node{real, fake}, names: []string{"d", "d_real", "d_fake"}, weights: []float32{1, 1}}
	yes, no := gr.BCE(net.Logits(real), 1), gr.BCE(net.Logits(fake), 0)
	if err := k.m.compile(gr, gr.Total(k.m.weights, yes, no), yes, no); err != nil {
		return err
	}
	k.adam = graph.NewAdam(ws, c.Optim.Beta1, c.Optim.Beta2)
	k.adam.LR, k.adam.Clip = c.GAN.LR, c.Optim.Clip
	k.adam.Reserve(k.m.prog.Params)
	return nil
}

// step teaches the discriminator with the images of the student's last run.
func (k *discriminator) step(b *data.Batch) (float32, error) {
	k.net.Iterate()
	k.m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.HR, k.made.Floats()} }
	losses, err := k.m.run(b)
	if err != nil {
		return 0, err
	}
	if notNumber(losses[0]) {
		return 0, fmt.Errorf("%w: the discriminator's loss is %v", ErrDiverged, losses[0])
	}
	return losses[0], k.adam.Step(model(k.m.prog))
}

// state lists the discriminator's tensors for a checkpoint; the slices are the live ones.
func (k *discriminator) state() []kdsr.NamedTensor {
	var list []kdsr.NamedTensor
	add := func(name string, shape []int, data []float32) {
		list = append(list, kdsr.NamedTensor{Name: name, Tensor: kdsr.Tensor{Shape: shape, Data: data}})
	}
	for i, p := range k.m.prog.Params {
		n := []int{len(p.Data)}
		add("dw/"+p.Name, n, p.Data)
		add("dm/"+p.Name, n, k.adam.M[i])
		add("dv/"+p.Name, n, k.adam.V[i])
	}
	for _, name := range slices.Sorted(maps.Keys(k.net.U)) {
		add("du/"+name, []int{len(k.net.U[name])}, k.net.U[name])
		add("dx/"+name, []int{len(k.net.V[name])}, k.net.V[name])
	}
	return list
}

// model lists a program's parameters for a solver.
func model(p *graph.Program) []g.ValueGrad {
	out := make([]g.ValueGrad, len(p.Params))
	for i, q := range p.Params {
		out[i] = q
	}
	return out
}
