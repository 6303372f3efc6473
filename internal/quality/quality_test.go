package quality

import (
	"math"
	"testing"
)

// pattern is a small deterministic picture that needs no file: a ramp with a fine texture.
func pattern(w, h, seed int) Picture {
	p := Picture{W: w, H: h, Pix: make([]byte, w*h*3)}
	for i := range p.Pix {
		x, y, c := i/3%w, i/3/w, i%3
		p.Pix[i] = byte((x*7 + y*13 + c*31 + (x*y*seed)%29*3) % 256)
	}
	return p
}

// A grey step of 10 in 255 is a luma difference of (219.859/256)*10/255, whatever the picture.
func TestPSNRKnown(t *testing.T) {
	a, b := pattern(20, 16, 1), pattern(20, 16, 1)
	for i := range a.Pix {
		a.Pix[i] /= 2
		b.Pix[i] = a.Pix[i] + 10
	}
	y, err := PSNRY(a, b, 4)
	if want := -20 * math.Log10(219.859/256*10/255); err != nil || math.Abs(y-want) > 1e-9 {
		t.Errorf("luma PSNR %v, %v, want %v", y, err, want)
	}
	rgb, err := PSNR(a, b, 4)
	if want := -20 * math.Log10(10.0/255); err != nil || math.Abs(rgb-want) > 1e-9 {
		t.Errorf("RGB PSNR %v, %v, want %v", rgb, err, want)
	}
	same, _ := PSNRY(a, a, 0)
	if !math.IsInf(same, 1) {
		t.Errorf("PSNR of equal pictures is %v", same)
	}
}

// The border must not count, and what is inside must.
func TestShave(t *testing.T) {
	a, b := pattern(30, 30, 1), pattern(30, 30, 1)
	b.Pix[(3*30+15)*3] ^= 255 // row 3: in the border of 4
	if y, _ := PSNRY(a, b, 4); !math.IsInf(y, 1) {
		t.Error("a change in the border counts")
	}
	if y, _ := PSNRY(a, b, 3); math.IsInf(y, 1) {
		t.Error("a change inside the border does not count")
	}
}

// Values from tools/golden/degrade.py (numpy and scipy in float64, two-dimensional window).
func TestAgainstReference(t *testing.T) {
	a, b := pattern(40, 33, 1), pattern(40, 33, 2)
	for name, c := range map[string]struct {
		f    func(a, b Picture, shave int) (float64, error)
		want float64
	}{
		"psnr_y": {PSNRY, referencePSNRY}, "psnr": {PSNR, referencePSNR}, "ssim_y": {SSIMY, referenceSSIMY},
	} {
		got, err := c.f(a, b, 4)
		if err != nil || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s is %.12f, %v, want %.12f", name, got, err, c.want)
		}
	}
	if s, _ := SSIMY(a, a, 4); math.Abs(s-1) > 1e-12 {
		t.Errorf("SSIM of equal pictures is %v", s)
	}
}

func TestRejects(t *testing.T) {
	a := pattern(20, 20, 1)
	for name, f := range map[string]func() (float64, error){
		"size":   func() (float64, error) { return PSNRY(a, pattern(20, 21, 1), 4) },
		"border": func() (float64, error) { return PSNR(a, a, 10) },
		"bytes":  func() (float64, error) { return PSNRY(a, Picture{W: 20, H: 20, Pix: a.Pix[1:]}, 0) },
		"window": func() (float64, error) { return SSIMY(a, a, 5) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
