package quality

import (
	"fmt"
	"math"
)

// Constants of SSIM (Wang et al. 2004) on values of 0 to 255.
const (
	ssimSide = 11
	ssimC1   = (0.01 * 255) * (0.01 * 255)
	ssimC2   = (0.03 * 255) * (0.03 * 255)
)

// ssimWindow is the 11-tap Gaussian of sigma 1.5; its outer product is the 11x11 window.
var ssimWindow = func() (w [ssimSide]float64) {
	var sum float64
	for i := range w {
		d := float64(i - ssimSide/2)
		w[i] = math.Exp(-d * d / (2 * 1.5 * 1.5))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}()

// SSIMY returns the mean structural similarity of the lumas over the windows that lie wholly inside the border. Luma is
// (65.738 R + 129.057 G + 25.064 B)/255 + 16: the official code divides by 255 here and by 256 in the PSNR.
func SSIMY(a, b Image, shave int) (float64, error) {
	if err := check(a, b, shave); err != nil {
		return 0, err
	}
	return SSIM(ssimLuma(a, shave), ssimLuma(b, shave), a.W-2*shave, a.H-2*shave)
}

func ssimLuma(m Image, shave int) []float64 {
	out := make([]float64, 0, (m.W-2*shave)*(m.H-2*shave))
	for y := shave; y < m.H-shave; y++ {
		row := m.Pix[(y*m.W+shave)*3 : (y*m.W+m.W-shave)*3]
		for o := 0; o+2 < len(row); o += 3 {
			out = append(out, (65.738*float64(row[o])+129.057*float64(row[o+1])+25.064*float64(row[o+2]))/255+16)
		}
	}
	return out
}

// moments of a pixel's window, or of a row of it: the means of x, y, xx, yy and xy.
type moments [5]float64

// SSIM returns the mean structural similarity of two planes of w x h values on a scale of 0 to 255.
func SSIM(x, y []float64, w, h int) (float64, error) {
	if w < ssimSide || h < ssimSide {
		return 0, fmt.Errorf("quality: %dx%d inside the border is smaller than the window of %d", w, h, ssimSide)
	}
	if len(x) != w*h || len(y) != w*h {
		return 0, fmt.Errorf("quality: %d and %d values for %dx%d", len(x), len(y), w, h)
	}
	ow := w - ssimSide + 1
	// The last eleven rows, filtered along the rows: few enough to stay in the cache.
	var ring [ssimSide][]moments
	for i := range ring {
		ring[i] = make([]moments, ow)
	}
	pixels := make([]moments, w)
	var sum float64
	for row := range h {
		for i := range pixels {
			p, q := x[row*w+i], y[row*w+i]
			pixels[i] = moments{p, q, p * p, q * q, p * q}
		}
		out := ring[row%ssimSide]
		for i := range out {
			out[i] = weigh((*[ssimSide]moments)(pixels[i:]))
		}
		if row < ssimSide-1 {
			continue
		}
		var column [ssimSide]moments
		for i := range ow {
			for k := range column {
				column[k] = ring[(row+1+k)%ssimSide][i]
			}
			sum += similarity(weigh(&column))
		}
	}
	return sum / float64(ow*(h-ssimSide+1)), nil
}

// weigh applies the window to eleven values.
func weigh(v *[ssimSide]moments) moments {
	var a, b, c, d, e float64
	for i, k := range &ssimWindow {
		m := &v[i]
		a += k * m[0]
		b += k * m[1]
		c += k * m[2]
		d += k * m[3]
		e += k * m[4]
	}
	return moments{a, b, c, d, e}
}

// similarity is the SSIM index of one window.
func similarity(m moments) float64 {
	mx, my := m[0], m[1]
	vx, vy, cov := m[2]-mx*mx, m[3]-my*my, m[4]-mx*my
	return (2*mx*my + ssimC1) * (2*cov + ssimC2) / ((mx*mx + my*my + ssimC1) * (vx + vy + ssimC2))
}
