package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/internal/testmedia"
	"vsr/upscale"
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

func reportOf(t *testing.T, path string) *upscale.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &upscale.Report{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Several workers make the file that one makes: frame for frame, packet for packet, and with the same degradation in each scene,
// also where segments begin in the middle of scenes and where the degradation is estimated again and again.
func TestWorkersMakeTheSameFile(t *testing.T) {
	in, weights := longClip(t, 70), tinyWeights(t, 2)
	for name, more := range map[string]string{"": "", "refreshed": "sr: {refresh: 7, drift: 0.01}\n", "averaged": "sr: {average: 3}\n"} {
		c := config(t, "segment_min: 12\nsegment_max: 14\nprogress: none\nthreads: 2\nrepeatable: true\nencode: {preset: ultrafast}\n"+more)
		dir := t.TempDir()
		one, many := filepath.Join(dir, "one.mkv"), filepath.Join(dir, "many.mkv")
		var reports []*upscale.Report
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
		if a.Frames != b.Frames || b.Upscale.Frames != a.Frames.Out || b.FPS <= 0 || b.Stages["sr"] <= 0 {
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

func TestDeviceFlags(t *testing.T) {
	for _, args := range [][]string{{"--device", "cpu,tpu"}, {"--workers", "-1"}, {"--device", "cpu,cuda:0", "--workers", "1"}} {
		if code, _, _ := vsr(t, append([]string{"run", "x.mp4"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}
