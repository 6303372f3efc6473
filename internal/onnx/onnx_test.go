package onnx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"vsr/sr/kdsr"
)

// library finds the library as from the root of the repository, or skips.
func library(t *testing.T) string {
	t.Helper()
	t.Chdir("../..")
	path, err := Find("")
	if err != nil {
		t.Skip(err, "(make onnxruntime fetches it)")
	}
	return path
}

// TestSession runs exported networks and compares with the network itself.
func TestSession(t *testing.T) {
	lib, err := Open(library(t))
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	if lib.Version() == "" {
		t.Error("no version")
	}
	for _, c := range []kdsr.Config{
		{C: 8, N: 2, R: 0, Scale: 4, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1},
		{C: 16, N: 1, R: 0, Scale: 3, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2},
	} {
		compare(t, lib, c)
	}
}

func compare(t *testing.T, lib *Runtime, c kdsr.Config) {
	t.Helper()
	w, err := kdsr.RandomWeights(c, 5)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	d := make([]float32, c.C)
	for i := range d {
		d[i] = rng.Float32()
	}
	var model bytes.Buffer
	if err := w.ExportONNX(&model, d); err != nil {
		t.Fatal(err)
	}
	const width, height = 7, 5
	s, err := lib.Load(model.Bytes(), [4]int{1, 3, height, width}, [4]int{1, 3, height * c.Scale, width * c.Scale}, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range s.In {
		s.In[i] = rng.Float32()
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	ref := &kdsr.Reference{Weights: w}
	want := kdsr.Upscale(ref, c, kdsr.NewArray32(s.In, 1, 3, height, width), kdsr.Modulate(ref, c, kdsr.NewArray32(d, 1, c.C)))
	if err := ref.Err(); err != nil || len(want.Data) != len(s.Out) {
		t.Fatal(err, len(want.Data), len(s.Out))
	}
	for i, v := range want.Data {
		if math.Abs(float64(s.Out[i])-v) > 1e-4 {
			t.Fatalf("%+v: value %d is %g, want %g", c, i, s.Out[i], v)
		}
	}
}

// TestFind looks in a folder of its own.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if _, err := Find("missing.so"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	arch, ok := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok {
		t.Skip("npm holds no library for", runtime.GOARCH)
	}
	name := "node_modules/onnxruntime-node/bin/napi-v6/linux/" + arch + "/libonnxruntime.so.1"
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(""); err != nil || got != filepath.Join(dir, name) {
		t.Errorf("found %q, %v; want %q", got, err, name)
	}
	if _, err := Open(name); err == nil {
		t.Error("an empty file is opened as a library")
	}
}
