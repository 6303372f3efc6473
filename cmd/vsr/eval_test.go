package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/train/data"
	"vsr/train/degrade"
)

// evalImage is a smooth colorful image.
func evalImage(w, h int) degrade.Image {
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
	for name, m := range map[string]degrade.Image{"a.png": evalImage(72, 64), "b.png": evalImage(65, 81)} {
		if err := data.WritePNG(filepath.Join(dir, name), m.RGBA()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// evalRun runs vsr eval.
func evalRun(line ...string) (string, error) {
	var out, log bytes.Buffer
	if code := execute(append([]string{"eval"}, line...), &out, &log); code != exitOK {
		return out.String(), fmt.Errorf("exit code %d: %s", code, log.String())
	}
	return out.String(), nil
}

// The JSON has the fields that docs/eval.md promises, for two degradations and two methods, and the sheet a row for each image.
func TestEvalCommand(t *testing.T) {
	dir := evalFolder(t)
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	out, err := evalRun("--data", dir, "--degradation", "gaussian8,bicubic", "--scale", "2", "--model", "lanczos", "--json", "--sheet", sheet)
	if err != nil {
		t.Fatal(err)
	}
	type methods []struct {
		Name   string             `json:"name"`
		Scores map[string]float64 `json:"scores"`
	}
	var r struct {
		Schema  int    `json:"schema_version"`
		Layout  string `json:"layout"`
		Results []struct {
			Degradation string  `json:"degradation"`
			Methods     methods `json:"methods"`
			Images      []struct {
				Name    string  `json:"name"`
				Inputs  int     `json:"inputs"`
				Methods methods `json:"methods"`
			} `json:"images"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != 1 || r.Layout != "rgb" || len(r.Results) != 2 {
		t.Fatalf("%+v", r)
	}
	blurred, clean := r.Results[0], r.Results[1]
	if len(blurred.Images) != 2 || blurred.Images[0].Name != "a.png" || blurred.Images[1].Inputs != 8 || clean.Images[1].Inputs != 1 {
		t.Errorf("%+v", blurred.Images)
	}
	for _, res := range r.Results {
		if len(res.Methods) != 2 || res.Methods[0].Name != "bicubic" || res.Methods[1].Name != "lanczos" {
			t.Fatalf("%+v", res.Methods)
		}
		for _, key := range []string{"psnr_y", "psnr_cb", "psnr_cr", "psnr_rgb"} {
			if v := res.Methods[1].Scores[key]; !(v > 20 && v < 100) {
				t.Errorf("%s: %s is %v", res.Degradation, key, v)
			}
		}
		if _, ok := res.Methods[0].Scores["flicker"]; ok {
			t.Error("stills have a flicker")
		}
	}
	if blurred.Methods[0].Scores["psnr_y"] >= clean.Methods[0].Scores["psnr_y"] {
		t.Error("blur does not cost anything")
	}
	if m, err := data.ReadImage(sheet); err != nil || m.W < 4*72 || m.H < 4*(81+16) {
		t.Errorf("sheet of %dx%d, %v", m.W, m.H, err)
	}
}

// The chroma of the baseline suffers from 4:2:0, its luma hardly does.
func TestEvalLayout(t *testing.T) {
	dir := evalFolder(t)
	scores := func(layout string) map[string]float64 {
		out, err := evalRun("--data", dir, "--scale", "2", "--json", "--layout", layout)
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Results []struct {
				Methods []struct {
					Scores map[string]float64 `json:"scores"`
				} `json:"methods"`
			} `json:"results"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r.Results[0].Methods[0].Scores
	}
	rgb, yuv := scores("rgb"), scores("yuv420")
	if d := rgb["psnr_y"] - yuv["psnr_y"]; math.Abs(d) > 1.5 {
		t.Errorf("luma differs by %.2f dB", d)
	}
	if d := rgb["psnr_cr"] - yuv["psnr_cr"]; d < 0.5 {
		t.Errorf("4:2:0 costs only %.2f dB of Cr", d)
	}
}

// The report of the estimator on two images and the default degradations, for people and as JSON.
func TestEvalIDRReport(t *testing.T) {
	dir := evalFolder(t)
	out, err := evalRun("--data", dir, "--idr-report", "--model", "nano-x2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Schema   int    `json:"schema_version"`
		Model    string `json:"model"`
		Contents int    `json:"contents"`
		Variance []struct {
			Between  float64 `json:"between_degradations"`
			Contents float64 `json:"between_contents"`
			Rest     float64 `json:"rest"`
		} `json:"variance"`
		Degradations []struct {
			Name     string    `json:"name"`
			Gain     *float64  `json:"gain_over_median"`
			Exchange []float64 `json:"exchange"`
		} `json:"degradations"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != 1 || r.Model != "nano-x2" || r.Contents != 2 || len(r.Variance) != 3 || len(r.Degradations) != 4 {
		t.Fatalf("%s", out)
	}
	for _, v := range r.Variance {
		if math.Abs(v.Between+v.Contents+v.Rest-1) > 1e-9 || min(v.Between, v.Contents) < 0 {
			t.Errorf("%+v", v)
		}
	}
	if d := r.Degradations[3]; d.Name != "worn" || d.Gain == nil || len(d.Exchange) != 4 {
		t.Errorf("%+v", d)
	}
	if out, err = evalRun("--data", dir, "--idr-report", "--model", "nano-x2", "--degradation", "bicubic,gaussian:2"); err != nil || !strings.Contains(out, "as gaussian:2") {
		t.Errorf("%s, %v", out, err)
	}
}

// What another program makes of the inputs is measured like a model: bicubic made elsewhere scores what bicubic scores.
func TestEvalOutputs(t *testing.T) {
	dir, inputs, outputs := evalFolder(t), filepath.Join(t.TempDir(), "in"), t.TempDir()
	args := []string{"--data", dir, "--scale", "2", "--degradation", "bicubic,gaussian:2"}
	if _, err := evalRun(append(args, "--inputs", inputs)...); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(inputs, "*.png"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d inputs, %v", len(files), err)
	}
	for _, path := range files {
		lr, err := data.ReadImage(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := data.WritePNG(filepath.Join(outputs, filepath.Base(path)), degrade.Enlarge(lr, 2).RGBA()); err != nil {
			t.Fatal(err)
		}
	}
	out, err := evalRun(append(args, "--outputs", "other="+outputs)...)
	if err != nil || strings.Count(out, "+0.00") != 2 || strings.Count(out, "other") != 2 {
		t.Errorf("%s, %v", out, err)
	}
	if err := os.Remove(filepath.Join(outputs, filepath.Base(files[1]))); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{"other=" + outputs, "other", "=" + outputs} {
		if _, err := evalRun(append(args, "--outputs", spec)...); err == nil {
			t.Errorf("%q: no error", spec)
		}
	}
}

func TestEvalFaults(t *testing.T) {
	dir := evalFolder(t)
	for _, args := range [][]string{
		{"--data", dir, "--degradation", "fog"}, {"--data", dir, "--scale", "7"}, {"--data", filepath.Join(dir, "none")},
		{"--data", dir, "--degradation", "h264:99"}, {"--data", dir, "--idr-plot", "x.png"}, {"--data", dir, "--model", "no-such-model"},
		{"--data", dir, "--layout", "cmyk"}, {"--data", dir, "--idr-report"}, {"--data", dir, "--idr-report", "--model", "nano-x2", "--degradation", "none"}, {"--data", dir, "--features-linear", "x.pth"}, {"--data", dir, "--features", "absent.onnx"},
		{"--data", dir, "--model", "fast-x4", "--model", "fast-x2"},
	} {
		if _, err := evalRun(args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestDegradeCommand(t *testing.T) {
	dir := evalFolder(t)
	run := func(args ...string) error {
		var out, log bytes.Buffer
		if code := execute(append([]string{"train", "degrade"}, args...), &out, &log); code != exitOK {
			return fmt.Errorf("exit code %d: %s", code, log.String())
		}
		return nil
	}
	out := filepath.Join(t.TempDir(), "lr.png")
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	if err := run(filepath.Join(dir, "a.png"), out, "--recipe", "video", "--scale", "2", "--sheet", sheet, "--draws", "3"); err != nil {
		t.Fatal(err)
	}
	m, err := data.ReadImage(out)
	if err != nil || m.W != 36 || m.H != 32 {
		t.Errorf("%dx%d, %v", m.W, m.H, err)
	}
	if s, err := data.ReadImage(sheet); err != nil || s.W < 4*72 {
		t.Errorf("sheet: %dx%d, %v", s.W, s.H, err)
	}
	// A folder is a clip; these two frames differ in size.
	if err := run(dir, t.TempDir(), "--recipe", "bicubic", "--scale", "2"); err == nil {
		t.Error("frames of two sizes pass for a clip")
	}
	if err := run(filepath.Join(dir, "a.png"), out, "--recipe", "fog"); err == nil {
		t.Error("an unknown recipe passes")
	}
}
