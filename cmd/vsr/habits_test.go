package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/internal/testmedia"
	"vsr/upscale"
	"vsr/upscale/batch"
)

// TestWithRun gives command lines as people type them.
func TestWithRun(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "clip")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := (&app{cli.Output{Stdout: &notes{}, Stderr: &notes{}}}).root()
	for line, want := range map[string]string{
		"clip.mp4":                "run clip.mp4",
		"clip.MP4 big.mkv":        "run clip.MP4 big.mkv",
		"-i clip.mp4 big.mkv":     "run -i clip.mp4 big.mkv",
		"--scale 2 clip.mp4":      "run --scale 2 clip.mp4",
		"-v clip.mp4":             "-v run clip.mp4",
		"rtsp://camera/1 out.mkv": "run rtsp://camera/1 out.mkv",
		"photo.png":               "run photo.png",
		plain:                     "run " + plain,
		"run clip.mp4":            "run clip.mp4",
		"train report x.mp4":      "train report x.mp4",
		"trian":                   "trian",
		"help run":                "help run",
		"--help":                  "--help",
		"--version":               "--version",
		"-v":                      "-v",
		"-v doctor":               "-v doctor",
		"__complete run":          "__complete run",
		dir:                       "run " + dir,
		"completion bash":         "completion bash",
	} {
		if got := strings.Join(args.WithCommand(root, strings.Fields(line), "run", batch.IsVideo), " "); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
	if got := args.WithCommand(root, nil, "run", batch.IsVideo); len(got) != 0 {
		t.Errorf("nothing becomes %q", got)
	}
}

// TestHints gives what people get wrong; the hint must name what is right.
func TestHints(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 2})
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "did you mean train?", []string{"trian"}},
		{exitUsage, "did you mean report?", []string{"train", "reprot", "x"}},
		{exitUsage, "did you mean --scale?", []string{"run", in, "--scal", "2"}},
		{exitUsage, "2, 3 and 4 are possible; --height 720 reaches any size", []string{"run", in, "--scale", "1.5"}},
		{exitUsage, "2, 3 and 4 are possible", []string{"run", in, "--scale", "5"}},
		{exitUsage, "did you mean h265?", []string{"run", in, "--codec", "h256"}},
		{exitUsage, "low, medium, high or archive", []string{"run", in, "--quality", "best"}},
		{exitUsage, "--quality is for x264", []string{"run", in, "--codec", "ffv1", "--quality", "low"}},
		{exitUsage, "exclude each other", []string{"run", in, "--crf", "20", "--quality", "low"}},
		{exitUsage, "from 0, the best", []string{"run", in, "--crf", "best"}},
		{exitUsage, "named twice", []string{"run", in, "a.mkv", "-o", "b.mkv"}},
		{exitUsage, "several files need a folder", []string{"run", in, "a.mkv", "b.mkv"}},
		{exitUsage, "several files need a folder", []string{"run", filepath.Dir(in)}},
		{exitUsage, "is no folder", []string{"run", in, in, "-o", "b.mkv"}},
		{exitUsage, "which file?", []string{"run"}},
		{exitRequest, "did you mean nano-x2?", []string{"run", in, "--model", "nanox2"}},
		{exitInput, "nowhere.mp4", []string{"nowhere.mp4"}},
		{exitDestination, "vsr fleet dev starts one", []string{"fleet", "list", "--address", "127.0.0.1:1"}},
		{exitUsage, "did you mean attach?", []string{"fleet", "attahc", "x"}},
		{exitUsage, "accepts 1 arg", []string{"fleet", "show"}},
		{exitUsage, "vsr job plan writes one", []string{"job", "segment", "--plan", "nowhere.json", "--index", "0"}},
	} {
		code, _, stderr := vsr(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("vsr %s: exit code %d, want %d and %q:\n%s", strings.Join(c.args, " "), code, c.code, c.want, stderr)
		}
	}
}

// TestFirstAndLastLine runs a file whose container vsr does not write.
func TestFirstAndLastLine(t *testing.T) {
	made := clip(t, "in.mkv", testmedia.Options{Frames: 5})
	in := filepath.Join(t.TempDir(), "in.mpeg")
	if err := os.Rename(made, in); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := vsr(t, "-i", in, "--model", tinyWeights(t, 2), "--threads", "1", "--scale", "2x", "--quality", "low", "--progress", "json")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	out := filepath.Join(filepath.Dir(in), "in_x2.mkv")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if want := in + " 96x64 24 fps -> " + out + " 192x128, tiny on cpu"; lines[0] != want {
		t.Errorf("first line %q, want %q", lines[0], want)
	}
	if !strings.Contains(stderr, "the output is a .mkv file") {
		t.Errorf("nothing is said of the container: %s", stderr)
	}
	last := lines[len(lines)-1]
	for _, want := range []string{out + ": ", "kB, 5 frames in ", " fps, all ", " checks passed"} {
		if !strings.Contains(last, want) {
			t.Errorf("last line %q, want %q in it", last, want)
		}
	}
}

// TestCRFZeroIsLossless: --crf 0 with x264 is FFmpeg's, which loses nothing.
func TestCRFZeroIsLossless(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 3})
	dir, weights := t.TempDir(), tinyWeights(t, 2)
	hash := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		if code, _, stderr := vsr(t, append([]string{"run", in, path, "--model", weights, "--threads", "1", "--progress", "none"}, args...)...); code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return hashFrames(t, path)
	}
	lossless := hash("ffv1.mkv", "--codec", "ffv1")
	if hash("zero.mkv", "--crf", "0") != lossless {
		t.Error("--crf 0 loses something")
	}
	if hash("default.mkv") == lossless {
		t.Error("the default loses nothing: the test shows nothing")
	}
	var crf int
	flag := args.CRF(&crf, upscale.CRFZero)
	if err := flag.Set("0"); err != nil || crf != upscale.CRFZero || flag.String() != "0" || encode.CRFZero != upscale.CRFZero {
		t.Errorf("crf 0 is %d, %q, %v", crf, flag.String(), err)
	}
}

// hashFrames is the hash of all samples of a file.
func hashFrames(t *testing.T, path string) string {
	t.Helper()
	src, err := decode.Open(t.Context(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	h := fnv.New64a()
	for {
		u, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return fmt.Sprintf("%x", h.Sum64())
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			for p := range u.Frame.Planes() {
				_, rows := u.Frame.PlaneSize(p)
				for y := range rows {
					h.Write(u.Frame.Row(p, y))
				}
			}
		}
		u.Release()
	}
}
