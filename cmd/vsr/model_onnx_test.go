package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

func TestExportONNX(t *testing.T) {
	dir := t.TempDir()
	weights, clip, out := filepath.Join(dir, "w.safetensors"), filepath.Join(dir, "c.mkv"), filepath.Join(dir, "n.onnx")
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Save(weights, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	o := testmedia.Options{Frames: 2, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1}}}
	if err := testmedia.WriteClip(clip, o, encode.Options{Codec: "ffv1"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		args []string
	}{
		{exitUsage, nil},
		{exitInput, []string{"--like", filepath.Join(dir, "none.mkv")}},
		{exitOK, []string{"--like", clip}},
		{exitDestination, []string{"--like", clip}},
		{exitOK, []string{"--like", clip, "-y"}},
	} {
		var stdout, stderr bytes.Buffer
		if code := execute(append([]string{"model", "export", weights, "--onnx", "-o", out}, c.args...), &stdout, &stderr); code != c.code {
			t.Fatalf("%v: code %d, want %d: %s", c.args, code, c.code, stderr.String())
		}
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	vector, err := upscale.Degradation(context.Background(), w, clip)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := w.ExportONNX(&want, vector); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) || !strings.Contains(string(got), "DepthToSpace") {
		t.Errorf("the file of %d bytes is not the network of the clip's degradation", len(got))
	}
}
