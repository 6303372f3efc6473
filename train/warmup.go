package train

import (
	"strings"

	g "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// Before the SR network can profit from a degradation vector, the vector has to mean something. So a run may begin with steps
// that teach the estimator alone: from the probe in stage 1 (optim.probe_only), from the teacher's vector afterwards
// (optim.kd_only). They leave the SR network out and cost a third of a whole step.

// estimatorOnly is the number of such steps. Optim.Warmup is another thing: the steps in which the rate grows.
func (c Config) estimatorOnly(stage Stage) int {
	if stage == Teacher {
		return c.Optim.ProbeOnly
	}
	return c.Optim.KDOnly
}

// newWarmup builds the graph of those steps; p is the probe of stage 1.
func newWarmup(ws *conv.Workers, w, teacher *kdsr.Weights, geo geometry, c Config, p *probe) (*machine, error) {
	gr := graph.New(ws)
	x, hr := images(gr, geo)
	net := gr.Net("", w, func(name string) bool { return trainable(name) && !strings.Contains(name, ".compress.") }) // no loss looks behind D'
	if teacher == nil {
		dPrime, _ := kdsr.EstimateTeacher(net, w.Config, x, hr)
		loss, input := p.add(gr, dPrime)
		m := &machine{inputs: []*g.Node{x, hr, input}, names: []string{"loss", "probe"}, weights: []float32{float32(c.Loss.Probe)}}
		m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR, p.measure(b)} }
		return m, m.compile(gr, gr.Total(m.weights, loss), loss)
	}
	m := &machine{inputs: []*g.Node{x, hr}, names: []string{"loss", "kd"}, weights: []float32{float32(c.Loss.KD)}}
	m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR} }
	seen := x
	if c.Estimator == "other" {
		seen = gr.Input("other", geo.batch, geo.patch, geo.patch, 3)
		m.inputs = append(m.inputs, seen)
		m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR, b.Other} }
	}
	want, _ := kdsr.EstimateTeacher(gr.Net("teacher.", teacher, nil), teacher.Config, x, hr)
	got, _ := kdsr.Estimate(net, w.Config, seen)
	parts := m.addProbe(gr, p, got, c, distance(gr, got, want, c))
	return m, m.compile(gr, gr.Total(m.weights, parts...), parts...)
}

// idle is a parameter that the running graph leaves alone: its gradient is zero.
type idle struct {
	*graph.Param
	zero g.Value
}

func (p idle) Grad() (g.Value, error) { return p.zero, nil }

// parameters lists those of all, each with its gradient in the running machine, or none.
func parameters(all []*graph.Param, m *machine) []g.ValueGrad {
	running := make(map[string]*graph.Param, len(m.prog.Params))
	for _, p := range m.prog.Params {
		running[p.Name] = p
	}
	out := make([]g.ValueGrad, len(all))
	for i, p := range all {
		if q, ok := running[p.Name]; ok {
			out[i] = q
		} else {
			zero := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(p.Value().Shape()...))
			out[i] = idle{p, zero}
		}
	}
	return out
}
