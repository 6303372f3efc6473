package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vsr/internal/onnx"
	"vsr/internal/testmedia"
	"vsr/sr/kdsr"
)

// benchJSON runs a bench and returns what it prints.
func benchJSON(t *testing.T, args ...string) map[string]any {
	t.Helper()
	code, out, errs := vsr(t, append([]string{"bench", "--json"}, args...)...)
	if code != exitOK {
		t.Fatalf("%v: exit %d, %s", args, code, errs)
	}
	var b map[string]any
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		t.Fatalf("%v: %v in %s", args, err, out)
	}
	return b
}

// TestBenchJSON wants the fields that scripts read.
func TestBenchJSON(t *testing.T) {
	b := benchJSON(t, "--model", "nano", "--scale", "2", "--size", "40x24", "--frames", "2", "--threads", "3")
	for _, field := range []string{"fps", "ms", "gflops", "isa", "bottleneck", "share_of_peak", "share_of_limit", "stages_ms"} {
		if b[field] == nil {
			t.Errorf("no field %s in %v", field, b)
		}
	}
	if b["threads"] != 3.0 || b["width"] != 40.0 || b["height"] != 24.0 || b["frames"] != 2.0 {
		t.Errorf("threads %v, size %v x %v, frames %v", b["threads"], b["width"], b["height"], b["frames"])
	}
	if c, _ := b["config"].(map[string]any); c["scale"] != 2.0 || c["c"] != 16.0 {
		t.Errorf("config %v, want nano x2", c)
	}
	if b["ratio"] != nil {
		t.Error("a ratio without --against")
	}
	if b := benchJSON(t, "--model", "nano", "--size", "9x7", "--frames", "1", "--isa", "go"); b["isa"] != "go" {
		t.Errorf("isa %v, want go", b["isa"])
	}
}

// TestBenchAgainstThreads wants the same picture from any number of threads.
func TestBenchAgainstThreads(t *testing.T) {
	b := benchJSON(t, "--model", "nano-x3", "--size", "41x23", "--frames", "1", "--rounds", "2", "--threads", "2", "--against", "threads=1")
	if b["max_difference"] != 0.0 || b["share_within_1"] != 1.0 {
		t.Errorf("differs by %v, %v within 1", b["max_difference"], b["share_within_1"])
	}
	if ratio, _ := b["ratio"].(float64); ratio <= 0 || b["rounds"] != 2.0 || b["against"] != "ours on 1 threads" {
		t.Errorf("ratio %v, rounds %v against %v", b["ratio"], b["rounds"], b["against"])
	}
}

// TestBenchAgainstONNXRuntime wants the picture of ONNX Runtime within one level, in float32 and for both tails.
func TestBenchAgainstONNXRuntime(t *testing.T) {
	t.Chdir("../..")
	if _, err := onnx.Find(""); err != nil {
		t.Skip(err, "(make onnxruntime fetches it)")
	}
	official := filepath.Join(t.TempDir(), "m.safetensors")
	w, err := kdsr.RandomWeights(kdsr.Config{C: 32, N: 2, R: 1, Scale: 2, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	soften(w)
	if err := w.Save(official, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"fast-x4", official} {
		b := benchJSON(t, "--model", model, "--size", "45x31", "--frames", "1", "--rounds", "1", "--precision", "fp32", "--against", "onnxruntime")
		if d, ok := b["max_difference"].(float64); !ok || d > 1 || b["share_within_1"] != 1.0 {
			t.Errorf("%s: differs by %v, %v within 1", model, b["max_difference"], b["share_within_1"])
		}
		if name, _ := b["against"].(string); !strings.Contains(name, "ONNX Runtime") {
			t.Errorf("against %v", b["against"])
		}
	}
}

// TestBenchDiffers wants differ to count levels and to take the picture of the frames that it asked for.
func TestBenchDiffers(t *testing.T) {
	made := func(samples ...byte) *side {
		last := -1
		return &side{run: func(n int) error { last = n; return nil }, take: func() []byte {
			if last != 0 {
				t.Errorf("picture %d is compared", last)
			}
			return samples
		}}
	}
	var c comparison
	if err := c.differ(made(10, 20, 30, 40), made(10, 21, 30, 33)); err != nil {
		t.Fatal(err)
	}
	if c.MaxDifference != 7 || c.WithinOne != 0.75 {
		t.Errorf("%d, %v; want 7, 0.75", c.MaxDifference, c.WithinOne)
	}
	if err := c.differ(made(1), made(1, 2)); err == nil {
		t.Error("pictures of two sizes are compared")
	}
}

// TestBenchRatio wants theirs over ours, and neither side always first.
func TestBenchRatio(t *testing.T) {
	var order []string
	sleeper := func(name string, d time.Duration) *side {
		return &side{run: func(int) error { order = append(order, name); time.Sleep(d); return nil }}
	}
	var c comparison
	if err := c.measure(t.Context(), sleeper("ours", time.Millisecond), sleeper("theirs", 40*time.Millisecond), 2, 1); err != nil {
		t.Fatal(err)
	}
	if c.Ratio <= 1 || c.OursMS >= c.TheirsMS || c.LeastRatio > c.MostRatio {
		t.Errorf("%+v", c)
	}
	if got := strings.Join(order, " "); got != "ours ours theirs theirs theirs theirs ours ours" {
		t.Errorf("order %s", got)
	}
}

// TestBenchRun runs a clip whole.
func TestBenchRun(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 6})
	b := benchJSON(t, "--model", tinyWeights(t, 2), "--run", in, "--rounds", "2", "--frames", "1")
	if b["frames"] != 6.0 || b["width"] != 96.0 || b["height"] != 64.0 || b["rounds"] != 2.0 || b["clip"] != "in.mkv" {
		t.Errorf("%v", b)
	}
	for _, field := range []string{"ratio", "wall_ms", "network_ms", "frame_ms", "encode_ms", "floor", "peak_rss_bytes"} {
		if v, _ := b[field].(float64); v <= 0 {
			t.Errorf("%s is %v", field, b[field])
		}
	}
}

// TestBenchRefuses lists command lines that cannot be right.
func TestBenchRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		code int
		args string
	}{
		{exitUsage, "--size 0x5"}, {exitUsage, "--size big"}, {exitUsage, "--frames 0"}, {exitUsage, "--rounds 0"}, {exitUsage, "--scale 5"},
		{exitUsage, "--isa mmx"}, {exitUsage, "--precision fp8"}, {exitUsage, "--against ncnn"}, {exitUsage, "--against threads=0"},
		{exitUsage, "--against threads=2 --run in.mp4"}, {exitUsage, "--device cuda --against threads=1"}, {exitInput, "--run missing.mp4"},
		{exitRequest, "--model giant"}, {exitRequest, "--model fast-x9"}, {exitRequest, "--model fast-x2 --scale 3"},
		{exitRequest, "--against onnxruntime --onnxruntime missing.so"},
	} {
		args := append([]string{"bench", "--size", "8x8", "--model", "nano"}, strings.Fields(c.args)...)
		if code, out, errs := vsr(t, args...); code != c.code || out != "" {
			t.Errorf("%s: exit %d, want %d: %s%s", c.args, code, c.code, out, errs)
		}
	}
	if _, err := onnx.Find(""); err == nil {
		return // there is one in the system
	}
	if _, _, errs := vsr(t, "bench", "--model", "nano", "--size", "8x8", "--against", "onnxruntime"); !strings.Contains(errs, "make onnxruntime") {
		t.Errorf("no hint in %s", errs)
	}
}
