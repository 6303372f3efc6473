package degrade

import (
	"fmt"
	"math/rand/v2"

	"vsr/media"
)

// Coding is sharp material damaged by coding alone: reduced with little or no blur and no noise, then one to three generations of
// codecs down to the rates of poor uploads, sometimes at another size or in a wrong range in between. It needs an FFmpeg with the
// encoders of Codecs.
type Coding struct {
	Factor int // scale, 2 to 4
}

// Odds of Coding's steps and its range of blur in low-resolution pixels.
const (
	codingBlur       = 0.4
	codingBlurMin    = 0.1
	codingBlurMax    = 0.45
	codingSecond     = 0.3 // a second generation
	codingThird      = 0.25
	codingSize       = 0.4 // of the generations but the last: at another size
	codingWrongRange = 0.03
	codingJPEG       = 0.08 // a generation that is Motion JPEG
	codingJPEGLow    = 20
	codingJPEGHigh   = 85
)

// poorChoices are codecChoices driven harder, to the rates of poor uploads, phones and video CDs.
var poorChoices = []codecChoice{
	{H264, 0.5, 18, 38}, {HEVC, 0.15, 20, 38}, {VP9, 0.13, 20, 52}, {MPEG4, 0.12, 2, 14}, {MPEG2, 0.1, 2, 14},
}

// Scale implements Recipe.
func (c Coding) Scale() int { return c.Factor }

// Frames implements Recipe.
func (c Coding) Frames() int { return Video{}.Frames() }

// Apply implements Recipe. All draws come from r.Batch.
func (c Coding) Apply(r Rand, hr []Image) ([]Image, error) {
	if c.Factor < 1 || c.Factor > 8 {
		return nil, fmt.Errorf("degrade: coding: scale %d, want 1 to 8", c.Factor)
	}
	sigma := 0.0
	if r.Batch.Float64() < codingBlur {
		sigma = uniform(r.Batch, codingBlurMin, codingBlurMax) * float64(c.Factor)
	}
	clip, err := blurReduce(hr, Isotropic(classicSide, sigma), c.Factor, 0, r.Own)
	if err != nil {
		return nil, err
	}
	for n := generations(r.Batch); n > 0; n-- {
		if clip, err = generation(r.Batch, clip, n > 1); err != nil {
			return nil, fmt.Errorf("degrade: coding: %w", err)
		}
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}

func generations(r *rand.Rand) int {
	switch {
	case r.Float64() >= codingSecond:
		return 1
	case r.Float64() >= codingThird:
		return 2
	}
	return 3
}

// generation codes the clip once. Generations but the last may have another size and end in a wrong range.
func generation(r *rand.Rand, clip []Image, again bool) ([]Image, error) {
	w, h := clip[0].W, clip[0].H
	matrix := media.MatrixBT709
	if r.IntN(3) == 0 {
		matrix = media.MatrixSMPTE170M
	}
	var err error
	if again && r.Float64() < codingSize {
		f := uniform(r, 0.6, 1.4)
		if clip, err = resizeClip(clip, max(int(float64(w)*f), 16), max(int(float64(h)*f), 16), Mode(r.IntN(4))); err != nil {
			return nil, err
		}
	}
	if r.Float64() < codingJPEG {
		q := uniform(r, codingJPEGLow, codingJPEGHigh)
		out := make([]Image, len(clip))
		for i, m := range clip {
			m.Clamp()
			out[i] = JPEG(m, q)
		}
		clip = out
	} else {
		d := drawFrom(r, poorChoices, r.Float64())
		if clip, err = code(clip, matrix, d.options, d.lead); err != nil {
			return nil, err
		}
	}
	if again && r.Float64() < codingWrongRange {
		clip = squeezeRange(clip)
	}
	return resizeClip(clip, w, h, Mode(r.IntN(4)))
}

// squeezeRange writes the samples into limited range without saying so, as a wrong conversion does, and a later step undoes it: only
// the rounding to fewer levels is left.
func squeezeRange(clip []Image) []Image {
	out := make([]Image, len(clip))
	for i, m := range clip {
		s := Image{W: m.W, H: m.H, Pix: make([]float32, len(m.Pix))}
		for k, v := range m.Pix {
			s.Pix[k] = float32(16+219*float64(v)) / 255
		}
		s.Quantise()
		for k, v := range s.Pix {
			s.Pix[k] = float32((255*float64(v) - 16) / 219)
		}
		s.Clamp()
		out[i] = s
	}
	return out
}

// Balanced is the recipe of the base models: clean, careful, poorly coded and worn material in equal regard, so that none of them
// pays for another.
func Balanced(scale int) Mix {
	return Mix{{Fixed{Factor: scale}, 0.22}, {Light{Factor: scale}, 0.2}, {Coding{Factor: scale}, 0.28}, {Real(scale), 0.3}}
}
