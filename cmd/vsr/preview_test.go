package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/internal/testmedia"
	"vsr/upscale"
)

// A preview measures four places, expects something of the whole, and leaves nothing behind.
func TestPreview(t *testing.T) {
	in, weights, temp := clip(t, "in.mp4", testmedia.Options{Frames: 96, Cuts: []int{50}}), tinyWeights(t, 2), t.TempDir()
	t.Setenv("TMPDIR", temp)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.mkv")
	if err := os.WriteFile(out, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", in, "-o", out, "--model", weights, "--threads", "1", "--preset", "ultrafast", "--preview", "0.5s"}
	code, stdout, stderr := vsr(t, append(args, "--json")...)
	var e upscale.Estimate
	if err := json.Unmarshal([]byte(stdout), &e); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	var starts []float64
	for _, p := range e.Parts {
		starts = append(starts, p.Start)
		if p.Frames != 12 || p.FPS <= 0 {
			t.Errorf("part %+v", p)
		}
	}
	if diff := cmp.Diff([]float64{0.25, 1.25, 2.25, 3.25}, starts); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if e.Frames != 96 || e.Length != 4 || e.Output != out || !e.Exists || e.Model.Name != "tiny" || e.Seconds <= 0 || e.Bytes <= 0 || e.Memory < 1<<20 || e.Free <= 0 {
		t.Errorf("%+v", e)
	}
	code, stdout, _ = vsr(t, args...)
	for _, want := range []string{"96 frames, 0:04.000", "out.mkv exists", "nothing was written", "at 0:03.250", "memory"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d; %q is not in: %s", code, want, stdout)
		}
	}
	if text, _ := os.ReadFile(out); string(text) != "precious" {
		t.Error("the output was touched")
	}
	only(t, dir, "out.mkv")
	only(t, temp)
}

func TestPreviewRefuses(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "p.ts")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { // whoever reads the pipe in spite of all gets a byte and its end, and does not hang
		if f, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			f.Write([]byte{0})
			f.Close()
		}
	}()
	defer func() { // lets go of the writer
		if f, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	}()
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{pipe, "--preview", "3s"}, exitRequest}, {[]string{"x.mp4", "--preview", "0"}, exitUsage}, {[]string{"x.mp4", "--preview", "3x"}, exitUsage},
		{[]string{"none.mp4", "--preview", "3s"}, exitInput}} {
		if code, _, stderr := vsr(t, append([]string{"run"}, c.args...)...); code != c.code {
			t.Errorf("%v: exit code %d: %s", c.args, code, stderr)
		}
	}
}

// --json gives the report and nothing else on standard output.
func TestRunAsJSON(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 3})
	code, stdout, stderr := vsr(t, "run", in, "-o", filepath.Join(t.TempDir(), "out.mkv"), "--model", tinyWeights(t, 2), "--preset", "ultrafast", "--json")
	var r upscale.Report
	if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil || r.Frames.Out != 3 || strings.Contains(stderr, "{") || strings.Contains(stderr, "frames/s") {
		t.Errorf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
}
