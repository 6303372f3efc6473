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
func SSIMY(a, b Picture, shave int) (float64, error) {
	if err := check(a, b, shave); err != nil {
		return 0, err
	}
	return SSIM(luma(a, shave), luma(b, shave), a.W-2*shave, a.H-2*shave)
}

// SSIM returns the mean structural similarity of two planes of w x h values on a scale of 0 to 255.
func SSIM(x, y []float64, w, h int) (float64, error) {
	if w < ssimSide || h < ssimSide {
		return 0, fmt.Errorf("quality: %dx%d inside the border is smaller than the window of %d", w, h, ssimSide)
	}
	if len(x) != w*h || len(y) != w*h {
		return 0, fmt.Errorf("quality: %d and %d values for %dx%d", len(x), len(y), w, h)
	}
	product := func(p, q []float64) []float64 {
		out := make([]float64, len(p))
		for i := range p {
			out[i] = p[i] * q[i]
		}
		return out
	}
	mx, my := smooth(x, w, h), smooth(y, w, h)
	xx, yy, xy := smooth(product(x, x), w, h), smooth(product(y, y), w, h), smooth(product(x, y), w, h)
	var sum float64
	for i := range mx {
		vx, vy, cov := xx[i]-mx[i]*mx[i], yy[i]-my[i]*my[i], xy[i]-mx[i]*my[i]
		sum += (2*mx[i]*my[i] + ssimC1) * (2*cov + ssimC2) / ((mx[i]*mx[i] + my[i]*my[i] + ssimC1) * (vx + vy + ssimC2))
	}
	return sum / float64(len(mx)), nil
}

func luma(p Picture, shave int) []float64 {
	out := make([]float64, 0, (p.W-2*shave)*(p.H-2*shave))
	visit(p, shave, func(o int) {
		out = append(out, (65.738*float64(p.Pix[o])+129.057*float64(p.Pix[o+1])+25.064*float64(p.Pix[o+2]))/255+16)
	})
	return out
}

// smooth applies the window to its valid positions: w x h values give (w-10) x (h-10).
func smooth(v []float64, w, h int) []float64 {
	ow, oh := w-ssimSide+1, h-ssimSide+1
	rows := make([]float64, ow*h)
	for y := range h {
		for x := range ow {
			var sum float64
			for i, k := range ssimWindow {
				sum += k * v[y*w+x+i]
			}
			rows[y*ow+x] = sum
		}
	}
	out := make([]float64, ow*oh)
	for y := range oh {
		for x := range ow {
			var sum float64
			for i, k := range ssimWindow {
				sum += k * rows[(y+i)*ow+x]
			}
			out[y*ow+x] = sum
		}
	}
	return out
}
