package degrade

import (
	"fmt"
	"math"
)

// Bicubic reduces m by an integer factor as MATLAB's imresize does, antialiased, Keys a = -0.5, except that samples beyond the
// border repeat the border (docs/kdsr.md 3.1). Rows first, then columns. No clamping and no rounding.
// Sides that are not multiples of s give the floor; it is an error if nothing is left.
func Bicubic(m Image, s int) (Image, error) {
	if s < 1 || m.W < s || m.H < s {
		return Image{}, fmt.Errorf("degrade: %dx%d reduced by %d", m.W, m.H, s)
	}
	m = m.CropMultiple(s)
	out := NewImage(m.W/s, m.H/s)
	applyAxes(out, m, bicubicAxis(m.H, s), bicubicAxis(m.W, s), false)
	return out, nil
}

// bicubicAxis is the antialiased reduction of n samples, a multiple of s, to n/s. For s = 4 the 16 non-zero taps of output j are
// those of source samples 4j-6 to 4j+9: (-7, -45, -75, -49, 93, 399, 745, 987)/4096 and their mirror image.
func bicubicAxis(n, s int) axis {
	return newAxis(n, n/s, func(j int) (int, []float64) {
		// Position of the output's centre among source samples: half-pixel centres.
		u := (float64(j)+0.5)*float64(s) - 0.5
		first := int(math.Floor(u - 2*float64(s)))
		w := make([]float64, 4*s+2)
		var sum float64
		for t := range w {
			w[t] = keys((u-float64(first+t))/float64(s), -0.5)
			sum += w[t]
		}
		for t := range w {
			w[t] /= sum
		}
		return first, w
	}, clampIndex)
}

// Enlarge makes m s times larger with PyTorch's bicubic (Keys a = -0.75), borders repeated. It is the baseline of every table: with
// it Set5 under Gaussian8 x4 gives 26.05 dB; MATLAB's softer a = -0.5 gives 25.87. No clamping.
func Enlarge(m Image, s int) Image {
	return enlarge(m, s, 2, func(x float64) float64 { return keys(x, -0.75) })
}

// EnlargeLanczos makes m s times larger with a Lanczos window of three lobes, borders repeated. No clamping.
func EnlargeLanczos(m Image, s int) Image {
	return enlarge(m, s, 3, lanczos3)
}

func lanczos3(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.Abs(x) >= 3 {
		return 0
	}
	p := math.Pi * x
	return 3 * math.Sin(p) * math.Sin(p/3) / (p * p)
}

func enlarge(m Image, s, radius int, kernel func(float64) float64) Image {
	build := func(n int) axis {
		return newAxis(n, n*s, func(j int) (int, []float64) {
			u := (float64(j)+0.5)/float64(s) - 0.5
			first := int(math.Floor(u)) - radius + 1
			w := make([]float64, 2*radius)
			var sum float64
			for t := range w {
				w[t] = kernel(u - float64(first+t))
				sum += w[t]
			}
			for t := range w {
				w[t] /= sum
			}
			return first, w
		}, clampIndex)
	}
	out := NewImage(m.W*s, m.H*s)
	applyAxes(out, m, build(m.H), build(m.W), false)
	return out
}
