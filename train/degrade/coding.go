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
	Factor int     // scale, 2 to 4
	Ranges *Ranges // nil is DefaultRanges
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
	p := drawCoding(r.Batch, float64(c.Factor), c.Ranges.or().Coding)
	clip, err := blurReduce(hr, Isotropic(classicSide, p.sigma), c.Factor, 0, r.Own)
	if err != nil {
		return nil, err
	}
	for _, g := range p.generations {
		if clip, err = g.apply(clip); err != nil {
			return nil, fmt.Errorf("degrade: coding: %w", err)
		}
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}

// codingParams is one draw.
type codingParams struct {
	sigma       float64 // in sharp pixels; 0 is none
	generations []generation
}

// generation is one coding of the clip, perhaps at another size, and back.
type generation struct {
	matrix     media.Matrix
	size       float64 // relative; 1 is the clip's own
	there      Mode
	jpeg       float64 // quality of Motion JPEG; 0 is the codec instead
	codec      codecDraw
	wrongRange bool
	back       Mode
}

func drawCoding(r *rand.Rand, scale float64, o CodingRanges) codingParams {
	var p codingParams
	if r.Float64() < o.Blur {
		p.sigma = uniform(r, o.Sigma[0], o.Sigma[1]) * scale
	}
	n := 1
	if r.Float64() < o.Again {
		n = 2
		if r.Float64() < o.Third {
			n = 3
		}
	}
	for ; n > 0; n-- {
		p.generations = append(p.generations, drawGeneration(r, o, n > 1))
	}
	return p
}

// drawGeneration draws one coding. Generations but the last may have another size and end in a wrong range.
func drawGeneration(r *rand.Rand, o CodingRanges, again bool) generation {
	g := generation{matrix: media.MatrixBT709, size: 1}
	if r.IntN(3) == 0 {
		g.matrix = media.MatrixSMPTE170M
	}
	if again && r.Float64() < o.Resized {
		g.size, g.there = uniform(r, o.Size[0], o.Size[1]), Mode(r.IntN(4))
	}
	if r.Float64() < o.JPEG {
		g.jpeg = uniform(r, o.Quality[0], o.Quality[1])
	} else {
		hard := r.Float64()
		g.codec = drawFrom(r, o.Codecs.choices(), hard)
	}
	g.wrongRange = again && r.Float64() < o.WrongRange
	g.back = Mode(r.IntN(4))
	return g
}

func (g generation) apply(clip []Image) ([]Image, error) {
	w, h := clip[0].W, clip[0].H
	var err error
	if g.size != 1 {
		if clip, err = resizeClip(clip, max(int(float64(w)*g.size), 16), max(int(float64(h)*g.size), 16), g.there); err != nil {
			return nil, err
		}
	}
	if g.jpeg > 0 {
		out := make([]Image, len(clip))
		for i, m := range clip {
			m.Clamp()
			out[i] = JPEG(m, g.jpeg)
		}
		clip = out
	} else if clip, err = code(clip, g.matrix, g.codec.options, g.codec.lead); err != nil {
		return nil, err
	}
	if g.wrongRange {
		clip = squeezeRange(clip)
	}
	return resizeClip(clip, w, h, g.back)
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
