package eval

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vsr/train/degrade"
)

// The bicubic baseline of the classic protocol, measured elsewhere with PyTorch: it pins blur, reduction, quantisation, enlarging,
// shave and PSNR at once. VSR_EVAL_ALL=1 adds the larger sets (minutes).
func TestBicubicBaseline(t *testing.T) {
	root := "../../../shared/data/eval"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no evaluation pictures: ", err)
	}
	sets := map[string]float64{"Set5": 26.05}
	if os.Getenv("VSR_EVAL_ALL") != "" {
		sets["Set14"], sets["B100"], sets["Urban100"] = 24.42, 24.78, 22.16
	}
	for set, want := range sets {
		r, err := Run(context.Background(), Options{Data: root + "/" + set, Degradation: "gaussian8", Scale: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: bicubic %.3f dB, SSIM %.4f; Lanczos %.3f dB", set, r.Bicubic.PSNRY, r.Bicubic.SSIMY, r.Lanczos.PSNRY)
		if math.Abs(r.Bicubic.PSNRY-want) > 0.005 {
			t.Errorf("%s: bicubic %.3f dB, want %.2f", set, r.Bicubic.PSNRY, want)
		}
	}
}

// A video is measured like the pictures that it consists of; with its degraded version beside it, no degradation is made.
func TestVideo(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg program: ", err)
	}
	dir := t.TempDir()
	hr, lr := filepath.Join(dir, "hr.mkv"), filepath.Join(dir, "lr.mkv")
	ffmpeg := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(program, append([]string{"-v", "error"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=0.4", "-c:v", "ffv1", "-pix_fmt", "yuv420p", hr)
	ffmpeg("-i", hr, "-vf", "scale=80:48:flags=bicubic", "-c:v", "ffv1", "-pix_fmt", "yuv420p", lr)
	ctx := context.Background()
	one, err := Run(ctx, Options{Data: hr, Degradation: "bicubic", Scale: 2, Frames: 4})
	if err != nil || len(one.Images) != 4 || one.Images[3].Name != "frame 3" {
		t.Fatalf("%+v, %v", one, err)
	}
	pair, err := Run(ctx, Options{Data: hr, Input: lr, Scale: 2})
	if err != nil || len(pair.Images) != 10 {
		t.Fatalf("%+v, %v", pair, err)
	}
	// FFmpeg's bicubic differs from ours in rounding and chroma only, so both inputs score alike, and unlike a wrong frame would.
	if d := one.Bicubic.PSNRY - pair.Bicubic.PSNRY; math.Abs(d) > 0.5 || pair.Bicubic.PSNRY < 15 {
		t.Errorf("%.2f dB from our reduction, %.2f dB from FFmpeg's", one.Bicubic.PSNRY, pair.Bicubic.PSNRY)
	}
	for want, o := range map[string]Options{
		"not a pair at scale 4": {Data: hr, Input: lr, Scale: 4},
		"goes with a video":     {Data: dir, Input: lr, Scale: 2},
		"absent":                {Data: filepath.Join(dir, "absent.mkv"), Degradation: "bicubic", Scale: 2},
	} {
		if _, err := Run(ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", o, err, want)
		}
	}
}

// Flicker counts only where the original stands still, and is taken from one frame to the next.
func TestFlicker(t *testing.T) {
	grey := func(v ...float32) degrade.Image {
		m := degrade.NewImage(len(v), 1)
		for i, x := range v {
			m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = x/255, x/255, x/255
		}
		return m
	}
	// The third pixel moves in the original: what happens to it does not count.
	v, ok := flicker(grey(10, 20, 90), grey(10, 20, 30), grey(12, 20, 0), grey(10, 24, 255))
	if !ok || math.Abs(v-3) > 1e-4 {
		t.Errorf("flicker %v, %v; want (2+4)/2", v, ok)
	}
	if _, ok := flicker(grey(1), grey(9), grey(1), grey(1)); ok {
		t.Error("a clip without still pixels has a flicker")
	}
	hr := []degrade.Image{degrade.NewImage(32, 32), degrade.NewImage(32, 32), degrade.NewImage(32, 32)}
	level, calls := []float32{0.1, 0.3, 0.4}, 0
	o := Options{Scale: 2, Upscale: func(degrade.Image) (degrade.Image, error) {
		m := degrade.NewImage(32, 32)
		for i := range m.Pix {
			m.Pix[i] = level[calls]
		}
		calls++
		return m, nil
	}}
	r := Result{Images: make([]ImageResult, 3)}
	if err := measureClip(context.Background(), o, []variant{{"bicubic", degrade.Fixed{Factor: 2}, 0}}, hr, r.Images, 0); err != nil {
		t.Fatal(err)
	}
	r.mean()
	if want := 255 * 0.15; math.Abs(r.Flicker-want) > 1e-3 || r.Bicubic.Flicker != 0 {
		t.Errorf("flicker %.4f and bicubic's %.4f, want %.4f and 0", r.Flicker, r.Bicubic.Flicker, want)
	}
}
