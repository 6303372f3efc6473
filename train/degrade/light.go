package degrade

import (
	"fmt"
	"math/rand/v2"

	"vsr/media"
)

// Light is careful material: reduced by antialiased bicubic with little or no blur before it, no noise, and mostly one pass of a
// codec in the better half of its qualities. A network that has mostly seen worse stays softer on it than it need be.
// It needs an FFmpeg with the encoders of Codecs.
type Light struct {
	Factor int     // scale, 2 to 4
	Ranges *Ranges // nil is DefaultRanges
}

// lightParams is one draw.
type lightParams struct {
	sigma  float64 // in sharp pixels; 0 is none
	codec  *codecDraw
	matrix media.Matrix
}

func drawLight(r *rand.Rand, scale float64, all *Ranges) lightParams {
	o := all.Light
	p := lightParams{matrix: media.MatrixBT709}
	if r.Float64() < o.Blur {
		p.sigma = uniform(r, o.Sigma[0], o.Sigma[1]) * scale
	}
	if r.Float64() < o.Codec {
		c := drawCodec(r, all.Codecs.choices(), true)
		p.codec = &c
	}
	if r.IntN(3) == 0 {
		p.matrix = media.MatrixSMPTE170M
	}
	return p
}

// Scale implements Recipe.
func (l Light) Scale() int { return l.Factor }

// Frames implements Recipe.
func (l Light) Frames() int { return Video{}.Frames() }

// Apply implements Recipe. All draws come from r.Batch.
func (l Light) Apply(r Rand, hr []Image) ([]Image, error) {
	if l.Factor < 1 || l.Factor > 8 {
		return nil, fmt.Errorf("degrade: light: scale %d (want 1 to 8)", l.Factor)
	}
	p := drawLight(r.Batch, float64(l.Factor), l.Ranges.or())
	clip, err := blurReduce(hr, Isotropic(classicSide, p.sigma), l.Factor, 0, r.Own)
	if err != nil || p.codec == nil {
		return clip, err
	}
	if clip, err = code(clip, p.matrix, p.codec.options, p.codec.lead); err != nil {
		return nil, fmt.Errorf("degrade: light: %w", err)
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}
