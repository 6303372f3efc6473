package train

import (
	"fmt"
	"strings"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// machine is one stage's compiled graph: a batch in, losses and gradients out.
type machine struct {
	prog    *graph.Program
	inputs  []*g.Node
	feed    func(b *data.Batch) [][]float32 // in the order of inputs
	weights []float32                       // of the losses
	losses  []*graph.Output                 // the total, then each
	names   []string
	params  []g.ValueGrad // what the solver changes, always all of the stage's
}

// geometry is what a graph's shapes depend on.
type geometry struct{ batch, patch, scale int }

// trainable leaves out the mean shifts, which are fixed numbers.
func trainable(name string) bool {
	return !strings.HasPrefix(name, "G.sub_mean.") && !strings.HasPrefix(name, "G.add_mean.")
}

// newTeacher builds stage 1: the estimator sees LR and HR, the loss is L1, and the probe's if there is one.
func newTeacher(ws *conv.Workers, w *kdsr.Weights, geo geometry, c Config, p *probe) (*machine, error) {
	gr := graph.New(ws)
	x, hr := images(gr, geo)
	net := gr.Net("", w, trainable)
	dPrime, d := kdsr.EstimateTeacher(net, w.Config, x, hr)
	y := kdsr.Upscale(net, w.Config, x, kdsr.Modulate(net, w.Config, d))
	m := &machine{
		inputs: []*g.Node{x, hr}, names: []string{"loss"},
		feed: func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR} },
	}
	parts := m.pixelLosses(gr, y, hr, c)
	parts = m.addProbe(gr, p, dPrime, c, parts...)
	return m, m.compile(gr, gr.Total(m.weights, parts...), parts...)
}

// addProbe appends the probe's loss of D' to parts, and its input; p is nil in a run without one.
func (m *machine) addProbe(gr *graph.Graph, p *probe, dPrime *g.Node, c Config, parts ...*g.Node) []*g.Node {
	if p == nil {
		return parts
	}
	loss, input := p.add(gr, dPrime)
	m.inputs, m.names, m.weights = append(m.inputs, input), append(m.names, "probe"), append(m.weights, float32(c.Loss.Probe))
	feed := m.feed
	m.feed = func(b *data.Batch) [][]float32 { return append(feed(b), p.measure(b)) }
	return append(parts, loss)
}

// pixelLosses adds the losses of the frame: L1, and L2 if the run wants it, of RGB or with loss.chroma of luma and chroma.
func (m *machine) pixelLosses(gr *graph.Graph, y, hr *g.Node, c Config) []*g.Node {
	if c.Loss.Chroma > 0 {
		y, hr = gr.YCbCr(y, float32(c.Loss.Chroma)), gr.YCbCr(hr, float32(c.Loss.Chroma))
	}
	m.names, m.weights = append(m.names, "l1"), append(m.weights, float32(c.Loss.L1))
	parts := []*g.Node{gr.L1(y, hr)}
	if c.Loss.L2 > 0 {
		m.names, m.weights = append(m.names, "l2"), append(m.weights, float32(c.Loss.L2))
		parts = append(parts, gr.L2(y, hr))
	}
	return parts
}

// distance is the loss that moves the student's D' to the teacher's.
func distance(gr *graph.Graph, got, want *g.Node, c Config) *g.Node {
	switch c.Loss.Distance {
	case "l1":
		return gr.L1(got, want)
	case "l2":
		return gr.L2(got, want)
	}
	return gr.KL(got, want, c.Loss.Temperature)
}

// blind fixes D at ones, whatever is seen: the kernels are then learnt as those of a plain convolution are.
func blind(w *kdsr.Weights) {
	clear(w.Tensors["E_st.compress.0.weight"].Data)
	bias := w.Tensors["E_st.compress.0.bias"].Data
	for i := range bias {
		bias[i] = 1
	}
}

// newStudent builds stage 2: the student's estimator sees another crop of the same clip (or the same one), the teacher's sees
// LR and HR, and the loss is the image's plus the distance of their D'. teacher is nil in a run without distillation.
// p, if not nil, is the probe of D', and guide another student to imitate.
func newStudent(ws *conv.Workers, w, teacher, guide *kdsr.Weights, geo geometry, c Config, p *probe) (*machine, error) {
	gr := graph.New(ws)
	x, hr := images(gr, geo)
	seen := x
	m := &machine{
		inputs: []*g.Node{x, hr}, names: []string{"loss"},
		feed: func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR} },
	}
	if c.Estimator == "other" {
		seen = gr.Input("other", geo.batch, geo.patch, geo.patch, 3)
		m.inputs = append(m.inputs, seen)
		m.feed = func(b *data.Batch) [][]float32 { return [][]float32{b.LR, b.HR, b.Other} }
	}
	learns := trainable
	if c.Estimator == "none" {
		blind(w)
		learns = func(name string) bool { return trainable(name) && !strings.HasPrefix(name, "E_st.") }
	}
	net := gr.Net("", w, learns)
	got, d := kdsr.Estimate(net, w.Config, seen)
	y := kdsr.Upscale(net, w.Config, x, kdsr.Modulate(net, w.Config, d))
	parts := m.pixelLosses(gr, y, hr, c)
	if guide != nil {
		parts = append(parts, m.guideLosses(gr, guide, x, seen, y, got, c)...)
	}
	if teacher != nil {
		want, _ := kdsr.EstimateTeacher(gr.Net("teacher.", teacher, nil), teacher.Config, x, hr)
		m.names, m.weights = append(m.names, "kd"), append(m.weights, float32(c.Loss.KD))
		parts = append(parts, distance(gr, got, want, c))
	}
	parts = m.addProbe(gr, p, got, c, parts...)
	return m, m.compile(gr, gr.Total(m.weights, parts...), parts...)
}

// guideLosses are the distances of image y and vector dPrime to those of the guide for the same input.
func (m *machine) guideLosses(gr *graph.Graph, guide *kdsr.Weights, x, seen, y, dPrime *g.Node, c Config) (parts []*g.Node) {
	net := gr.Net("guide.", guide, nil)
	vector, d := kdsr.Estimate(net, guide.Config, seen)
	if c.Loss.Guide > 0 {
		image := kdsr.Upscale(net, guide.Config, x, kdsr.Modulate(net, guide.Config, d))
		if c.Loss.Chroma > 0 {
			y, image = gr.YCbCr(y, float32(c.Loss.Chroma)), gr.YCbCr(image, float32(c.Loss.Chroma))
		}
		m.names, m.weights = append(m.names, "guide"), append(m.weights, float32(c.Loss.Guide))
		parts = append(parts, gr.L1(y, image))
	}
	if c.Loss.GuideVector > 0 {
		m.names, m.weights = append(m.names, "guide_vector"), append(m.weights, float32(c.Loss.GuideVector))
		parts = append(parts, gr.Relation(dPrime, vector))
	}
	return parts
}

func images(gr *graph.Graph, geo geometry) (lr, hr *g.Node) {
	side := geo.patch * geo.scale
	return gr.Input("lr", geo.batch, geo.patch, geo.patch, 3), gr.Input("hr", geo.batch, side, side, 3)
}

func (m *machine) compile(gr *graph.Graph, total *g.Node, parts ...*g.Node) error {
	var err error
	m.prog, m.losses, err = gr.Compile(total, append([]*g.Node{total}, parts...)...)
	return err
}

// run computes losses and gradients of one batch.
func (m *machine) run(b *data.Batch) ([]float32, error) {
	for i, values := range m.feed(b) {
		if err := m.prog.Feed(m.inputs[i], values); err != nil {
			return nil, err
		}
	}
	if err := m.prog.Run(); err != nil {
		return nil, err
	}
	out := make([]float32, len(m.losses))
	for i, o := range m.losses {
		out[i] = o.Floats()[0]
	}
	return out, nil
}

// fromTeacher starts a student: G from the teacher, the estimator random, as the official code does (docs/kdsr.md 2.4).
func fromTeacher(teacher *kdsr.Weights, seed uint64) (*kdsr.Weights, error) {
	w, err := kdsr.RandomWeights(teacher.Config, seed)
	if err != nil {
		return nil, err
	}
	for name, t := range w.Tensors {
		if strings.HasPrefix(name, "G.") {
			from, ok := teacher.Tensors[name]
			if !ok || len(from.Data) != len(t.Data) {
				return nil, fmt.Errorf("teacher has no fitting %s", name)
			}
			copy(t.Data, from.Data)
		}
	}
	return w, nil
}
