package degrade

import (
	"fmt"

	"vsr/internal/av"
	"vsr/media"
)

// Worn is a fixed stand-in for a clip that went through many hands: reduction by area, a soft lens, sensor noise, and MPEG-4 twice, each
// time at a low rate. It is for evaluation only: nothing but the noise is random, and no recipe of training draws it.
type Worn struct{ Factor int }

// The strengths of Worn.
const (
	wornBlur  = 0.6      // standard deviation, in pixels of the input
	wornNoise = 3. / 255 // standard deviation, in [0,1]
	wornGOP   = 12
)

// wornQuality is the quantiser of each generation.
var wornQuality = [2]int{3, 5}

// Scale implements Recipe.
func (w Worn) Scale() int { return w.Factor }

// Frames implements Recipe.
func (w Worn) Frames() int { return 4 }

// Apply implements Recipe.
func (w Worn) Apply(r Rand, hr []Image) ([]Image, error) {
	if err := checkClip(hr, w.Factor); err != nil {
		return nil, err
	}
	clip := make([]Image, len(hr))
	lens := newBlurPlan(Isotropic(9, wornBlur))
	for i, m := range hr {
		small, err := Resize(m, m.W/w.Factor, m.H/w.Factor, Area)
		if err != nil {
			return nil, err
		}
		clip[i] = lens.blur(small)
		gaussianNoise(clip[i], wornNoise, false, randomNoise{r.Own})
		clip[i].Clamp()
	}
	for _, q := range wornQuality {
		var err error
		o := av.RoundTripOptions{Codec: string(MPEG4), Quality: q, GOP: wornGOP}
		if clip, err = code(clip, media.MatrixSMPTE170M, o, 0); err != nil {
			return nil, fmt.Errorf("degrade: worn: %w", err)
		}
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}
