package main

import (
	"encoding/json"
	"strings"
	"testing"

	"vsr/internal/testmedia"
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
	if b := benchJSON(t, "--model", "nano", "--size", "9x7", "--frames", "1", "--isa", "go"); b["isa"] != "go" {
		t.Errorf("isa %v, want go", b["isa"])
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
		{exitUsage, "--isa mmx"}, {exitUsage, "--precision fp8"}, {exitUsage, "--against onnxruntime"}, {exitUsage, "--device cuda --isa go"},
		{exitInput, "--run missing.mp4"},
		{exitRequest, "--model giant"}, {exitRequest, "--model fast-x9"}, {exitRequest, "--model fast-x2 --scale 3"},
	} {
		args := append([]string{"bench", "--size", "8x8", "--model", "nano"}, strings.Fields(c.args)...)
		if code, out, errs := vsr(t, args...); code != c.code || out != "" {
			t.Errorf("%s: exit %d, want %d: %s%s", c.args, code, c.code, out, errs)
		}
	}
}
