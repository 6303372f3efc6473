package train

import (
	"math"
	"os"
	"strings"
	"testing"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"

	g "gorgonia.org/gorgonia"
)

// values repeats the formula of tools/golden/train.py: n numbers in [0,1) from a name.
func values(name string, n int) []float64 {
	h := uint32(2166136261)
	for _, b := range []byte(name) {
		h = (h ^ uint32(b)) * 16777619
	}
	out := make([]float64, n)
	for i := range out {
		x := h + uint32(i)*2654435761
		for range 2 {
			x ^= x >> 16
			x *= 0x45d9f3b
		}
		x ^= x >> 16
		out[i] = float64(x) / (1 << 32)
	}
	return out
}

// formulaWeights fills a network with the formula, biases with the bound of their weights.
func formulaWeights(t *testing.T, c kdsr.Config, role kdsr.Role) *kdsr.Weights {
	t.Helper()
	params, err := c.Schema(role)
	if err != nil {
		t.Fatal(err)
	}
	fill := kdsr.RandomWeights
	if role == kdsr.Teacher {
		fill = kdsr.RandomTeacher
	}
	w, err := fill(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range params {
		if p.Frozen {
			continue
		}
		weight := w.Tensors[strings.TrimSuffix(p.Name, ".bias")+".weight"]
		if !strings.HasSuffix(p.Name, ".bias") {
			weight = w.Tensors[p.Name]
		}
		fan := kdsr.Shape(weight.Shape[1:]).Size()
		for i, v := range values(p.Name, p.Shape.Size()) {
			w.Tensors[p.Name].Data[i] = float32((v*2 - 1) / math.Sqrt(float64(fan)))
		}
	}
	return w
}

func formulaBatch(geo geometry, step int) *data.Batch {
	make32 := func(name string, side int) []float32 {
		out := make([]float32, geo.batch*side*side*3)
		for i, v := range values(name+"."+string(rune('0'+step)), len(out)) {
			out[i] = float32(v)
		}
		return out
	}
	return &data.Batch{LR: make32("lr", geo.patch), HR: make32("hr", geo.patch*geo.scale), Other: make32("other", geo.patch)}
}

// goldenTensors reads the committed vectors.
func goldenTensors(t *testing.T) map[string]kdsr.Tensor {
	t.Helper()
	f, err := os.Open("testdata/step.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	want, _, err := kdsr.ReadTensors(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// TestAgainstPyTorch compares every gradient of one step, and the losses of ten steps with Adam, with the committed vectors.
func TestAgainstPyTorch(t *testing.T) {
	want := goldenTensors(t)
	direct := kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	official := kdsr.Config{C: 8, N: 2, R: 1, Scale: 4, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1}
	t.Run("teacher", func(t *testing.T) { comparePyTorch(t, want, direct, Teacher, 8) })
	t.Run("student", func(t *testing.T) { comparePyTorch(t, want, direct, Student, 8) })
	t.Run("student-official", func(t *testing.T) { comparePyTorch(t, want, official, Student, 6) })
}

func comparePyTorch(t *testing.T, want map[string]kdsr.Tensor, shape kdsr.Config, stage Stage, patch int) {
	name := t.Name()[strings.Index(t.Name(), "/")+1:]
	ws := conv.NewWorkers(2)
	defer ws.Close()
	geo, c := geometry{2, patch, shape.Scale}, Default()
	var m *machine
	var err error
	if stage == Teacher {
		m, err = newTeacher(ws, formulaWeights(t, shape, kdsr.Teacher), geo, c, nil)
	} else {
		m, err = newStudent(ws, formulaWeights(t, shape, kdsr.Student), formulaWeights(t, shape, kdsr.Teacher), nil, geo, c, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.prog.Close()
	adam := graph.NewAdam(ws, 0.9, 0.99)
	adam.LR = 1e-3
	model := make([]g.ValueGrad, len(m.prog.Params))
	for i, p := range m.prog.Params {
		model[i] = p
	}
	losses := want[name+"/losses"]
	width := losses.Shape[1]
	for step := range 10 {
		got, err := m.run(formulaBatch(geo, step))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if ref := losses.Data[step*width+i]; math.Abs(float64(v-ref)) > 1e-4*max(1, math.Abs(float64(ref))) {
				t.Errorf("step %d: %s is %.7f, PyTorch has %.7f", step, m.names[i], v, ref)
			}
		}
		if step == 0 {
			compareGradients(t, want, name, m.prog.Params)
		}
		if err := adam.Step(model); err != nil {
			t.Fatal(err)
		}
	}
}

// compareGradients wants each value within 1e-4 of the tensor's largest.
func compareGradients(t *testing.T, want map[string]kdsr.Tensor, name string, params []*graph.Param) {
	seen := 0
	for _, p := range params {
		ref, ok := want[name+"/grad/"+p.Name]
		if !ok {
			t.Errorf("%s: not in the vectors", p.Name)
			continue
		}
		seen++
		v, err := p.Grad()
		if err != nil {
			t.Fatal(err)
		}
		var top, worst float64
		for i, d := range v.Data().([]float32) {
			top = max(top, math.Abs(float64(ref.Data[i])))
			worst = max(worst, math.Abs(float64(d-ref.Data[i])))
		}
		if top == 0 || worst > 1e-4*top {
			t.Errorf("%s: gradient off by %.3g, largest is %.3g", p.Name, worst, top)
		}
	}
	all := 0
	for n := range want {
		if strings.HasPrefix(n, name+"/grad/") {
			all++
		}
	}
	if seen != all {
		t.Errorf("%d of %d gradients compared", seen, all)
	}
}
