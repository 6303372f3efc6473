package train

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"

	g "gorgonia.org/gorgonia"
)

// A student without an estimator learns kernels that do not depend on the input, and leaves the estimator alone.
func TestBlindStudent(t *testing.T) {
	shape, err := kdsr.Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kdsr.RandomWeights(shape, 1)
	if err != nil {
		t.Fatal(err)
	}
	ws := conv.NewWorkers(1)
	defer ws.Close()
	c := Default()
	c.Estimator, c.Loss.KD = "none", 0
	m, err := newStudent(ws, w, nil, nil, geometry{1, 16, 2}, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	kernels := false
	for _, p := range m.prog.Params {
		if strings.HasPrefix(p.Name, "E_st.") {
			t.Errorf("%s is trained", p.Name)
		}
		kernels = kernels || strings.Contains(p.Name, ".kernel.")
	}
	if !kernels {
		t.Error("the kernels are not trained")
	}
	if slices.Max(w.Tensors["E_st.compress.0.weight"].Data) != 0 || slices.Min(w.Tensors["E_st.compress.0.bias"].Data) != 1 {
		t.Error("the vector depends on the input")
	}
}

// A guide's losses are 0 for a student that is its own guide and positive for another; the guide is not trained.
func TestGuide(t *testing.T) {
	shape, err := kdsr.Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	larger, err := kdsr.Preset("fast", 2)
	if err != nil {
		t.Fatal(err)
	}
	ws := conv.NewWorkers(1)
	defer ws.Close()
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = r.Float32()
		}
		return v
	}
	geo := geometry{3, 16, 2}
	b := &data.Batch{LR: noise(3 * 16 * 16 * 3), HR: noise(3 * 32 * 32 * 3), Other: noise(3 * 16 * 16 * 3)}
	for _, own := range []bool{true, false} {
		w, err := kdsr.RandomWeights(shape, 1)
		if err != nil {
			t.Fatal(err)
		}
		guide := w
		if !own {
			if guide, err = kdsr.RandomWeights(larger, 2); err != nil {
				t.Fatal(err)
			}
		}
		c := Default()
		c.Loss.KD, c.Loss.Guide, c.Loss.GuideVector, c.Loss.Chroma = 0, 0.5, 0.1, 0.1
		m, err := newStudent(ws, w, nil, guide, geo, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		losses, err := m.run(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range m.names {
			if strings.HasPrefix(name, "guide") && (losses[i] < 1e-6) != own {
				t.Errorf("own guide %v: %s = %g", own, name, losses[i])
			}
		}
		if !slices.Contains(m.names, "guide") || !slices.Contains(m.names, "guide_vector") {
			t.Errorf("losses %v", m.names)
		}
		for _, p := range m.prog.Params {
			if strings.HasPrefix(p.Name, "guide.") {
				t.Errorf("%s is trained", p.Name)
			}
		}
	}
}

// Each name of loss.distance is another loss.
func TestDistances(t *testing.T) {
	ws := conv.NewWorkers(1)
	defer ws.Close()
	seen := map[float32]string{}
	for _, name := range []string{"kl", "l1", "l2"} {
		gr := graph.New(ws)
		a, b := gr.Input("a", 1, 4), gr.Input("b", 1, 4)
		c := Default()
		c.Loss.Distance = name
		m := &machine{inputs: []*g.Node{a, b}}
		loss := distance(gr, a, b, c)
		if err := m.compile(gr, gr.Total([]float32{1}, loss), loss); err != nil {
			t.Fatal(err)
		}
		for i, v := range [][]float32{{1, 2, 3, 4}, {2, 2, 2, 6}} {
			if err := m.prog.Feed(m.inputs[i], v); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.prog.Run(); err != nil {
			t.Fatal(err)
		}
		v := m.losses[1].Floats()[0]
		if other, ok := seen[v]; ok || v <= 0 {
			t.Errorf("%s gives %g, as %q does", name, v, other)
		}
		seen[v] = name
	}
	if seen[1] != "l1" || seen[1.5] != "l2" {
		t.Errorf("losses %v, want l1 1 and l2 1.5", seen)
	}
}
