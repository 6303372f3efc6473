package quality

import (
	"fmt"
	"math"
)

// Picture is interleaved 8-bit RGB. // [H,W,3]
type Picture struct {
	W, H int
	Pix  []byte
}

// check reports pairs that cannot be compared.
func check(a, b Picture, shave int) error {
	switch {
	case a.W != b.W || a.H != b.H:
		return fmt.Errorf("quality: %dx%d against %dx%d", a.W, a.H, b.W, b.H)
	case len(a.Pix) != a.W*a.H*3 || len(b.Pix) != len(a.Pix):
		return fmt.Errorf("quality: %d and %d bytes for %dx%d RGB", len(a.Pix), len(b.Pix), a.W, a.H)
	case shave < 0 || a.W <= 2*shave || a.H <= 2*shave:
		return fmt.Errorf("quality: nothing of %dx%d is left without a border of %d", a.W, a.H, shave)
	}
	return nil
}

// PSNRY returns the luma PSNR in dB, +Inf for equal pictures. The luma difference is that of BT.601 in studio range:
// (65.738 dR + 129.057 dG + 25.064 dB)/256 with differences in [0,1].
func PSNRY(a, b Picture, shave int) (float64, error) {
	if err := check(a, b, shave); err != nil {
		return 0, err
	}
	var sum float64
	visit(a, shave, func(o int) {
		r := float64(a.Pix[o]) - float64(b.Pix[o])
		g := float64(a.Pix[o+1]) - float64(b.Pix[o+1])
		u := float64(a.Pix[o+2]) - float64(b.Pix[o+2])
		d := (65.738*r + 129.057*g + 25.064*u) / 256 / 255
		sum += d * d
	})
	return decibel(sum / float64((a.W-2*shave)*(a.H-2*shave))), nil
}

// PSNR returns the PSNR over all RGB samples in dB, +Inf for equal pictures.
func PSNR(a, b Picture, shave int) (float64, error) {
	if err := check(a, b, shave); err != nil {
		return 0, err
	}
	var sum float64
	visit(a, shave, func(o int) {
		for c := range 3 {
			d := (float64(a.Pix[o+c]) - float64(b.Pix[o+c])) / 255
			sum += d * d
		}
	})
	return decibel(sum / float64(3*(a.W-2*shave)*(a.H-2*shave))), nil
}

func decibel(mse float64) float64 { return -10 * math.Log10(mse) }

// visit calls f with the offset of every pixel inside the border.
func visit(p Picture, shave int, f func(o int)) {
	for y := shave; y < p.H-shave; y++ {
		for x := shave; x < p.W-shave; x++ {
			f((y*p.W + x) * 3)
		}
	}
}
