package degrade

import (
	"math"
	"math/rand/v2"
)

// Defocus puts parts of a sharp image out of focus, with soft borders, as a lens with a shallow depth of field does.
//
// It is no degradation: the image stays the original that a network has to restore. It teaches the estimator that a soft background
// says nothing of the blur that came later, which a corpus of detailed photographs does not.
type Defocus struct {
	reduce       float64 // strength: the factor of a reduction that loses as much, 2 to 8
	waves        [3]wave // of the depth
	level, slope float64 // the depth that is in focus up to, and how fast the image softens beyond
}

type wave struct{ x, y, phase float64 } // radians over a whole image

// NewDefocus draws the depth, the focus and the strength. On average half of a image is out of focus.
func NewDefocus(r *rand.Rand) Defocus {
	d := Defocus{reduce: 2 * math.Exp2(2*r.Float64()), level: 2*r.Float64() - 1, slope: 2 * math.Exp2(3*r.Float64())}
	for i := range d.waves {
		angle, length := 2*math.Pi*r.Float64(), 2*math.Pi*1.5*r.Float64()
		d.waves[i] = wave{length * math.Cos(angle), length * math.Sin(angle), 2 * math.Pi * r.Float64()}
	}
	return d
}

// Apply returns the image as the lens gives it. m is left as it was.
func (d Defocus) Apply(m Image) (Image, error) {
	const block = 8 // of the mask, which is smooth
	small, err := Resize(m, max(int(float64(m.W)/d.reduce), 1), max(int(float64(m.H)/d.reduce), 1), CubicSoft)
	if err != nil {
		return Image{}, err
	}
	out, err := Resize(small, m.W, m.H, CubicSoft)
	if err != nil {
		return Image{}, err
	}
	share, err := Resize(d.mask((m.W+block-1)/block, (m.H+block-1)/block), m.W, m.H, Bilinear)
	if err != nil {
		return Image{}, err
	}
	for i, s := range share.Pix {
		out.Pix[i] = m.Pix[i] + s*(out.Pix[i]-m.Pix[i])
	}
	return out, nil
}

// mask is how far each place is out of focus, 0 to 1.
func (d Defocus) mask(w, h int) Image {
	m := NewImage(w, h)
	for y := range h {
		row, v := m.Row(y), (float64(y)+0.5)/float64(h)
		for x := range w {
			u, depth := (float64(x)+0.5)/float64(w), 0.0
			for _, k := range d.waves {
				depth += math.Cos(k.x*u + k.y*v + k.phase)
			}
			s := float32(1 / (1 + math.Exp(-d.slope*(depth-d.level))))
			row[3*x], row[3*x+1], row[3*x+2] = s, s, s
		}
	}
	return m
}
