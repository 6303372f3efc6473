package eval

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
