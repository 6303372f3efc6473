package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vsr/internal/onnx"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// benchJSON runs a comparison and returns what it prints.
func benchJSON(t *testing.T, args ...string) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"-json"}, args...), &out, io.Discard); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	var b map[string]any
	if err := json.Unmarshal(out.Bytes(), &b); err != nil {
		t.Fatalf("%v: %v in %s", args, err, out.String())
	}
	return b
}

// TestBenchAgainstThreads wants the same image from any number of threads.
func TestBenchAgainstThreads(t *testing.T) {
	b := benchJSON(t, "-model", "nano-x3", "-size", "41x23", "-frames", "1", "-rounds", "2", "-threads", "2", "-against", "threads=1")
	if b["max_difference"] != 0.0 || b["share_within_1"] != 1.0 {
		t.Errorf("differs by %v, %v within 1", b["max_difference"], b["share_within_1"])
	}
	if ratio, _ := b["ratio"].(float64); ratio <= 0 || b["rounds"] != 2.0 || b["against"] != "ours on 1 threads" {
		t.Errorf("ratio %v, rounds %v against %v", b["ratio"], b["rounds"], b["against"])
	}
}

// TestBenchAgainstONNXRuntime wants the image of ONNX Runtime within one level, in float32 and for both tails.
func TestBenchAgainstONNXRuntime(t *testing.T) {
	t.Chdir("../../..")
	if _, err := onnx.Find(""); err != nil {
		t.Skip(err, "(make onnxruntime fetches it)")
	}
	official := filepath.Join(t.TempDir(), "m.safetensors")
	w, err := kdsr.RandomWeights(kdsr.Config{C: 32, N: 2, R: 1, Scale: 2, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	engines.Soften(w)
	if err := w.Save(official, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"fast-x4", official} {
		b := benchJSON(t, "-model", model, "-size", "45x31", "-frames", "1", "-rounds", "1", "-precision", "fp32", "-against", "onnxruntime")
		if d, ok := b["max_difference"].(float64); !ok || d > 1 || b["share_within_1"] != 1.0 {
			t.Errorf("%s: differs by %v, %v within 1", model, b["max_difference"], b["share_within_1"])
		}
		if name, _ := b["against"].(string); !strings.Contains(name, "ONNX Runtime") {
			t.Errorf("against %v", b["against"])
		}
	}
}

// TestBenchDiffers wants differ to count levels and to take the image of the frames that it asked for.
func TestBenchDiffers(t *testing.T) {
	made := func(samples ...byte) *side {
		last := -1
		return &side{run: func(n int) error { last = n; return nil }, take: func() []byte {
			if last != 0 {
				t.Errorf("image %d is compared", last)
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
		t.Error("images of two sizes are compared")
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

// TestRefuses lists command lines that cannot be right.
func TestRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"-against ncnn": "want onnxruntime or threads=N", "-against threads=0": "want threads=1 or more", "-frames 0": "want 1 or more", "-size big": "want WxH",
		"-against onnxruntime -onnxruntime missing.so": "missing.so", "-model giant": "giant",
	} {
		args := append([]string{"-size", "8x8", "-model", "nano"}, strings.Fields(args)...)
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, io.Discard); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%v: %v, %s; want %q", args, err, out.String(), want)
		}
	}
}
