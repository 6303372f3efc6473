package quality

import (
	"encoding/binary"
	"fmt"
	"math"

	"vsr/media"
)

// Image is interleaved 8-bit RGB. // [H,W,3]
type Image struct {
	W, H int
	Pix  []byte
}

// check reports pairs that cannot be compared.
func check(a, b Image, shave int) error {
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

// Components of BT.601 in studio range, of R, G and B in 8-bit levels, times 256 (the coefficients of MATLAB's rgb2ycbcr):
//
//	Y  =  16 + ( 65.738 R + 129.057 G +  25.064 B) / 256
//	Cb = 128 + (-37.945 R -  74.494 G + 112.439 B) / 256
//	Cr = 128 + (112.439 R -  94.154 G -  18.285 B) / 256
var bt601 = [3][3]float64{{65.738, 129.057, 25.064}, {-37.945, -74.494, 112.439}, {112.439, -94.154, -18.285}}

// PSNR is the peak signal-to-noise ratio of each component of BT.601 and of all RGB samples together, in dB, with a peak of 255 in all
// four. Equal images give +Inf.
type PSNR struct{ Y, Cb, Cr, RGB float64 }

// Compare measures a against b.
func Compare(a, b Image, shave int) (PSNR, error) {
	if err := check(a, b, shave); err != nil {
		return PSNR{}, err
	}
	var ycc [3]float64
	var rgb int64
	for y := shave; y < a.H-shave; y++ {
		from, to := (y*a.W+shave)*3, (y*a.W+a.W-shave)*3
		p, q := a.Pix[from:to], b.Pix[from:to]
		for o := 0; o+2 < len(p) && o+2 < len(q); o += 3 {
			dr, dg, db := int(p[o])-int(q[o]), int(p[o+1])-int(q[o+1]), int(p[o+2])-int(q[o+2])
			rgb += int64(dr*dr + dg*dg + db*db)
			r, g, u := float64(dr), float64(dg), float64(db)
			for c, k := range &bt601 {
				d := k[0]*r + k[1]*g + k[2]*u
				ycc[c] += d * d
			}
		}
	}
	n := float64((a.W - 2*shave) * (a.H - 2*shave))
	component := func(sum float64) float64 { return Decibels(sum/n/(256*256), 255) }
	return PSNR{Y: component(ycc[0]), Cb: component(ycc[1]), Cr: component(ycc[2]), RGB: Decibels(float64(rgb)/(3*n), 255)}, nil
}

// Decibels is the PSNR of a mean squared error, in dB; no error gives +Inf.
func Decibels(mse, peak float64) float64 { return -10 * math.Log10(mse/(peak*peak)) }

// PlanePSNR is the PSNR in dB of two planes of 8-bit levels with equally many values, +Inf for equal ones.
func PlanePSNR(a, b []float64) float64 {
	var sum float64
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return Decibels(sum/float64(len(a)), 255)
}

// CompareFrames returns the largest difference of two samples, in levels of the frames' depth, and the PSNR in dB over the samples of
// all planes. The frames have one format.
func CompareFrames(a, b *media.Frame) (levels int, psnr float64) {
	var sum float64
	n := 0
	for p := range a.Planes() {
		_, h := a.PlaneSize(p)
		for y := range h {
			l, s, k := compareRow(a.Row(p, y), b.Row(p, y), a.BytesPerSample())
			levels, sum, n = max(levels, l), sum+s, n+k
		}
	}
	return levels, Decibels(sum/float64(n), float64(int(1)<<a.Depth-1))
}

// compareRow returns the largest difference, the sum of squares and the number of samples.
func compareRow(a, b []byte, step int) (levels int, sum float64, n int) {
	var squares int64
	for i := 0; i < len(a); i += step {
		d := int(a[i]) - int(b[i])
		if step == 2 {
			d = int(binary.LittleEndian.Uint16(a[i:])) - int(binary.LittleEndian.Uint16(b[i:]))
		}
		levels = max(levels, d, -d)
		squares += int64(d * d)
	}
	return levels, float64(squares), len(a) / step
}
