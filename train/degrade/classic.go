package degrade

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Classic is the degradation of the classic KDSR models (docs/kdsr.md 3.1): blur with a 21x21 Gaussian, antialiased bicubic
// reduction, white noise, quantisation. The zero value of every range means its default.
type Classic struct {
	Factor int // scale, 2 to 4
	// Sigma is the range of the standard deviation, or of both deviations when Anisotropic. Default 0.2 to Factor (the official
	// range for x4; DASR's 0.2-2.0 for x2 and 0.2-3.0 for x3).
	Sigma       [2]float64
	Anisotropic bool
	// Noise is the range of the noise level in 8-bit steps, a standard deviation. Default no noise; the official anisotropic
	// setting is 0 to 25.
	Noise [2]float64
}

// Validate reports the first field that makes no sense.
func (c Classic) Validate() error {
	switch {
	case c.Factor < 1 || c.Factor > 8:
		return fmt.Errorf("degrade: classic: scale %d, want 1 to 8", c.Factor)
	case c.Sigma[0] < 0 || c.Sigma[1] < c.Sigma[0] || c.Sigma[1] > 10:
		return fmt.Errorf("degrade: classic: sigma range %v, want 0 <= low <= high <= 10", c.Sigma)
	case c.Noise[0] < 0 || c.Noise[1] < c.Noise[0] || c.Noise[1] > 255:
		return fmt.Errorf("degrade: classic: noise range %v, want 0 <= low <= high <= 255", c.Noise)
	}
	return nil
}

// Scale implements Recipe.
func (c Classic) Scale() int { return c.Factor }

// Frames implements Recipe: frames do not depend on each other.
func (c Classic) Frames() int { return 1 }

// Apply implements Recipe. Kernel and noise level come from r.Batch, the noise itself from r.Own.
func (c Classic) Apply(r Rand, hr []Image) ([]Image, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s1, s2, theta, noise := c.draw(r)
	return blurReduce(hr, Anisotropic(classicSide, s1, s2, theta), c.Factor, noise, r.Own)
}

// draw draws both deviations in sharp pixels, the angle in radians and the noise in 8-bit steps.
func (c Classic) draw(r Rand) (s1, s2, theta, noise float64) {
	sigma := c.Sigma
	if sigma == [2]float64{} {
		sigma = [2]float64{0.2, float64(c.Factor)}
	}
	s1 = uniform(r.Batch, sigma[0], sigma[1])
	s2 = s1
	if c.Anisotropic {
		s2 = uniform(r.Batch, sigma[0], sigma[1])
		theta = uniform(r.Batch, 0, math.Pi)
	}
	return s1, s2, theta, uniform(r.Batch, c.Noise[0], c.Noise[1])
}

// Fixed is one member of the classic family, used by the test protocols: a given kernel and noise level.
type Fixed struct {
	Factor     int
	S1, S2     float64 // standard deviations; both 0 for plain bicubic reduction
	Theta      float64 // radians
	NoiseLevel float64 // 8-bit steps
}

// Scale implements Recipe.
func (f Fixed) Scale() int { return f.Factor }

// Frames implements Recipe.
func (f Fixed) Frames() int { return 1 }

// Apply implements Recipe.
func (f Fixed) Apply(r Rand, hr []Image) ([]Image, error) {
	return blurReduce(hr, Anisotropic(classicSide, f.S1, f.S2, f.Theta), f.Factor, f.NoiseLevel, r.Own)
}

// blurReduce runs the four classic steps on every frame.
func blurReduce(hr []Image, k Kernel, scale int, noise float64, rng *rand.Rand) ([]Image, error) {
	if err := checkClip(hr, scale); err != nil {
		return nil, err
	}
	plan := newBlurPlan(k)
	out := make([]Image, len(hr))
	for i, m := range hr {
		lr, err := plan.reduce(m, scale)
		if err != nil {
			return nil, err
		}
		if noise > 0 {
			addNoise(lr, noise/255, rng)
		}
		lr.Quantise()
		out[i] = lr
	}
	return out, nil
}

// addNoise adds white Gaussian noise, independent for every sample.
func addNoise(m Image, sigma float64, rng *rand.Rand) {
	for i := range m.Pix {
		m.Pix[i] += float32(sigma * rng.NormFloat64())
	}
}
