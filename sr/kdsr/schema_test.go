package kdsr

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func preset(t testing.TB, name string, scale int) Config {
	t.Helper()
	c, err := Preset(name, scale)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPublishedSizes holds the published numbers of parameters, tensors and operations (docs/kdsr.md 1.1, 1.5, 1.6).
func TestPublishedSizes(t *testing.T) {
	for _, want := range []struct {
		name                                       string
		student, teacher, tensors                  int
		upscale, estimate, vector, modulate, small int64
		gmac                                       float64 // Upscale and Estimate of a 320x180 image, 2 decimals
	}{
		{"m", 5795099, 5822747, 276, 2787840, 1181376, 147456, 2170880, 2323587, 228.63},
		{"l", 14191003, 14246299, 160, 7316352, 3542400, 589824, 4587520, 5499907, 625.46},
		{"gan", 18846107, 18901403, 220, 9396864, 3837312, 589824, 6881280, 7582211, 762.29},
	} {
		c := preset(t, want.name, 4)
		student, _ := c.ParamCount(Student)
		teacher, _ := c.ParamCount(Teacher)
		if student != want.student || teacher != want.teacher {
			t.Errorf("%s: %d and %d parameters, want %d and %d", want.name, student, teacher, want.student, want.teacher)
		}
		params, err := c.Schema(Student)
		if err != nil || len(params) != want.tensors {
			t.Errorf("%s: %d tensors, want %d, error %v", want.name, len(params), want.tensors, err)
		}
		var static int64 // what is left once the kernels are frozen
		for _, p := range params {
			if strings.HasPrefix(p.Name, "G.") && !strings.Contains(p.Name, "da_conv1") && !p.Frozen {
				static += int64(p.Shape.Size())
			}
		}
		if static += int64(9 * c.N * c.C); static != want.small {
			t.Errorf("%s: static net of %d values, want %d", want.name, static, want.small)
		}
		m, err := c.MACs(1, 1)
		if got := (MACs{want.estimate, want.vector, want.modulate, want.upscale}); m != got || err != nil {
			t.Errorf("%s: %+v, want %+v, error %v", want.name, m, got, err)
		}
		m, _ = c.MACs(320, 180)
		if g := float64(m.Upscale+m.Estimate) / 1e9; math.Abs(g-want.gmac) > 0.011 {
			t.Errorf("%s: %.3f GMAC at 320x180, want %.2f", want.name, g, want.gmac)
		}
	}
}

func TestCollapsedMACs(t *testing.T) { // body as in docs/kdsr.md 1.5, tail 25*48*C
	for name, want := range map[string]int64{
		"m": 2787840 - 764928 + 76800, "l": 7316352 - 3004416 + 153600, "gan": 9396864 - 3004416 + 153600,
	} {
		if n, err := preset(t, name, 4).CollapsedMACs(1, 1); n != want || err != nil {
			t.Errorf("%s: %d MACs a pixel, want %d, error %v", name, n, want, err)
		}
	}
	c := preset(t, "fast", 3)
	m, _ := c.MACs(7, 5)
	if n, _ := c.CollapsedMACs(7, 5); n != m.Upscale {
		t.Errorf("direct tail: %d, want %d", n, m.Upscale)
	}
}

func TestSchemaNames(t *testing.T) { // docs/kdsr.md 1.6, for M
	params, err := preset(t, "m", 4).Schema(Student)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Shape{}
	for _, p := range params {
		got[p.Name] = p.Shape
	}
	for name, want := range map[string]string{
		"G.sub_mean.weight": "[3 3 1 1]", "G.add_mean.bias": "[3]", "G.head.0.weight": "[64 3 3 3]",
		"G.body.0.body.52.da_conv1.kernel.0.weight": "[64 64]", "G.body.0.body.0.da_conv1.kernel.2.weight": "[576 64]",
		"G.body.0.body.52.conv1.bias": "[64]", "G.body.1.weight": "[64 64 3 3]", "G.tail.0.0.weight": "[256 64 3 3]",
		"G.tail.0.2.bias": "[256]", "G.tail.1.weight": "[3 64 3 3]", "E_st.E.0.weight": "[64 3 3 3]",
		"E_st.E.10.body.2.weight": "[64 64 3 3]", "E_st.E.11.weight": "[128 64 3 3]", "E_st.E.13.weight": "[128 128 3 3]",
		"E_st.E.15.bias": "[256]", "E_st.mlp.2.weight": "[256 256]", "E_st.compress.0.weight": "[64 256]",
	} {
		if s := fmtShape(got[name]); s != want {
			t.Errorf("%s is %s, want %s", name, s, want)
		}
	}
	params, _ = preset(t, "l", 4).Schema(Teacher)
	if p := params[0]; p.Name != "E.E.0.weight" || fmtShape(p.Shape) != "[128 51 3 3]" {
		t.Errorf("teacher starts with %s %v", p.Name, p.Shape)
	}
}

func TestRandomWeights(t *testing.T) {
	for _, name := range []string{"nano", "fast"} {
		for scale := 2; scale <= 4; scale++ {
			c := preset(t, name, scale)
			w, err := RandomWeights(c, 7)
			if err != nil || w.Check() != nil {
				t.Fatal(err, w.Check())
			}
			teacher, err := RandomTeacher(c, 7)
			if err != nil || teacher.Check() != nil {
				t.Fatal(err, teacher.Check())
			}
		}
	}
	w, _ := RandomWeights(preset(t, "nano", 4), 7)
	v, _ := RandomWeights(preset(t, "nano", 4), 8)
	const name = "G.head.0.weight"
	bound, top := 1/math.Sqrt(27), 0.0
	same := true
	for i, x := range w.Tensors[name].Data {
		top = max(top, math.Abs(float64(x)))
		same = same && x == v.Tensors[name].Data[i]
	}
	if top > bound || top < 0.9*bound || same {
		t.Errorf("head reaches %.3f, want just under %.3f; same for another seed: %v", top, bound, same)
	}
}

func TestCheckListsEverything(t *testing.T) {
	w, err := RandomWeights(Config{C: 4, N: 1, R: 1, Scale: 2, Tail: TailOfficial, Skip: SkipNone, Stem: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	delete(w.Tensors, "G.head.0.bias")
	delete(w.Tensors, "E_st.mlp.0.weight")
	w.Tensors["stray"] = Tensor{[]int{1}, []float32{1}}
	w.Tensors["G.body.1.bias"] = Tensor{[]int{5}, make([]float32, 5)}
	w.Tensors["G.tail.1.bias"] = Tensor{[]int{3}, make([]float32, 2)}
	w.Tensors["G.tail.0.0.bias"].Data[1] = float32(math.NaN())
	w.Tensors["G.sub_mean.bias"].Data[0] *= 255
	var e *WeightsError
	if err := w.Check(); !errors.As(err, &e) {
		t.Fatal(err)
	}
	if len(e.Missing) != 2 || len(e.Extra) != 1 || len(e.Mismatch) != 4 {
		t.Error(e)
	}
	for _, s := range append(append(e.Missing, e.Extra...), e.Mismatch...) {
		if !strings.Contains(e.Error(), s) {
			t.Errorf("%q is not in the message", s)
		}
	}
}

func TestShapesReportsMismatch(t *testing.T) {
	c := preset(t, "nano", 4)
	for name, walk := range map[string]func(*Shapes){
		"vector as image": func(s *Shapes) { Estimate(s, c, Shape{1, 3}) },
		"four channels":   func(s *Shapes) { Upscale(s, c, Shape{1, 4, 2, 2}, nil) },
		"kernels of another width": func(s *Shapes) {
			Upscale(s, c, Shape{1, 3, 2, 2}, []Shape{{1, 9}})
		},
		"original of another size": func(s *Shapes) { EstimateTeacher(s, c, Shape{1, 3, 4, 4}, Shape{1, 3, 20, 16}) },
		"original not divisible":   func(s *Shapes) { EstimateTeacher(s, c, Shape{1, 3, 4, 4}, Shape{1, 3, 17, 16}) },
		"add":                      func(s *Shapes) { s.Add(Shape{1, 3, 2, 2}, Shape{1, 3, 2, 3}) },
		"linear":                   func(s *Shapes) { s.Linear(Shape{1, 2, 3}, "x", 4, true, true) },
	} {
		var s Shapes
		if walk(&s); s.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func fmtShape(s Shape) string { return fmt.Sprint([]int(s)) }
