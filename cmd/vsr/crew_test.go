package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/segment"
)

// config writes a configuration file.
func config(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func reportOf(t *testing.T, path string) *report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Several workers make the file that one makes: frame for frame, packet for packet, and with the same degradation in each scene,
// also where pieces begin in the middle of scenes and where the degradation is estimated again and again.
func TestWorkersMakeTheSameFile(t *testing.T) {
	in, weights := longClip(t, 70), tinyWeights(t, 2)
	for name, more := range map[string]string{"": "", "refreshed": "sr: {refresh: 7, drift: 0.01}\n", "averaged": "sr: {average: 3}\n"} {
		c := config(t, "piece_min: 12\npiece_max: 14\nprogress: none\nthreads: 2\nrepeatable: true\nencode: {preset: ultrafast}\n"+more)
		dir := t.TempDir()
		one, many := filepath.Join(dir, "one.mkv"), filepath.Join(dir, "many.mkv")
		var reports []*report
		for _, args := range [][]string{{one, "--workers", "1"}, {many, "--workers", "3"}} {
			code, _, stderr := vsr(t, append([]string{"run", in, "--model", weights, "-c", c, "--report", args[0] + ".json", "-o"}, args...)...)
			if code != 0 {
				t.Fatalf("%s %v: exit code %d: %s", name, args, code, stderr)
			}
			reports = append(reports, reportOf(t, args[0]+".json"))
		}
		equalFiles(t, one, many)
		a, b := reports[0], reports[1]
		if diff := cmp.Diff(a.Scenes, b.Scenes); diff != "" {
			t.Errorf("%s: scenes (-one +many):\n%s", name, diff)
		}
		if a.Frames != b.Frames || b.Upscale.Frames != a.Frames.Out || b.FPS <= 0 || b.Stages[roomUpscale] <= 0 {
			t.Errorf("%s: frames %+v and %+v, %d upscaled, stages %v", name, a.Frames, b.Frames, b.Upscale.Frames, b.Stages)
		}
		sum := int64(0)
		for _, w := range b.Workers {
			sum += w.Frames
			if !strings.Contains(w.Device, "1 threads") {
				t.Errorf("%s: worker on %s: the threads are not shared", name, w.Device)
			}
		}
		if len(b.Workers) != 3 || sum != b.Frames.Out {
			t.Errorf("%s: workers %+v", name, b.Workers)
		}
		only(t, dir, "many.mkv", "many.mkv.json", "one.mkv", "one.mkv.json")
	}
}

// A file that is too short to be shared is done by one.
func TestWorkersOfAShortFile(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 10})
	out := filepath.Join(t.TempDir(), "out.mkv")
	code, _, stderr := vsr(t, "run", in, "-o", out, "--model", tinyWeights(t, 2), "--preset", "ultrafast", "--progress", "none", "--workers", "2")
	if code != 0 || !strings.Contains(stderr, "one worker does it") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestDevices(t *testing.T) {
	for _, c := range []struct {
		device           string
		workers, threads int
		want             []string
		share            int
	}{
		{"auto", 0, 7, []string{"auto"}, 7},
		{"cpu", 3, 7, []string{"cpu", "cpu", "cpu"}, 2},
		{"cpu", 3, 1, []string{"cpu", "cpu", "cpu"}, 1},
		{"cpu,cuda:1", 0, 7, []string{"cpu", "cuda:1"}, 7},
		{"cpu,cuda:1", 3, 8, []string{"cpu", "cuda:1", "cpu"}, 4},
		{"cuda:0,cuda:1", 2, 8, []string{"cuda:0", "cuda:1"}, 8},
	} {
		r := runConfig{Device: c.device, Workers: c.workers, Threads: c.threads}
		got := r.devices()
		if !slices.Equal(got, c.want) || r.share(got) != c.share {
			t.Errorf("%+v: %v with %d threads", c, got, r.share(got))
		}
	}
	for _, args := range [][]string{{"--device", "cpu,tpu"}, {"--workers", "-1"}, {"--device", "cpu,cuda:0", "--workers", "1"}} {
		if code, _, _ := vsr(t, append([]string{"run", "x.mp4"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

// A worker that is led to other frames than were planned decodes from the start; when that does not help either, it says so.
func TestWorkerChecksItsFrames(t *testing.T) {
	in := longClip(t, 60)
	w := &worker{app: &app{}, request: runRequest{in: in}}
	_, pts := marksOf(t, in)
	whole, err := w.open(t.Context(), pts, false, func(i int) uint64 { return uint64(i) })
	if err != nil {
		t.Fatal(err)
	}
	read := func(g *guided) (n int, err error) {
		defer g.Close()
		for {
			u, err := g.Next(t.Context())
			if err != nil {
				return n, err
			}
			if u.Frame.Scene != uint64(n) {
				t.Errorf("frame %d has scene %d", n, u.Frame.Scene)
			}
			u.Release()
			n++
		}
	}
	if n, err := read(whole); n != len(pts) || errors.Is(err, errOtherFrames) {
		t.Errorf("%d frames, %v", n, err)
	}
	for name, edit := range map[string]func([]segment.Mark){
		"picture": func(m []segment.Mark) { m[5].Sum++ }, "time": func(m []segment.Mark) { m[5].PTS++ }, "one left out": func(m []segment.Mark) { copy(m[5:], m[6:]) },
	} {
		list := slices.Clone(pts[20:])
		edit(list)
		g, err := w.open(t.Context(), list, true, func(i int) uint64 { return uint64(i) })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := read(g); n != 5 || !errors.Is(err, errOtherFrames) {
			t.Errorf("%s: %d frames, %v", name, n, err)
		}
	}
}

// marksOf decodes a file from its start.
func marksOf(t *testing.T, path string) (frames int, marks []segment.Mark) {
	t.Helper()
	src, err := (&worker{app: &app{}, request: runRequest{in: path}}).open(t.Context(), make([]segment.Mark, 1), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		var u media.Unit
		if u, err = src.Source.Next(t.Context()); err != nil {
			return len(marks), marks
		}
		if u.Frame != nil {
			marks = append(marks, segment.MarkOf(u.Frame))
		}
		u.Release()
	}
}
