package degrade

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// SecondOrder is the degradation of the real-world KDSR models: Real-ESRGAN's second-order process as KDSR-GAN runs it, from the
// unsharpened image (docs/kdsr.md 3.3). Branches, sizes and modes come from r.Batch; kernels and strengths from r.Own. With a batch
// stream of its own every clip takes its own branches, which the official code does not do but its pool of pairs imitates.
type SecondOrder struct {
	Factor int     // scale, 2 to 4; the official value is 4
	Ranges *Ranges // nil is DefaultRanges
}

// Scale implements Recipe.
func (s SecondOrder) Scale() int { return s.Factor }

// Frames implements Recipe: only the noise differs between the frames of a clip.
func (s SecondOrder) Frames() int { return 1 }

// stage is one blur, resize, noise, JPEG round with all its numbers drawn.
type stage struct {
	kernel  *Kernel // nil: no blur
	factor  float64
	mode    Mode
	poisson bool
	gray    bool
	level   float64 // Gaussian sigma in [0,1], or Poisson scale
	quality float64
}

// secondParams is one draw of the whole process.
type secondParams struct {
	first, second stage
	last          Mode    // resize to the final size
	lastKernel    *Kernel // final sinc; nil for none
	jpegLast      bool    // final order: resize, sinc, JPEG; else JPEG, resize, sinc
}

// kernels is the mixture of blurs of one round.
func (o StageRanges) kernels() mixed {
	return mixed{0.1, o.Sigma, familyOdds, [2]float64{0.5, 4}, [2]float64{1, 2}}
}

// drawStage draws what a batch shares from r.Batch and what a sample owns from r.Own, always the same number of values each.
func drawStage(r Rand, o StageRanges, all SecondRanges) stage {
	st := stage{factor: 1}
	blur := r.Batch.Float64() < o.Blur
	direction, amount := r.Batch.Float64(), r.Batch.Float64()
	switch {
	case direction < o.Up:
		st.factor = 1 + amount*(o.Size[1]-1)
	case direction < o.Up+o.Down:
		st.factor = o.Size[0] + amount*(1-o.Size[0])
	}
	st.mode = torchMode(r.Batch)
	st.poisson = r.Batch.Float64() >= 0.5
	k := o.kernels().draw(r.Own)
	if blur {
		st.kernel = &k
	}
	if st.poisson {
		st.level = uniform(r.Own, o.Poisson[0], o.Poisson[1])
	} else {
		st.level = uniform(r.Own, o.Noise[0], o.Noise[1]) / 255
	}
	st.gray = r.Own.Float64() < all.Gray
	st.quality = uniform(r.Own, all.JPEG[0], all.JPEG[1])
	return st
}

func drawSecond(r Rand, o SecondRanges) secondParams {
	p := secondParams{first: drawStage(r, o.First, o), second: drawStage(r, o.Second, o)}
	p.jpegLast = r.Batch.Float64() < 0.5
	p.last = torchMode(r.Batch)
	n := 7 + 2*r.Own.IntN(8)
	if r.Own.Float64() < o.FinalSinc {
		k := Sinc(n, uniform(r.Own, math.Pi/3, math.Pi))
		p.lastKernel = &k
	}
	return p
}

// Apply implements Recipe.
func (s SecondOrder) Apply(r Rand, hr []Image) ([]Image, error) {
	if s.Factor < 1 || s.Factor > 8 {
		return nil, fmt.Errorf("degrade: second order: scale %d, want 1 to 8", s.Factor)
	}
	if err := checkClip(hr, s.Factor); err != nil {
		return nil, err
	}
	p := drawSecond(r, s.Ranges.or().Second)
	// The official code draws one gray pattern for a whole batch: a stream of its own, seeded from what the batch shares.
	grayNoise := randomNoise{rand.New(rand.NewPCG(r.Batch.Uint64(), r.Batch.Uint64()))}
	pick := func(gray bool) noiseSource {
		if gray {
			return grayNoise
		}
		return randomNoise{r.Own}
	}
	out := make([]Image, len(hr))
	for i, m := range hr {
		lr, err := p.run(m, s.Factor, pick)
		if err != nil {
			return nil, err
		}
		lr.Quantise()
		out[i] = lr
	}
	return out, nil
}

// run takes one frame through the process, up to the final quantisation.
func (p secondParams) run(m Image, scale int, noise func(gray bool) noiseSource) (Image, error) {
	w, h := m.W/scale, m.H/scale
	f := p.first.factor
	m, err := p.first.resample(m, int(float64(m.W)*f), int(float64(m.H)*f), f, f)
	if err != nil {
		return Image{}, err
	}
	p.first.addNoise(m, noise)
	m = JPEG(m, p.first.quality)
	f = p.second.factor
	w2, h2 := max(int(float64(w)*f), 1), max(int(float64(h)*f), 1)
	if m, err = p.second.resample(m, w2, h2, float64(w2)/float64(m.W), float64(h2)/float64(m.H)); err != nil {
		return Image{}, err
	}
	p.second.addNoise(m, noise)
	if !p.jpegLast {
		m = JPEG(m, p.second.quality)
	}
	if m, err = (stage{mode: p.last}).resample(m, w, h, float64(w)/float64(m.W), float64(h)/float64(m.H)); err != nil {
		return Image{}, err
	}
	if p.lastKernel != nil {
		m = newBlurPlan(*p.lastKernel).blur(m)
	}
	if p.jpegLast {
		m.Clamp()
		m = JPEG(m, p.second.quality)
	}
	return m, nil
}

// resample blurs and resizes in one go: nothing is clamped in between.
func (st stage) resample(m Image, w, h int, fx, fy float64) (Image, error) {
	if st.kernel == nil {
		return resizeBy(m, w, h, fx, fy, st.mode)
	}
	plan := newBlurPlan(*st.kernel)
	if plan.direct {
		return resizeBy(directBlur(m, plan.kernel), w, h, fx, fy, st.mode)
	}
	if w < 1 || h < 1 {
		return Image{}, fmt.Errorf("degrade: resize to %dx%d", w, h)
	}
	out := NewImage(w, h)
	v, hz := resizeAxis(m.H, h, fy, st.mode), resizeAxis(m.W, w, fx, st.mode)
	for i, t := range plan.terms {
		applyAxes(out, m, v.after(filterAxis(m.H, t.col)), hz.after(filterAxis(m.W, t.row)), i > 0)
	}
	return out, nil
}

// addNoise adds the stage's noise and clamps.
func (st stage) addNoise(m Image, noise func(gray bool) noiseSource) {
	if st.poisson {
		poissonNoise(m, st.level, st.gray, noise(st.gray))
	} else {
		gaussianNoise(m, st.level, st.gray, noise(st.gray))
	}
	m.Clamp()
}
