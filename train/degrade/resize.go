package degrade

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Mode is a way to change the size of a image. None of the first three is antialiased: they are PyTorch's interpolate with
// half-pixel centres, which Real-ESRGAN uses, and video scalers at their fast settings are no better.
type Mode uint8

// The resize modes.
const (
	Area      Mode = iota // adaptive average, also when enlarging
	Bilinear              // two taps
	Cubic                 // four taps, Keys a = -0.75
	CubicSoft             // antialiased bicubic, Keys a = -0.5, as a careful scaler does it
)

// String names the mode.
func (m Mode) String() string {
	return [...]string{"area", "bilinear", "bicubic", "bicubic antialiased"}[min(int(m), 3)]
}

// Resize changes m to w x h. The sampling grid follows the sizes (align_corners false).
func Resize(m Image, w, h int, mode Mode) (Image, error) {
	return resizeBy(m, w, h, float64(w)/float64(m.W), float64(h)/float64(m.H), mode)
}

// resizeBy resizes to w x h on a grid given by the factors themselves, which differ from the ratio of the sizes when those were
// rounded: PyTorch does so when it is given scale_factor. Area ignores the factors.
func resizeBy(m Image, w, h int, fx, fy float64, mode Mode) (Image, error) {
	if w < 1 || h < 1 || w > 1<<15 || h > 1<<15 {
		return Image{}, fmt.Errorf("degrade: resize to %dx%d", w, h)
	}
	out := NewImage(w, h)
	applyAxes(out, m, resizeAxis(m.H, h, fy, mode), resizeAxis(m.W, w, fx, mode), false)
	return out, nil
}

// resizeAxis maps n samples to out samples; f is the factor of the sampling grid.
func resizeAxis(n, out int, f float64, mode Mode) axis {
	return newAxis(n, out, func(j int) (int, []float64) {
		u := (float64(j)+0.5)/f - 0.5
		switch mode {
		case Area:
			first, end := j*n/out, ((j+1)*n+out-1)/out
			w := make([]float64, end-first)
			for t := range w {
				w[t] = 1 / float64(len(w))
			}
			return first, w
		case Bilinear:
			first := math.Floor(u)
			return int(first), []float64{1 - (u - first), u - first}
		case Cubic:
			return cubicTaps(u, 1, -0.75)
		}
		return cubicTaps(u, max(1/f, 1), -0.5)
	}, clampIndex)
}

// cubicTaps gives the normalised weights of the cubic kernel, stretched by width, around position u.
func cubicTaps(u, width, a float64) (int, []float64) {
	first := int(math.Floor(u-2*width)) + 1
	w := make([]float64, int(math.Ceil(u+2*width))-first)
	var sum float64
	for t := range w {
		w[t] = keys((u-float64(first+t))/width, a)
		sum += w[t]
	}
	for t := range w {
		w[t] /= sum
	}
	return first, w
}

// torchMode draws one of the three modes of the second-order process.
func torchMode(r *rand.Rand) Mode { return Mode(r.IntN(3)) }
