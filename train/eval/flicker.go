package eval

import (
	"math"

	"vsr/train/degrade"
)

// still is the largest luma difference, in 8-bit levels, between two frames of the original at which a pixel counts as static.
const still = 0.5

// take is one frame of a clip: the original and what each method made of it.
type take struct {
	hr      degrade.Image
	methods [3]degrade.Image // model, bicubic, Lanczos
}

// flicker is the mean absolute luma difference, in 8-bit levels, of two outputs where their originals do not change; false when
// they change everywhere.
func flicker(hr, hrBefore, out, before degrade.Image) (float64, bool) {
	if hr.W != hrBefore.W || hr.H != hrBefore.H {
		return 0, false
	}
	luma := func(m degrade.Image, i int) float64 {
		return 255 * (0.299*float64(m.Pix[i]) + 0.587*float64(m.Pix[i+1]) + 0.114*float64(m.Pix[i+2]))
	}
	var sum float64
	n := 0
	for i := 0; i < len(hr.Pix); i += 3 {
		if math.Abs(luma(hr, i)-luma(hrBefore, i)) < still {
			sum += math.Abs(luma(out, i) - luma(before, i))
			n++
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// steady adds the flicker between two frames of a clip to the scores of the later one.
func (r *ImageResult) steady(now, before *take) {
	if before == nil {
		return
	}
	for i, s := range []*Score{&r.Score, &r.Bicubic, &r.Lanczos} {
		v, ok := flicker(now.hr, before.hr, now.methods[i], before.methods[i])
		if !ok {
			return
		}
		s.Flicker += v
	}
	r.stills++
}

// flickers averages over the frames that have one before them. Each holds the mean over its inputs already.
func (r *Result) flickers() {
	n := 0.0
	var sums [3]float64
	for _, m := range r.Images {
		if m.stills > 0 {
			n++
			for i, s := range []Score{m.Score, m.Bicubic, m.Lanczos} {
				sums[i] += s.Flicker
			}
		}
	}
	for i, s := range []*Score{&r.Score, &r.Bicubic, &r.Lanczos} {
		s.Flicker = sums[i] / max(n, 1)
	}
}
