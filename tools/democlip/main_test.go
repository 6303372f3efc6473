package main

import (
	"os"
	"path/filepath"
	"testing"

	"vsr/train/data"
	"vsr/upscale"
)

// The default model must not lose to bicubic interpolation on the demo's clip: the first second of it, run as `vsr run` does.
func TestDefaultModelGains(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	if err := makeClips(ctx, dir, "../../docs/demo/table.mp4", 0, 1); err != nil {
		t.Fatal(err)
	}
	o := upscale.Defaults()
	o.Output, o.Device = filepath.Join(dir, "out.mp4"), "cpu"
	job, err := upscale.Open(ctx, filepath.Join(dir, "lr.mp4"), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = job.Run(ctx)
	if closed := job.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	s, err := scoreFiles(ctx, filepath.Join(dir, "hr.mkv"), filepath.Join(dir, "lr.mp4"), o.Output)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(s)
	if s.frames < 10 || s.bicubic.Y < 25 || s.gain() <= 0 {
		t.Errorf("%v", s)
	}
	png := filepath.Join(dir, "before-after.png")
	if err := s.draw(png); err != nil {
		t.Fatal(err)
	}
	if m, err := data.ReadImage(png); err != nil || m.W < 4*partWidth || m.H < partHeight {
		t.Errorf("%dx%d, %v", m.W, m.H, err)
	}
	// What a model does with nothing in it scores nothing: the bicubic clip against itself.
	if _, err := scoreFiles(ctx, filepath.Join(dir, "hr.mkv"), filepath.Join(dir, "lr.mp4"), filepath.Join(dir, "lr.mp4")); err == nil {
		t.Error("a clip of another size passes for the output")
	}
}

// The image in the README is small, and shows the clip that is in the repository.
func TestImageOfReadme(t *testing.T) {
	for path, limit := range map[string]int64{"../../docs/demo/before-after.png": 400e3, "../../docs/demo/table.mp4": 1.5e6} {
		if info, err := os.Stat(path); err != nil || info.Size() > limit || info.Size() < 10e3 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}
