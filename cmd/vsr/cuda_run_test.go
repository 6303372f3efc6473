//go:build nvidia

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fakecuda"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

// onEmulator runs vsr in a process of its own that finds the emulated driver. The environment steers it (internal/fakecuda/README.md).
func onEmulator(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if why := fakecuda.Missing(); why != "" {
		t.Skip(why)
	}
	dir, err := fakecuda.Build(fakecuda.Library)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	c := exec.Command(os.Args[0], args...)
	c.Env = append(append(os.Environ(), asVSR+"=1", "LD_LIBRARY_PATH="+dir), env...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return code, out.String(), errs.String()
}

// smallClip writes three frames of odd size with a cut after the first, and a configuration under which the cut is found.
func smallClip(t *testing.T) (in, config string) {
	t.Helper()
	f := tinyFormat
	f.Width, f.Height = 37, 21
	in = filepath.Join(t.TempDir(), "in.mkv")
	if err := testmedia.WriteClip(in, testmedia.Options{Format: f, Frames: 3, Cuts: []int{1}}, encode.Options{Codec: "ffv1"}); err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(t.TempDir(), "run.yaml")
	if err := os.WriteFile(config, []byte("precision: fp32\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return in, config
}

// frames reads all frames of a file.
func frames(t *testing.T, path string) (all []*media.Frame) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{PoolSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			all = append(all, u.Frame)
		}
	}
}

// A built-in model and one of the paper's size m with fewer blocks, from file to file: every sample within 1 level of the CPU's.
func TestRunOnGPU(t *testing.T) {
	in, config := smallClip(t)
	c, err := kdsr.Preset("m", 2)
	if err != nil {
		t.Fatal(err)
	}
	c.N, c.R = 2, 1
	w, err := kdsr.RandomWeights(c, 5)
	if err != nil {
		t.Fatal(err)
	}
	for name, tensor := range w.Tensors { // as they are, random weights make hardly a difference between scenes
		if len(tensor.Shape) > 1 && (strings.HasPrefix(name, "E_st.") || strings.HasSuffix(name, ".kernel.2.weight")) {
			for i := range tensor.Data {
				tensor.Data[i] *= 2.5
			}
		}
	}
	if d := staleKernels(t, w, frames(t, in)); d < 5 {
		t.Fatalf("the kernels of the other scene change the frame by %d levels: nobody would see them", d)
	}
	m := filepath.Join(t.TempDir(), "m.safetensors")
	if err := w.Save(m, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, model, cc string }{
		{"fast on sm_86", "fast-x2", "86"}, {"m on sm_75", m, "75"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			want, got, reportFile := filepath.Join(dir, "cpu.mkv"), filepath.Join(dir, "GPU.mkv"), filepath.Join(dir, "report.json")
			args := []string{"-c", config, "--model", c.model, "--codec", "ffv1", "--progress", "none"}
			if code, _, stderr := vsr(t, append([]string{"run", in, "-o", want, "--device", "cpu"}, args...)...); code != 0 {
				t.Fatalf("on the CPU: exit code %d: %s", code, stderr)
			}
			code, _, stderr := onEmulator(t, []string{"VSR_EMU_ENGINE=ptx", "VSR_EMU_CC=" + c.cc},
				append([]string{"run", in, "-o", got, "--device", "cuda:0", "--report", reportFile, "-v"}, args...)...)
			if code != 0 || !strings.Contains(stderr, cuda.Untested) {
				t.Fatalf("on the emulator: exit code %d: %s", code, stderr)
			}
			if r := gpuReportOf(t, reportFile); r.Device != "cuda:0" || len(r.Scenes) != 2 {
				t.Errorf("device %s, %d scenes", r.Device, len(r.Scenes))
			}
			a, b := frames(t, want), frames(t, got)
			if len(a) != 3 || len(b) != 3 || a[0].Format != b[0].Format {
				t.Fatalf("%d frames %v, %d frames %v", len(a), a[0].Format, len(b), b[0].Format)
			}
			for i := range a {
				if d := levelsApart(a[i], b[i]); d > 1 {
					t.Errorf("frame %d: %d levels apart", i, d)
				}
			}
		})
	}
}

// staleKernels is by how many levels the second frame would be wrong with the kernels of the first.
func staleKernels(t *testing.T, w *kdsr.Weights, fr []*media.Frame) int {
	t.Helper()
	e, err := cpu.New(w, cpu.Options{Precision: "fp32"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var out [2]*media.Frame
	for i := range out {
		out[i] = media.NewFrame(fr[1].Format.Scaled(2))
		v, err := e.Estimate(context.Background(), fr[i])
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Modulate(context.Background(), v)
		if err == nil {
			err = e.Upscale(context.Background(), out[i], fr[1], d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return levelsApart(out[0], out[1])
}

// levelsApart is the largest difference of two frames of 8 bits.
func levelsApart(a, b *media.Frame) (most int) {
	for p := range a.Planes() {
		_, h := a.PlaneSize(p)
		for y := range h {
			for i, v := range a.Row(p, y) {
				d := int(v) - int(b.Row(p, y)[i])
				most = max(most, d, -d)
			}
		}
	}
	return most
}

func gpuReportOf(t *testing.T, path string) (r upscale.Report) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// --device auto takes the GPU after a green result, and the CPU with one line that says why after a red one.
func TestAutoDevice(t *testing.T) {
	in, config := smallClip(t)
	weights, cache := tinyWeights(t, 2), t.TempDir()
	for _, c := range []struct {
		name, env, device, says string
		fresh                   bool
	}{
		{"first run", "", "cuda:0", "", true},
		{"a kept green result", "", "cuda:0", "", false},
		{"red", "VSR_EMU_FAIL=cuGraphLaunch:1:719", "cpu", "cuGraphLaunch", true},
		{"a kept red result", "", "cpu", "vsr doctor --device cuda:0 checks it again", false},
		{"old driver", "VSR_EMU_DRIVER=10020", "cpu", "update the NVIDIA driver", true},
		{"broken driver", "VSR_EMU_FAIL=cuInit:1:100", "cpu", "does not start", true},
		{"no GPU", "VSR_EMU_DEVICES=0", "cpu", "", true},
	} {
		if c.fresh {
			cache = t.TempDir()
		}
		dir := t.TempDir()
		reportFile := filepath.Join(dir, "report.json")
		code, _, stderr := onEmulator(t, []string{"XDG_CACHE_HOME=" + cache, c.env}, "run", in, "-o", filepath.Join(dir, "out.mkv"), "-c", config,
			"--model", weights, "--codec", "ffv1", "--progress", "none", "--report", reportFile)
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", c.name, code, stderr)
		}
		if r := gpuReportOf(t, reportFile); !strings.HasPrefix(r.Device, c.device) {
			t.Errorf("%s: device %s, want %s", c.name, r.Device, c.device)
		}
		note := ""
		for line := range strings.Lines(stderr) {
			if strings.HasPrefix(line, "note: the CPU is used, not the GPU") {
				note += line
			}
		}
		if strings.Count(note, "\n") != min(len(c.says), 1) || !strings.Contains(note, c.says) {
			t.Errorf("%s: notes %q, want one line with %q", c.name, note, c.says)
		}
	}
}

// Whatever fails on the GPU: exit code 5, one line and a hint, and no output.
func TestFailuresOnGPU(t *testing.T) {
	in, _ := smallClip(t)
	weights := tinyWeights(t, 2)
	for _, c := range []struct{ env, says, hint string }{
		{"VSR_EMU_DEVICES=0", "the driver sees no GPU", "nvidia-smi -L"},
		{"VSR_EMU_DRIVER=10020", "update the NVIDIA driver", "newer NVIDIA driver"},
		{"VSR_EMU_CC=70", "too old", "Turing"},
		{"VSR_EMU_FAIL=cuInit:1:100", "does not start", "nvidia-smi has to work"},
		{"VSR_EMU_FAIL=cuModuleLoadDataEx:1:218", "compile the kernels", "report this output"},
		{"VSR_EMU_FAIL=cuMemAlloc_v2:20:2", "out of device memory", "close other programs"},
		{"VSR_EMU_FAIL=cuGraphLaunch:1:719", "cuGraphLaunch", "the GPU gave up"},
		{"VSR_EMU_FAIL=cuGraphLaunch:3:719", "cuGraphLaunch", "the GPU gave up"}, // in the middle of the clip
		{"VSR_EMU_FAIL=cuEventSynchronize:2:700", "run", "the GPU gave up"},
	} {
		dir := t.TempDir()
		code, _, stderr := onEmulator(t, []string{c.env}, "run", in, "-o", filepath.Join(dir, "out.mkv"), "--device", "cuda:0",
			"--model", weights, "--codec", "ffv1", "--progress", "none")
		var lines []string
		for line := range strings.Lines(stderr) {
			if !strings.HasPrefix(line, "emulated driver: ") {
				lines = append(lines, line)
			}
		}
		if code != exitDevice || len(lines) != 2 || !strings.HasPrefix(lines[0], "vsr: ") || !strings.Contains(lines[0], c.says) ||
			!strings.HasPrefix(lines[1], "hint: ") || !strings.Contains(lines[1], c.hint) {
			t.Errorf("%s: exit code %d: %s", c.env, code, stderr)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: files are left: %v", c.env, left)
		}
	}
}

// Doctor on the emulator: green and kept for auto; red with words about what to do.
func TestDoctorOnGPU(t *testing.T) {
	cache := "XDG_CACHE_HOME=" + t.TempDir()
	code, stdout, stderr := onEmulator(t, []string{cache}, "doctor", "--device", "cuda:0", "--quick")
	if code != 0 || !strings.Contains(stdout, "emulated GPU") || !strings.Contains(stdout, cuda.Untested) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if strings.Count(stdout, ": not used: ") != 3 { // NVDEC and two kinds of NVENC
		t.Errorf("the hardware codecs that are not there: %s", stdout)
	}
	if r := trustedOnEmulator(t, cache); !strings.HasPrefix(r, "cuda:0") {
		t.Errorf("after a green doctor auto takes %s", r)
	}
	code, stdout, _ = onEmulator(t, []string{cache, "VSR_EMU_FAIL=cuGraphLaunch:1:719"}, "doctor", "--device", "cuda:0", "--quick")
	if code != exitDevice || !strings.Contains(stdout, "FAILED") || !strings.Contains(stdout, "hint: ") {
		t.Errorf("a failing GPU: exit code %d: %s", code, stdout)
	}
	if r := trustedOnEmulator(t, cache); !strings.HasPrefix(r, "cpu") {
		t.Errorf("after a red doctor auto takes %s", r)
	}
}

// Doctor's clip through what stands for NVDEC and NVENC here: the same bits, and a good frame.
func TestDoctorChecksCodecs(t *testing.T) {
	code, stdout, stderr := onEmulator(t, []string{trialVariable + "=upload-download", "XDG_CACHE_HOME=" + t.TempDir()}, "doctor", "--device", "cuda:0", "--quick")
	for _, want := range []string{"NVDEC, against the CPU's decoder: 8 frames, the same bits", "x264, fed from the GPU: 8 frames, PSNR at least"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, want %q in: %s%s", code, want, stdout, stderr)
		}
	}
}

// trustedOnEmulator is the device that --device auto takes.
func trustedOnEmulator(t *testing.T, cache string) string {
	t.Helper()
	in, _ := smallClip(t)
	dir := t.TempDir()
	reportFile := filepath.Join(dir, "report.json")
	code, _, stderr := onEmulator(t, []string{cache}, "run", in, "-o", filepath.Join(dir, "out.mkv"), "--model", tinyWeights(t, 2),
		"--codec", "ffv1", "--progress", "none", "--report", reportFile)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	return gpuReportOf(t, reportFile).Device
}
