package kdsr

import (
	"fmt"
	"math"
)

// Sliders move a degradation vector from its estimate, so that the network takes more (above 0) or less blur, noise or damage of
// compression away. 0 leaves the estimate as it is; values are from -1 to 1.
type Sliders struct {
	Deblur     float64 `json:"deblur,omitempty" yaml:"deblur"`
	Denoise    float64 `json:"denoise,omitempty" yaml:"denoise"`
	Decompress float64 `json:"decompress,omitempty" yaml:"decompress"`
}

// Validate reports the first slider that is out of range.
func (s Sliders) Validate() error {
	for name, v := range map[string]float64{"deblur": s.Deblur, "denoise": s.Denoise, "decompress": s.Decompress} {
		if !(v >= -1 && v <= 1) {
			return fmt.Errorf("%s %g: want -1 to 1", name, v)
		}
	}
	return nil
}

func (s Sliders) of(t Trait) float64 { return [...]float64{s.Deblur, s.Denoise, s.Decompress}[t] }

// Steer moves v, and keeps it within the bounds, which may be nil. Sliders at 0 change no bit of it.
func (p *Probes) Steer(v []float32, s Sliders, bounds *IDRBounds) {
	if s == (Sliders{}) {
		return
	}
	for t := range Traits {
		shift(v, p.Traits[t].Slider, s.of(t))
	}
	bounds.Bound(v)
}

// Fixed are traits that a person has set; nil leaves the estimate.
type Fixed struct {
	Blur  *float64 `json:"blur,omitempty" yaml:"blur,omitempty"`   // see TraitBlur
	Noise *float64 `json:"noise,omitempty" yaml:"noise,omitempty"` // see TraitNoise
	CRF   *float64 `json:"crf,omitempty" yaml:"crf,omitempty"`     // see TraitCRF
}

// Validate reports the first value that is no amount of its trait.
func (f Fixed) Validate() error {
	for t, x := range f.all() {
		if x != nil && !(*x >= 0 && *x <= 100) {
			return fmt.Errorf("%v %g: want 0 to 100", Trait(t), *x)
		}
	}
	return nil
}

func (f Fixed) all() [Traits]*float64 { return [...]*float64{f.Blur, f.Noise, f.CRF} }

// Fix moves v by the difference between what was read from it and what a person has set, and keeps it within the bounds, which may be
// nil. Values beyond what a probe was fitted to count as its ends.
func (p *Probes) Fix(v []float32, f Fixed, bounds *IDRBounds) {
	if f == (Fixed{}) {
		return
	}
	read := p.Read(v, nil)
	for t, x := range f.all() {
		if x != nil {
			probe := &p.Traits[t]
			shift(v, probe.Step, min(max(*x, probe.Low), probe.High)-read.Of(Trait(t)))
		}
	}
	bounds.Bound(v)
}

// shift adds so much of a way.
func shift(v, way []float32, by float64) {
	if by == 0 || math.IsNaN(by) {
		return
	}
	for k, x := range way {
		v[k] += float32(by) * x
	}
}
