package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

// tinyFormat keeps the tests fast.
var tinyFormat = media.Format{Width: 96, Height: 64, Layout: media.YUV420, Depth: 8,
	Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}

// quick is an encoder setting for inputs of tests.
var quick = encode.Options{CRF: 18, Preset: "ultrafast"}

// tinyWeights writes random weights of a small student and returns the file's name.
func tinyWeights(t *testing.T, scale int) string {
	t.Helper()
	c := kdsr.Config{C: 4, N: 1, R: 1, Scale: scale, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	w, err := kdsr.RandomWeights(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Meta[kdsr.MetaName] = "tiny"
	path := filepath.Join(t.TempDir(), "tiny.safetensors")
	if err := w.Save(path, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	return path
}

// clip writes a synthetic clip and returns its name.
func clip(t *testing.T, name string, o testmedia.Options) string {
	t.Helper()
	if o.Format == (media.Format{}) {
		o.Format = tinyFormat
	}
	path := filepath.Join(t.TempDir(), name)
	if err := testmedia.WriteClip(path, o, quick); err != nil {
		t.Fatal(err)
	}
	return path
}

// vsr runs a command line and returns its exit code and what it printed.
func vsr(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(args, &out, &errs)
	return code, out.String(), errs.String()
}

// watched is what a file holds.
type watched struct {
	Width, Height int
	PTS           []int64 // of the frames, in seconds/1000
	Numbers       []int   // that are painted into the frames, if scale > 0
	Packets       map[string]int
}

func watch(t *testing.T, path string, scale int) watched {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	info := src.Info()
	w := watched{Width: info.Format.Width, Height: info.Format.Height, Packets: map[string]int{}}
	tb := info.VideoTrack().TimeBase
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return w
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Packet != nil {
			w.Packets[info.Tracks[u.Packet.Track].Type.String()]++
			continue
		}
		w.PTS = append(w.PTS, (u.Frame.PTS*int64(tb.Num)*1000+int64(tb.Den)/2)/int64(tb.Den))
		if scale > 0 {
			w.Numbers = append(w.Numbers, testmedia.Number(u.Frame, scale))
		}
		u.Release()
	}
}

// File in, file out: every frame once, at its own time, enlarged, with the sound, one estimate for each scene.
func TestRun(t *testing.T) {
	dropped := func(n int) bool { return n%7 == 3 } // a variable frame rate
	in := clip(t, "in.mp4", testmedia.Options{Frames: 40, Cuts: []int{20}, Tone: 440, Drop: dropped})
	dir := t.TempDir()
	out, reportFile := filepath.Join(dir, "out.mkv"), filepath.Join(dir, "report.json")
	code, stdout, stderr := vsr(t, "run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast", "--progress", "json", "--report", reportFile)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	before, after := watch(t, in, 1), watch(t, out, 2)
	if after.Width != 192 || after.Height != 128 {
		t.Errorf("output is %dx%d", after.Width, after.Height)
	}
	if len(before.PTS) != 34 {
		t.Fatalf("the input has %d frames", len(before.PTS))
	}
	if diff := cmp.Diff(before.PTS, after.PTS); diff != "" {
		t.Errorf("times: %s", diff)
	}
	if diff := cmp.Diff(before.Numbers, after.Numbers); diff != "" {
		t.Errorf("frame numbers in the frames: %s", diff)
	}
	if diff := cmp.Diff(before.Packets, after.Packets); diff != "" {
		t.Errorf("packets: %s", diff)
	}
	if !strings.Contains(stdout, `"event":"end","frame":34`) {
		t.Errorf("progress: %s", stdout)
	}
	checkReport(t, reportFile)
	left, _ := os.ReadDir(dir)
	if len(left) != 2 {
		t.Errorf("files left: %v", left)
	}
}

func checkReport(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r upscale.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !r.OK || r.Frames.In != 34 || r.Frames.Out != 34 {
		t.Errorf("ok %v, frames %+v", r.OK, r.Frames)
	}
	if r.Model.Name != "tiny" || r.Model.Scale != 2 || len(r.Model.Hash) < 16 || r.Model.Fallback || !strings.HasPrefix(r.Device, "cpu") {
		t.Errorf("model %+v on %s", r.Model, r.Device)
	}
	if len(r.Scenes) != 2 {
		t.Fatalf("%d scenes: %+v", len(r.Scenes), r.Scenes)
	}
	for i, s := range r.Scenes {
		if s.Index != uint64(i+1) || s.Estimates != 1 || len(s.Vector) != 4 {
			t.Errorf("scene %+v", s)
		}
	}
	if r.Scenes[1].FirstFrame != 17 { // frame 20, with three dropped before it
		t.Errorf("scene 2 begins at frame %d", r.Scenes[1].FirstFrame)
	}
	if len(r.Streams) != 2 || r.Streams[0].Action != encode.Encoded || r.Streams[1].Action != encode.Copied {
		t.Errorf("streams %+v", r.Streams)
	}
	for _, stage := range []string{"decode", "scene", "sr", "encode"} {
		if r.Stages[stage] <= 0 {
			t.Errorf("stage %s: %g ms", stage, r.Stages[stage])
		}
	}
	if r.FPS <= 0 || r.PeakRSS < 1<<20 || r.Upscale.Estimates != 2 {
		t.Errorf("%g fps, %d bytes, %d estimates", r.FPS, r.PeakRSS, r.Upscale.Estimates)
	}
}

func TestSizes(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 3})
	x2, x3 := tinyWeights(t, 2), tinyWeights(t, 3)
	tests := []struct {
		name          string
		args          []string
		width, height int
		out           string // expected default name
	}{
		{"scale of the model", []string{"--model", x3}, 288, 192, "in_x3.mp4"},
		{"height between", []string{"--model", x2, "--height", "150"}, 224, 150, "in_150p.mp4"},
		{"height above", []string{"--model", x2, "--height", "256"}, 384, 256, "in_256p.mp4"},
		{"other container", []string{"--model", x2, "--codec", "ffv1", "--preset", ""}, 192, 128, "in_x2.mkv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			local := filepath.Join(dir, "in.mp4")
			if err := os.Link(in, local); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := vsr(t, append([]string{"run", local, "--threads", "1", "--preset", "ultrafast", "--progress", "none"}, tt.args...)...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			w := watch(t, filepath.Join(dir, tt.out), 0)
			if w.Width != tt.width || w.Height != tt.height || len(w.PTS) != 3 {
				t.Errorf("%d frames of %dx%d", len(w.PTS), w.Width, w.Height)
			}
		})
	}
}

// A clip whose size changes in the middle comes out in the first size.
func TestSizeChange(t *testing.T) {
	in := filepath.Join(t.TempDir(), "turn.ts")
	other := tinyFormat
	other.Width, other.Height = 128, 96
	if err := testmedia.WriteTurn(in, testmedia.Options{Frames: 10, Format: tinyFormat}, testmedia.Options{Frames: 10, Format: other}, quick); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.mkv")
	code, _, stderr := vsr(t, "run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast", "--progress", "none")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if w := watch(t, out, 0); w.Width != 192 || w.Height != 128 || len(w.PTS) != 20 {
		t.Errorf("%d frames of %dx%d", len(w.PTS), w.Width, w.Height)
	}
}

func TestOverwrite(t *testing.T) {
	in, weights := clip(t, "in.mp4", testmedia.Options{Frames: 2}), tinyWeights(t, 2)
	out := filepath.Join(t.TempDir(), "out.mp4")
	if err := os.WriteFile(out, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) int {
		code, _, stderr := vsr(t, append([]string{"run", in, "--model", weights, "--threads", "1", "--progress", "none"}, args...)...)
		t.Logf("%v: %d %s", args, code, stderr)
		return code
	}
	if code := run("-o", out); code != exitDestination {
		t.Errorf("exit code %d over an existing file", code)
	}
	if text, _ := os.ReadFile(out); string(text) != "precious" {
		t.Error("the file was touched")
	}
	if code := run("-o", in, "-y"); code != exitRequest {
		t.Errorf("exit code %d for output = input", code)
	}
	if code := run("-o", out, "-y"); code != 0 {
		t.Errorf("exit code %d with -y", code)
	}
	if w := watch(t, out, 0); len(w.PTS) != 2 {
		t.Errorf("%d frames", len(w.PTS))
	}
}
