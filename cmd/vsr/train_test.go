package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
)

// TestTrainingWalk does what a stranger does with a folder: init, fine-tune, teacher, student, gan, report, run --model.
func TestTrainingWalk(t *testing.T) {
	dir := t.TempDir()
	material, out := filepath.Join(dir, "my material"), filepath.Join(dir, "training")
	if err := os.Mkdir(material, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		writeWavyPNG(t, filepath.Join(material, fmt.Sprintf("%d.png", i)), 3+i)
	}
	small := clip(t, "small.mp4", testmedia.Options{Frames: 3})
	large := testmedia.Options{Frames: 40, Format: tinyFormat}
	large.Format.Width, large.Format.Height = 192, 160
	if err := os.Rename(clip(t, "clip.mp4", large), filepath.Join(material, "clip.mp4")); err != nil {
		t.Fatal(err)
	}
	must := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := vsr(t, args...)
		if code != exitOK {
			t.Fatalf("vsr %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
		return stdout
	}
	said := must("train", "init", material, "-o", out, "--model", "nano", "--scale", "2")
	if !strings.Contains(said, "5 images, 1 videos") || !strings.Contains(said, "fine-tune.yaml") {
		t.Errorf("init says %s", said)
	}
	if code, _, stderr := vsr(t, "train", "init", material, "-o", out); code != exitUsage || !strings.Contains(stderr, "-y") {
		t.Errorf("a second init: exit code %d, %s", code, stderr)
	}
	few := []string{"--set", "optim.steps=2", "--set", "data.batch=1", "--set", "data.patch=16", "--set", "validate.size=24", "--set", "validate.every=2",
		"--set", "threads=1", "--set", "gan.width=2"}
	stages := []struct{ stage, file, weights string }{
		{"student", "fine-tune", "nano-x2-tuned"}, {"teacher", "teacher", "nano-x2-teacher"}, {"student", "student", "nano-x2-own"}, {"gan", "gan", "nano-x2-gan"},
	}
	for _, s := range stages {
		must(append([]string{"train", s.stage, "--config", filepath.Join(out, s.file+".yaml")}, few...)...)
		run := filepath.Join(out, "runs", s.file)
		page, err := os.ReadFile(strings.TrimSpace(must("train", "report", run)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Step 2 of 2", "finished", "No step was left out", "none of which is trained on", "nano-x2, dB"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: the report does not say %q", s.file, want)
			}
		}
		if s.stage != "teacher" {
			must("run", small, "-o", filepath.Join(dir, s.file+".mkv"), "--model", filepath.Join(run, s.weights+".safetensors"), "--threads", "1", "--preset", "ultrafast", "--progress", "none")
		}
	}
}

// TestTrainingFaults gives wrong command lines, each of which must say what to do instead.
func TestTrainingFaults(t *testing.T) {
	good, _ := tinyTraining(t, "3")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("name: x\noptim:\n  stepz: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		hint string
		args []string
	}{
		{exitInput, "hint: vsr train init", []string{"teacher", "--config", "/nowhere.yaml"}},
		{exitUsage, "hint: did you mean optim.steps?", []string{"teacher", "--config", bad}},
		{exitUsage, "hint: did you mean optim.lr?", []string{"teacher", "--config", good, "--set", "optim.lrr=1"}},
		{exitUsage, "optim.lr = 7", []string{"teacher", "--config", good, "--set", "optim.lr=7"}},
		{exitUsage, "data.images is empty", []string{"teacher", "--config", good, "--set", "data.images=[]"}},
		{exitInput, "hint: name folders", []string{"teacher", "--config", good, "--set", "data.images=[/nowhere]"}},
		{exitInput, "hint: vsr train teacher makes one", []string{"student", "--config", good, "--set", "teacher=/nowhere/t.safetensors"}},
		{exitInput, "hint: init names", []string{"student", "--config", good, "--set", "loss.kd=0", "--set", "init=fast-x9"}},
		{exitInput, "hint: without --resume", []string{"teacher", "--config", good, "--resume"}},
		{exitInput, "hint: name the run folder", []string{"report", "/nowhere"}},
		{exitInput, "hint: name a folder", []string{"init", "/nowhere"}},
		{exitUsage, "hint: --model nano", []string{"init", "/nowhere", "--model", "huge"}},
	} {
		code, _, stderr := vsr(t, append([]string{"train"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.hint) {
			t.Errorf("vsr train %s: exit code %d, want %d and %q:\n%s", strings.Join(c.args, " "), code, c.code, c.hint, stderr)
		}
	}
}
