package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/sr/kdsr"
	"vsr/train/data"
)

// `vsr model export --idr-bounds` measures the vectors of a config's images, and takes the note away again.
func TestExportIDRBounds(t *testing.T) {
	dir := t.TempDir()
	images, weights, out := filepath.Join(dir, "images"), filepath.Join(dir, "w.safetensors"), filepath.Join(dir, "out.safetensors")
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Save(weights, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(images, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := data.WritePNG(filepath.Join(images, fmt.Sprintf("%d.png", i)), evalImage(128+i, 112).RGBA()); err != nil {
			t.Fatal(err)
		}
	}
	config := func(scale int) string {
		path := filepath.Join(dir, fmt.Sprintf("x%d.yaml", scale))
		text := fmt.Sprintf("scale: %d\ndata: {images: [%q], patch: 16, batch: 16}\ndegradation: {kind: gaussian}\n", scale, images)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		from, bounds string
		code         int
		says         string
		noted        bool
	}{
		{weights, config(2), exitOK, "degradation vectors within", true},
		{out, "", exitOK, "degradation vectors within", true},
		{out, "none", exitOK, "", false},
		{weights, config(4), exitInput, "scale", false},
		{weights, filepath.Join(dir, "none.yaml"), exitUsage, "none.yaml", false},
	} {
		var stdout, stderr bytes.Buffer
		args := []string{"model", "export", c.from, "-o", out, "-y"}
		if c.bounds != "" {
			args = append(args, "--idr-bounds", c.bounds)
		}
		if code := execute(args, &stdout, &stderr); code != c.code || !strings.Contains(stdout.String()+stderr.String(), c.says) {
			t.Fatalf("%v: code %d, want %d and %q: %s%s", args, code, c.code, c.says, stdout.String(), stderr.String())
		}
		if c.code != exitOK {
			continue
		}
		got, err := kdsr.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		if bounds, err := got.IDRBounds(); err != nil || (bounds != nil) != c.noted {
			t.Errorf("%v: %v, %v", args, bounds, err)
		}
	}
}
