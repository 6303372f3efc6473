package quality

import (
	"math"
	"testing"
)

// pattern is a small deterministic image that needs no file: a ramp with a fine texture.
func pattern(w, h, seed int) Image {
	p := Image{W: w, H: h, Pix: make([]byte, w*h*3)}
	for i := range p.Pix {
		x, y, c := i/3%w, i/3/w, i%3
		p.Pix[i] = byte((x*7 + y*13 + c*31 + (x*y*seed)%29*3) % 256)
	}
	return p
}

// A grey step of 10 in 255 is a luma difference of (219.859/256)*10/255, whatever the image.
func TestPSNRKnown(t *testing.T) {
	a, b := pattern(20, 16, 1), pattern(20, 16, 1)
	for i := range a.Pix {
		a.Pix[i] /= 2
		b.Pix[i] = a.Pix[i] + 10
	}
	got, err := Compare(a, b, 4)
	if want := -20 * math.Log10(219.859/256*10/255); err != nil || math.Abs(got.Y-want) > 1e-9 {
		t.Errorf("luma PSNR %v, %v, want %v", got.Y, err, want)
	}
	if want := -20 * math.Log10(10.0/255); math.Abs(got.RGB-want) > 1e-9 {
		t.Errorf("RGB PSNR %v, want %v", got.RGB, want)
	}
	if got.Cb < 200 || got.Cr < 200 {
		t.Errorf("a grey step changes Cb and Cr: %+v", got)
	}
	if same, _ := Compare(a, a, 0); !math.IsInf(same.Y, 1) || !math.IsInf(same.Cb, 1) || !math.IsInf(same.Cr, 1) || !math.IsInf(same.RGB, 1) {
		t.Errorf("PSNR of equal images is %v", same)
	}
}

// A step of 10 in blue alone: the coefficients of blue, one by one.
func TestPSNRComponents(t *testing.T) {
	a, b := pattern(20, 16, 1), pattern(20, 16, 1)
	for i := range a.Pix {
		a.Pix[i] /= 2
		b.Pix[i] = a.Pix[i]
		if i%3 == 2 {
			b.Pix[i] += 10
		}
	}
	got, err := Compare(a, b, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]float64{"Y": {got.Y, 25.064}, "Cb": {got.Cb, 112.439}, "Cr": {got.Cr, 18.285}} {
		if want := -20 * math.Log10(c[1]/256*10/255); math.Abs(c[0]-want) > 1e-9 {
			t.Errorf("%s: %v dB, want %v", name, c[0], want)
		}
	}
}

// The border must not count, and what is inside must.
func TestShave(t *testing.T) {
	a, b := pattern(30, 30, 1), pattern(30, 30, 1)
	b.Pix[(3*30+15)*3] ^= 255 // row 3: in the border of 4
	if p, _ := Compare(a, b, 4); !math.IsInf(p.Y, 1) {
		t.Error("a change in the border counts")
	}
	if p, _ := Compare(a, b, 3); math.IsInf(p.Y, 1) {
		t.Error("a change inside the border does not count")
	}
}

// Values from tools/golden/degrade.py (numpy and scipy in float64, two-dimensional window).
func TestAgainstReference(t *testing.T) {
	a, b := pattern(40, 33, 1), pattern(40, 33, 2)
	p, err := Compare(a, b, 4)
	if err != nil {
		t.Fatal(err)
	}
	ssim, err := SSIMY(a, b, 4)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]float64{"psnr_y": {p.Y, referencePSNRY}, "psnr": {p.RGB, referencePSNR}, "ssim_y": {ssim, referenceSSIMY}} {
		if math.Abs(c[0]-c[1]) > 1e-9 {
			t.Errorf("%s is %.12f, want %.12f", name, c[0], c[1])
		}
	}
	if s, _ := SSIMY(a, a, 4); math.Abs(s-1) > 1e-12 {
		t.Errorf("SSIM of equal images is %v", s)
	}
}

func TestRejects(t *testing.T) {
	a := pattern(20, 20, 1)
	for name, f := range map[string]func() error{
		"size":   func() error { _, err := Compare(a, pattern(20, 21, 1), 4); return err },
		"border": func() error { _, err := Compare(a, a, 10); return err },
		"bytes":  func() error { _, err := Compare(a, Image{W: 20, H: 20, Pix: a.Pix[1:]}, 0); return err },
		"window": func() error { _, err := SSIMY(a, a, 5); return err },
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
