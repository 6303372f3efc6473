package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/train/data"
	"vsr/train/degrade"
)

// evalPicture is a smooth colourful picture.
func evalPicture(w, h int) degrade.Image {
	m := degrade.NewImage(w, h)
	for i := range m.Pix {
		x, y, c := float64(i/3%w), float64(i/3/w), float64(i%3)
		m.Pix[i] = float32(0.5 + 0.3*math.Sin(x/9+c)*math.Cos(y/7-c) + 0.1*math.Sin((x+y)/3))
	}
	m.Quantise()
	return m
}

func evalFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, m := range map[string]degrade.Image{"a.png": evalPicture(72, 64), "b.png": evalPicture(65, 81)} {
		if err := data.WritePNG(filepath.Join(dir, name), m.RGBA()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A picture must survive the way through 16-bit YUV far below an 8-bit step.
func TestPictureFrames(t *testing.T) {
	m := evalPicture(33, 17)
	got := framePicture(pictureFrame(m))
	for i, v := range m.Pix {
		if d := math.Abs(float64(v - got.Pix[i])); d > 5e-5 {
			t.Fatalf("sample %d is off by %g", i, d)
		}
	}
}

// The stand-in engine is bicubic, so its scores must be near those of the baseline; and JSON must have the fields that others read.
func TestEvalEngine(t *testing.T) {
	b, err := sr.NewBicubic(2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRGBEngine(context.Background(), b, sr.Options{}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lr := evalPicture(40, 36)
	got, err := r.upscale(lr)
	if err != nil {
		t.Fatal(err)
	}
	want := degrade.Enlarge(lr, 2)
	if got.W != want.W || got.H != want.H {
		t.Fatalf("%dx%d", got.W, got.H)
	}
	for i := range want.Pix {
		if d := math.Abs(float64(want.Pix[i] - got.Pix[i])); d > 0.03 {
			t.Fatalf("sample %d is %g, bicubic gives %g", i, got.Pix[i], want.Pix[i])
		}
	}
}

// countingEngine counts the estimates.
type countingEngine struct {
	sr.Engine
	estimates int
}

func (c *countingEngine) Estimate(ctx context.Context, f *media.Frame) ([]float32, error) {
	c.estimates++
	return c.Engine.Estimate(ctx, f)
}

// Estimates are made as in a run: for every picture, or for the first frames of each clip only.
func TestEvalEstimates(t *testing.T) {
	for _, c := range []struct {
		name    string
		each    bool
		average int
		want    int // for two clips of four pictures
	}{{"every picture", true, 0, 8}, {"once a clip", false, 0, 2}, {"mean of three", false, 3, 6}} {
		b, err := sr.NewBicubic(2)
		if err != nil {
			t.Fatal(err)
		}
		e := &countingEngine{Engine: b}
		r, err := newRGBEngine(context.Background(), e, sr.Options{Average: c.average}, c.each)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r.forget()
			for range 4 {
				if _, err := r.upscale(evalPicture(40, 36)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e.estimates != c.want {
			t.Errorf("%s: %d estimates, want %d", c.name, e.estimates, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEvalCommand(t *testing.T) {
	dir := evalFolder(t)
	cmd := newEvalCmd()
	var out, log bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	sheet := filepath.Join(dir, "..", "sheet.png")
	cmd.SetArgs([]string{"--data", dir, "--degradation", "gaussian8", "--scale", "2", "--json", "--sheet", sheet})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var r struct {
		PSNRY   float64 `json:"psnr_y"`
		SSIMY   float64 `json:"ssim_y"`
		Bicubic struct {
			PSNRY float64 `json:"psnr_y"`
		} `json:"bicubic"`
		Lanczos struct {
			SSIMY float64 `json:"ssim_y"`
		} `json:"lanczos"`
		Images []struct {
			Name   string `json:"name"`
			Inputs int    `json:"inputs"`
		} `json:"images"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Images) != 2 || r.Images[0].Name != "a.png" || r.Images[1].Inputs != 8 || r.PSNRY != r.Bicubic.PSNRY || r.PSNRY < 20 || r.SSIMY <= 0 || r.Lanczos.SSIMY <= 0 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(sheet); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{
		{"--data", dir, "--degradation", "fog"}, {"--data", dir, "--scale", "7"}, {"--data", filepath.Join(dir, "none")},
		{"--data", dir, "--degradation", "h264:99"}, {"--data", dir, "--idr-plot", "x.png"}, {"--data", dir, "--model", "no-such-model"},
	} {
		cmd := newEvalCmd()
		cmd.SetOut(&out)
		cmd.SetErr(&log)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(args)
		if err := cmd.Execute(); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestDegradeCommand(t *testing.T) {
	dir := evalFolder(t)
	run := func(args ...string) error {
		cmd := newDegradeCmd()
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(args)
		return cmd.Execute()
	}
	out := filepath.Join(t.TempDir(), "lr.png")
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	if err := run(filepath.Join(dir, "a.png"), out, "--recipe", "video", "--scale", "2", "--sheet", sheet, "--draws", "3"); err != nil {
		t.Fatal(err)
	}
	m, err := data.ReadPicture(out)
	if err != nil || m.W != 36 || m.H != 32 {
		t.Errorf("%dx%d, %v", m.W, m.H, err)
	}
	if s, err := data.ReadPicture(sheet); err != nil || s.W < 4*72 {
		t.Errorf("sheet: %dx%d, %v", s.W, s.H, err)
	}
	// A folder is a clip; these two pictures differ in size.
	if err := run(dir, t.TempDir(), "--recipe", "bicubic", "--scale", "2"); err == nil {
		t.Error("pictures of two sizes pass for a clip")
	}
	if err := run(filepath.Join(dir, "a.png"), out, "--recipe", "fog"); err == nil {
		t.Error("an unknown recipe passes")
	}
}
