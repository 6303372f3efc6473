package degrade

import (
	"fmt"
	"math"
)

// describer is a recipe that can say what Apply would draw from r. It draws the same numbers.
type describer interface{ describe(r Rand) []string }

// Describe says, a line for each step, what recipe does to a clip with the randomness r, which must be fresh. A recipe without choices
// says nothing.
func Describe(recipe Recipe, r Rand) []string {
	if d, ok := recipe.(describer); ok {
		return d.describe(r)
	}
	return nil
}

func (m Mix) describe(r Rand) []string { return Describe(m.draw(r), r) }

func (f Fixed) describe(Rand) []string {
	if f.S1 == 0 && f.S2 == 0 && f.NoiseLevel == 0 {
		return []string{"bicubic"}
	}
	return describeClassic(f.S1, f.S2, f.Theta, f.NoiseLevel)
}

func (c Classic) describe(r Rand) []string {
	s1, s2, theta, noise := c.draw(r)
	return describeClassic(s1, s2, theta, noise)
}

func describeClassic(s1, s2, theta, noise float64) []string {
	lines := []string{fmt.Sprintf("blur %.2f", s1)}
	if s1 != s2 {
		lines[0] = fmt.Sprintf("blur %.2f x %.2f at %.0f deg", s1, s2, theta*180/math.Pi)
	}
	if noise > 0 {
		lines = append(lines, fmt.Sprintf("noise %.1f", noise))
	}
	return lines
}

func (l Light) describe(r Rand) []string {
	p := drawLight(r.Batch, float64(l.Factor), l.Ranges.or())
	lines := []string{"light: no blur"}
	if p.sigma > 0 {
		lines[0] = fmt.Sprintf("light: blur %.2f", p.sigma)
	}
	if p.codec != nil {
		lines = append(lines, p.codec.String())
	}
	return lines
}

// String names codec and quality.
func (c codecDraw) String() string {
	what := "crf"
	switch Codec(c.options.Codec) {
	case MPEG4, MPEG2:
		what = "q"
	}
	return fmt.Sprintf("%s %s %d", c.options.Codec, what, c.options.Quality)
}

func (v Video) describe(r Rand) []string {
	p := drawVideo(r.Batch, float64(v.Factor), v.Ranges.or())
	lines := []string{"video: no blur"}
	if p.s1 > 0 {
		lines[0] = fmt.Sprintf("video: blur %.2f", p.s1)
		if p.s1 != p.s2 {
			lines[0] += fmt.Sprintf(" x %.2f", p.s2)
		}
	}
	switch {
	case p.poisson > 0:
		lines = append(lines, fmt.Sprintf("noise of light %.2f", p.poisson))
	case p.noise > 0:
		lines = append(lines, fmt.Sprintf("noise %.1f", 255*p.noise))
	}
	if p.fields >= 0 {
		lines = append(lines, "interlaced")
	}
	if p.sharpen > 0 {
		lines = append(lines, fmt.Sprintf("sharpened %.1f", p.sharpen))
	}
	if v.Lossless {
		return lines
	}
	if p.reupload != nil {
		lines = append(lines, fmt.Sprintf("%s at %.1f size", p.reupload, p.upload))
	}
	if p.codec != nil {
		lines = append(lines, p.codec.String())
	}
	return lines
}

func (c Coding) describe(r Rand) []string {
	p := drawCoding(r.Batch, float64(c.Factor), c.Ranges.or().Coding)
	lines := []string{"coding: no blur"}
	if p.sigma > 0 {
		lines[0] = fmt.Sprintf("coding: blur %.2f", p.sigma)
	}
	for _, g := range p.generations {
		line := g.codec.String()
		if g.jpeg > 0 {
			line = fmt.Sprintf("motion jpeg %.0f", g.jpeg)
		}
		if g.size != 1 {
			line += fmt.Sprintf(" at %.1f size", g.size)
		}
		if g.wrongRange {
			line += ", range"
		}
		lines = append(lines, line)
	}
	return lines
}

func (s SecondOrder) describe(r Rand) []string {
	p := drawSecond(r, s.Ranges.or().Second)
	round := func(name string, st stage) []string {
		noise := fmt.Sprintf("noise %.1f", 255*st.level)
		if st.poisson {
			noise = fmt.Sprintf("noise of light %.1f", st.level)
		}
		blur := "blur"
		if st.kernel == nil {
			blur = "no blur"
		}
		return []string{fmt.Sprintf("%s: %s, size x%.2f", name, blur, st.factor), fmt.Sprintf("%s, jpeg %.0f", noise, st.quality)}
	}
	return append(round("first", p.first), round("second", p.second)...)
}
