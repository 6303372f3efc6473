//go:build nvidia

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/upscale"
)

// trialVariable says what stands for NVDEC and NVENC in a vsr that a test starts.
const trialVariable = "VSR_TEST_CARD"

func init() {
	adjust = func(o *upscale.Options) {
		o.CheckLimit = 10 * time.Minute // the emulator is slow on a busy machine
		o.Decode.GPU = &decode.GPU{Upload: strings.Contains(os.Getenv(trialVariable), "upload")}
		o.Encode.GPU = &encode.GPU{Download: strings.Contains(os.Getenv(trialVariable), "download")}
	}
}

// clipOf writes a clip with a cut.
func clipOf(t *testing.T, f media.Format, frames, cut int, o encode.Options) string {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.mkv")
	if err := testmedia.WriteClip(in, testmedia.Options{Format: f, Frames: frames, Cuts: []int{cut}}, o); err != nil {
		t.Fatal(err)
	}
	return in
}

// Frames that stay on the GPU, on either side of the network or on both, make the output that those of the host make: every
// frame, time, scene and degradation. In one go, in segments, and where a side has to go over the host.
func TestRunKeepsFramesOnGPU(t *testing.T) {
	weights := tinyWeights(t, 2)
	color := media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}
	yuv := func(w, h, depth int) media.Format {
		return media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: depth, Color: color}
	}
	wide := yuv(32, 18, 8)
	wide.Layout = media.YUV422
	turning := filepath.Join(t.TempDir(), "turn.ts") // from one size to another after 3 frames
	if err := testmedia.WriteTurn(turning, testmedia.Options{Format: yuv(64, 36, 8), Frames: 3}, testmedia.Options{Format: yuv(48, 32, 8), Frames: 4},
		encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		format  media.Format
		config  string
		args    []string
		in, out int64
		file    string // instead of a clip of the format
	}{
		{"8 bits", yuv(37, 21, 8), "", []string{"--codec", "ffv1"}, 7, 7, ""},
		{"10 bits in segments", yuv(32, 18, 10), "segment_min: 2\nsegment_max: 3\n", []string{"--codec", "ffv1"}, 7, 7, ""},
		{"x264", yuv(32, 18, 8), "", []string{"--codec", "x264", "--preset", "ultrafast"}, 7, 7, ""},
		{"resampled", yuv(32, 18, 8), "", []string{"--codec", "ffv1", "--height", "30"}, 7, 0, ""},
		{"4:2:2", wide, "", []string{"--codec", "ffv1"}, 0, 0, ""},
		{"another size in the middle", yuv(64, 36, 8), "", []string{"--codec", "ffv1"}, 7, 7, turning},
		{"deinterlaced", yuv(32, 18, 8), "decode:\n  deinterlace: \"on\"\n", []string{"--codec", "ffv1"}, 0, 7, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.file
			if in == "" {
				in = clipOf(t, c.format, 7, 4, encode.Options{Codec: "ffv1"})
			}
			dir := t.TempDir()
			// Frames in GPU memory always have the network's color (sr.Options.Chroma), so those of the host must have it here, too.
			config := filepath.Join(dir, "run.yaml")
			if err := os.WriteFile(config, []byte("sr: {chroma: network}\n"+c.config), 0o666); err != nil {
				t.Fatal(err)
			}
			run := func(trial string) ([]*media.Frame, upscale.Report) {
				out, told := filepath.Join(dir, trial+".mkv"), filepath.Join(dir, trial+".json")
				args := append([]string{"run", in, "-o", out, "-c", config, "--device", "cuda:0", "--model", weights, "--threads", "1",
					"--progress", "none", "--report", told}, c.args...)
				if code, _, stderr := onEmulator(t, []string{trialVariable + "=" + trial}, args...); code != 0 {
					t.Fatalf("%s: exit code %d: %s", trial, code, stderr)
				}
				return frames(t, out), gpuReportOf(t, told)
			}
			want, told := run("host")
			if len(want) != 7 || told.GPU != nil || len(told.Scenes) != 2 {
				t.Fatalf("on the host: %d frames, GPU %+v, %d scenes", len(want), told.GPU, len(told.Scenes))
			}
			for trial, counts := range map[string]upscale.GPUReport{"upload": {Decoded: c.in}, "download": {Written: c.out}, "upload-download": {Decoded: c.in, Written: c.out}} {
				got, r := run(trial)
				if r.GPU == nil && counts != (upscale.GPUReport{}) || r.GPU != nil && *r.GPU != counts {
					t.Errorf("%s: on the GPU %+v, want %+v", trial, r.GPU, counts)
				}
				if !reflect.DeepEqual(r.Scenes, told.Scenes) {
					t.Errorf("%s: scenes %+v, want %+v", trial, r.Scenes, told.Scenes)
				}
				if len(got) != len(want) {
					t.Fatalf("%s: %d frames, want %d", trial, len(got), len(want))
				}
				for i := range want {
					if encode.Sum(got[i]) != encode.Sum(want[i]) || got[i].PTS != want[i].PTS {
						t.Errorf("%s: frame %d is another", trial, i)
					}
				}
			}
		})
	}
}

// Whatever fails on the way over the GPU: exit code 5, one line and a hint, and no output.
func TestGPUFailsInRun(t *testing.T) {
	in := clipOf(t, media.Format{Width: 32, Height: 18, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}, 5, 2, encode.Options{Codec: "ffv1"})
	weights := tinyWeights(t, 2)
	for _, c := range []struct{ trial, fail, says string }{
		{"upload", "cuMemAlloc_v2:1:2", "decode: "},
		{"upload", "cuMemcpy2DAsync_v2:7:719", "cuda: "},
		{"upload", "cuMemcpyDtoH_v2:2:719", "cuda: "},
		{"download", "cuMemcpy2DAsync_v2:6:719", "cuda: "},
		{"upload-download", "cuGraphLaunch:3:719", "cuda: "},
		{"upload-download", "cuStreamSynchronize:9:719", "cuda: "},
	} {
		dir := t.TempDir()
		code, _, stderr := onEmulator(t, []string{trialVariable + "=" + c.trial, "VSR_EMU_FAIL=" + c.fail}, "run", in, "-o", filepath.Join(dir, "out.mkv"),
			"--device", "cuda:0", "--model", weights, "--codec", "ffv1", "--progress", "none")
		var lines []string
		for line := range strings.Lines(stderr) {
			if !strings.HasPrefix(line, "emulated driver: ") {
				lines = append(lines, line)
			}
		}
		if code != exitDevice || len(lines) != 2 || !strings.HasPrefix(lines[0], "vsr: ") || !strings.Contains(lines[0], c.says) ||
			!strings.HasPrefix(lines[1], "hint: ") {
			t.Errorf("%s: exit code %d: %s", c.fail, code, stderr)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: files are left: %v", c.fail, left)
		}
	}
}

// NVDEC and NVENC are asked for and are not there: the first is done without, the second is refused, with a hint and no output.
func TestNoHardwareCodecs(t *testing.T) {
	f := media.Format{Width: 32, Height: 18, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}
	in, weights := clipOf(t, f, 5, 2, encode.Options{}), tinyWeights(t, 2)
	for _, c := range []struct {
		codec string
		code  int
	}{{"ffv1", 0}, {"hevc_nvenc", exitRequest}} {
		dir := t.TempDir()
		code, _, stderr := onEmulator(t, nil, "run", in, "-o", filepath.Join(dir, "out.mkv"), "--device", "cuda:0", "--model", weights,
			"--codec", c.codec, "--progress", "none")
		left, _ := os.ReadDir(dir)
		if code != c.code || len(left) != map[bool]int{true: 1}[code == 0] || code != 0 && (strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, "hint: it needs an NVIDIA GPU")) {
			t.Errorf("%s: exit code %d, files %v: %s", c.codec, code, left, stderr)
		}
	}
}
