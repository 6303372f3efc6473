package eval

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vsr/train/degrade"
)

// The bicubic baseline of the classic protocol, measured elsewhere with PyTorch: it pins blur, reduction, quantisation, enlarging,
// shave and PSNR at once. VSR_EVAL_ALL=1 adds the larger sets (minutes).
func TestBicubicBaseline(t *testing.T) {
	root := "../../../shared/data/eval"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no evaluation images: ", err)
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
		got := r.Methods[0].Scores
		t.Logf("%s: bicubic %.3f dB, SSIM %.4f", set, got[PSNRY], got[SSIMY])
		if math.Abs(got[PSNRY]-want) > 0.005 {
			t.Errorf("%s: bicubic %.3f dB, want %.2f", set, got[PSNRY], want)
		}
	}
}

// A video is measured like the images that it consists of; with its degraded version beside it, no degradation is made.
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
	ours, theirs := one.Methods[0].Scores, pair.Methods[0].Scores
	if d := ours[PSNRY] - theirs[PSNRY]; math.Abs(d) > 0.5 || theirs[PSNRY] < 15 {
		t.Errorf("%.2f dB from our reduction, %.2f dB from FFmpeg's", ours[PSNRY], theirs[PSNRY])
	}
	// Without an original only what needs none is measured.
	alone, err := Run(ctx, Options{Data: lr, Degradation: "none", Scale: 2, Frames: 9})
	if err != nil || len(alone.Images) != 9 || alone.Images[8].Width != 160 {
		t.Fatalf("%+v, %v", alone, err)
	}
	if s := alone.Methods[0].Scores; s.Has(PSNRY) || s.Has(SSIMY) || !s.Has(Blockiness) || !s.Has(Flicker) || !s.Has(Overshoot) {
		t.Errorf("%v", s)
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

// Two clips of three gray frames whose originals stand still: flicker comes from one frame to the next, never across clips, and means
// go over the frames that have it. The share of colored pixels is a mean, the levels are the largest.
func TestFlickerAndColor(t *testing.T) {
	hr := func() ([]degrade.Image, error) {
		out := []degrade.Image{degrade.NewImage(32, 32), degrade.NewImage(32, 32), degrade.NewImage(32, 32)}
		for _, m := range out {
			for i := range m.Pix {
				m.Pix[i] = 0.2
			}
		}
		return out, nil
	}
	var mu sync.Mutex
	level, calls, clips := []float32{0, 10, 40}, 0, 0
	model := Method{Name: "model", NewClip: func() { clips++; calls = 0 }, Upscale: func(degrade.Image) (degrade.Image, error) {
		mu.Lock()
		defer mu.Unlock()
		m := degrade.NewImage(32, 32)
		for i := range m.Pix {
			m.Pix[i] = level[calls] / 255
		}
		for x := range 16 { // half of one row gets a color
			m.Pix[3*x] += float32(calls+clips) / 255
		}
		calls++
		return m, nil
	}}
	e := newEvaluator(Options{Scale: 2, Methods: []Method{model}, Workers: 2})
	all := []variant{{"bicubic", degrade.Fixed{Factor: 2}, 0}}
	g := []group{{names: []string{"a", "b", "c"}, load: hr}, {names: []string{"d", "e", "f"}, load: hr}}
	r, err := e.groups(context.Background(), all, g, 6)
	if err != nil {
		t.Fatal(err)
	}
	got, base := r.Methods[1].Scores, r.Methods[0].Scores
	const k = 219.859 / 256 // luma levels a gray level
	if want := k * (10 + 30) / 2; math.Abs(got[Flicker]-want) > 0.2 || math.Abs(base[Flicker]) > 1e-3 {
		t.Errorf("flicker %.4f and bicubic's %.4f, want %.4f and 0", got[Flicker], base[Flicker], want)
	}
	if r.Reference == nil || (*r.Reference)[Flicker] != 0 {
		t.Errorf("the reference is %v", r.Reference)
	}
	if clips != 2 || r.Images[0].Methods[1].Scores.Has(Flicker) || r.Images[3].Methods[1].Scores.Has(Flicker) {
		t.Errorf("%d clips; the first frame of a clip has a flicker", clips)
	}
	// Frame i of clip c has i+c levels; up to one counts as rounding, so that frame 0 of the first clip is gray.
	if want := 16.0 / 1024 * 5 / 6; got[ColoredLevels] != 4 || math.Abs(got[ColoredShare]-want) > 1e-9 || base[ColoredLevels] > 1 {
		t.Errorf("colored %.5f, want %.5f; %g levels, want 4; bicubic %g", got[ColoredShare], want, got[ColoredLevels], base[ColoredLevels])
	}
}

// A method that is wrong about the size, or fails, names itself.
func TestMethodFaults(t *testing.T) {
	for want, up := range map[string]func(degrade.Image) (degrade.Image, error){
		"it made 3x3": func(degrade.Image) (degrade.Image, error) { return degrade.NewImage(3, 3), nil },
		"no memory":   func(degrade.Image) (degrade.Image, error) { return degrade.Image{}, errors.New("no memory") },
	} {
		e := newEvaluator(Options{Scale: 2, Methods: []Method{{Name: "poor", Upscale: up}}})
		g := []group{{names: []string{"a"}, load: func() ([]degrade.Image, error) { return []degrade.Image{degrade.NewImage(40, 40)}, nil }}}
		_, err := e.groups(context.Background(), []variant{{"bicubic", degrade.Fixed{Factor: 2}, 0}}, g, 1)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "poor") {
			t.Errorf("error %v, want one with %q and the name", err, want)
		}
	}
}

// Scores survive JSON, and what was not measured has no key.
func TestScoreJSON(t *testing.T) {
	s := noScore()
	s[PSNRCb], s[Flicker] = 31.5, 0
	text, err := json.Marshal(s)
	if err != nil || string(text) != `{"psnr_cb":31.5,"flicker":0}` {
		t.Errorf("%s, %v", text, err)
	}
	var back Score
	if err := json.Unmarshal(text, &back); err != nil || back[PSNRCb] != 31.5 || back.Has(PSNRY) || !back.Has(Flicker) {
		t.Errorf("%v, %v", back, err)
	}
}
