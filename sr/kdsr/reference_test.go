package kdsr

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden is one file of tools/golden/forward.py.
type golden struct {
	Weights
	vectors map[string]Tensor // in/, act/ and out/
}

func loadGolden(t *testing.T, path string) *golden {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	tensors, meta, err := ReadTensors(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{Weights: Weights{Role: Role(meta["role"]), Tensors: map[string]Tensor{}}, vectors: map[string]Tensor{}}
	if err := json.Unmarshal([]byte(meta["config"]), &g.Config); err != nil {
		t.Fatal(err)
	}
	for name, tensor := range tensors {
		if strings.Contains(name, "/") {
			g.vectors[name] = tensor
		} else {
			g.Tensors[name] = tensor
		}
	}
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	return g
}

// compare requires agreement within 1e-4 of the largest value of the tensor.
func (g *golden) compare(t *testing.T, name string, got *Array) {
	t.Helper()
	want, ok := g.vectors[name]
	if !ok || Shape(want.Shape).Size() != got.Shape.Size() {
		t.Fatalf("%s: shape %v, want %v", name, got.Shape, want.Shape)
	}
	top := 0.0
	for _, v := range want.Data {
		top = max(top, math.Abs(float64(v)))
	}
	for i, v := range want.Data {
		if d := math.Abs(got.Data[i] - float64(v)); !(d <= 1e-4*top) {
			t.Fatalf("%s: value %d is %g, want %g", name, i, got.Data[i], v)
		}
	}
	delete(g.vectors, name)
}

func (g *golden) array(name string) *Array {
	v := g.vectors[name]
	delete(g.vectors, name)
	return NewArray32(v.Data, v.Shape...)
}

// TestGolden holds every layer of the reference interpreter against PyTorch.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/golden_*.safetensors")
	if len(files) != 9 {
		t.Fatalf("%d files, want 9", len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".safetensors"), func(t *testing.T) {
			g := loadGolden(t, path)
			ref := &Reference{Weights: &g.Weights}
			ref.Trace = func(name string, y *Array) { g.compare(t, "act/"+name, y) }
			x := g.array("in/x")
			var prime, d *Array
			if g.Role == Teacher {
				prime, d = EstimateTeacher(ref, g.Config, x, g.array("in/hr"))
			} else {
				prime, d = Estimate(ref, g.Config, x)
			}
			g.compare(t, "out/prime", prime)
			g.compare(t, "out/d", d)
			kernels := Modulate(ref, g.Config, d)
			for i, k := range kernels {
				g.compare(t, fmt.Sprintf("out/kernels.%d", i), k)
			}
			g.compare(t, "out/y", Upscale(ref, g.Config, x, kernels))
			if ref.Err() != nil {
				t.Fatal(ref.Err())
			}
			if len(g.vectors) != 0 {
				t.Errorf("%d vectors were not compared", len(g.vectors))
			}
		})
	}
}

func TestReferenceReportsMissingTensor(t *testing.T) {
	w := tiny(t)
	delete(w.Tensors, "G.body.1.bias")
	ref := &Reference{Weights: w}
	x := randomArray(1, 1, 3, 4, 4)
	_, d := Estimate(ref, w.Config, x)
	Upscale(ref, w.Config, x, Modulate(ref, w.Config, d))
	if ref.Err() == nil || !strings.Contains(ref.Err().Error(), "G.body.1.bias") {
		t.Error(ref.Err())
	}
	ref = &Reference{Weights: tiny(t)}
	Estimate(ref, w.Config, randomArray(1, 1, 4, 4, 4)) // four channels do not fit the weights
	if ref.Err() == nil {
		t.Error("no error")
	}
}
