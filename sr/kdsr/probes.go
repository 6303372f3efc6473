package kdsr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// MetaProbes is the key of Weights.Meta under which Probes lie, as JSON.
const MetaProbes = "degradation_probes"

// Trait is a property of a degradation that Probes read from a vector.
type Trait int

// The traits, with their units.
const (
	TraitBlur  Trait = iota // standard deviation of a Gaussian, in pixels of the input, before its reduction and noise
	TraitNoise              // standard deviation of white noise, in 8-bit code values, before compression
	TraitCRF                // x264's CRF that leaves about as much damage; from its low end down, nothing is seen
	Traits                  // how many there are
)

// String names the trait.
func (t Trait) String() string {
	return [...]string{"blur", "noise", "crf"}[t]
}

// Probes put a degradation vector into words. They were fitted to vectors of material that was spoilt by known amounts (vsr train
// probes), and know how far off they are on images that they were not fitted to.
type Probes struct {
	Mean    []float32     `json:"mean"`    // of each component over the material
	Dev     []float32     `json:"dev"`     // and its standard deviation
	Traits  [Traits]Probe `json:"traits"`  // blur, noise, crf
	Samples int           `json:"samples"` // fitted to
	HeldOut int           `json:"held_out"`
	// Distances are quantiles of IDRBounds.Distance over the material at 0, 5, ... 100 %. Empty without bounds.
	Distances []float64 `json:"distances,omitempty"`
}

// Probe reads one trait: a polynomial of second degree in the vector's components, each less its mean and in deviations.
type Probe struct {
	// Weights has the constant, then one for each component, then one for each product of two components, as in xx, xy, xz, yy, yz, zz.
	Weights []float32 `json:"weights"`
	Low     float64   `json:"low"` // ends of what it was fitted to; readings stay between them
	High    float64   `json:"high"`
	// Error is the median of the absolute error on held-out images, Constant that of the best answer that is always the same.
	Error    float64 `json:"error"`
	Constant float64 `json:"error_constant"`
	// Step is how the vector moves on average when the trait grows by one unit and the others stay. [C]
	Step []float32 `json:"step"`
	// Slider is how Sliders at 1 move the vector: the way on which what the slider is named for changes most. [C]
	Slider []float32 `json:"slider"`
	// Effect is the mean logarithm, on held-out images, of what the slider is named for at 1 less that at -1: of fine structure, of the noise
	// that is left, of the damage of compression that is left.
	Effect float64 `json:"slider_effect"`
}

// Reading is a degradation vector in words.
type Reading struct {
	Blur  float64 `json:"blur_px"`      // see TraitBlur
	Noise float64 `json:"noise_levels"` // see TraitNoise
	CRF   float64 `json:"crf"`          // see TraitCRF
	// Familiar is the share of the training material whose vectors lie at least as far from the middle as this one: near 1 for the
	// most usual material, near 0 for material unlike that of training. -1 if unknown.
	Familiar float64 `json:"familiar"`
}

// Of returns one trait.
func (r Reading) Of(t Trait) float64 { return [...]float64{r.Blur, r.Noise, r.CRF}[t] }

// ProbeFeatures is how many weights a probe of vectors of n components has.
func ProbeFeatures(n int) int { return 1 + n + n*(n+1)/2 }

// Features appends what the probes' weights belong to, for one vector.
func (p *Probes) Features(to []float64, v []float32) []float64 {
	first := len(to) + 1
	to = append(to, 1)
	for k, x := range v {
		to = append(to, min(max(float64(x-p.Mean[k])/float64(p.Dev[k]), -6), 6))
	}
	z := to[first : first+len(v)]
	for i, a := range z {
		for _, b := range z[i:] {
			to = append(to, a*b)
		}
	}
	return to
}

// Read returns the traits of a vector. bounds, which may be nil, are those of the same weights. v has as many components as the Probes.
func (p *Probes) Read(v []float32, bounds *IDRBounds) Reading {
	f := p.Features(make([]float64, 0, ProbeFeatures(len(v))), v)
	var out [Traits]float64
	for t := range out {
		probe := &p.Traits[t]
		sum := 0.0
		for i, w := range probe.Weights {
			sum += float64(w) * f[i]
		}
		out[t] = min(max(sum, probe.Low), probe.High)
	}
	r := Reading{Blur: out[TraitBlur], Noise: out[TraitNoise], CRF: out[TraitCRF], Familiar: -1}
	if bounds != nil && len(p.Distances) > 1 {
		r.Familiar = 1 - quantile(p.Distances, bounds.Distance(v))
	}
	return r
}

// quantile is the share of values below x, by interpolation between evenly spaced quantiles.
func quantile(q []float64, x float64) float64 {
	n := len(q) - 1
	i, _ := slices.BinarySearch(q, x)
	switch {
	case i == 0:
		return 0
	case i > n:
		return 1
	}
	part := 0.0
	if q[i] > q[i-1] {
		part = (x - q[i-1]) / (q[i] - q[i-1])
	}
	return (float64(i-1) + part) / float64(n)
}

func (p *Probes) check(n int) error {
	if len(p.Mean) != n || len(p.Dev) != n {
		return fmt.Errorf("kdsr: probes: %d means and %d deviations, want %d of each", len(p.Mean), len(p.Dev), n)
	}
	bad := func(v []float32) bool {
		return slices.ContainsFunc(v, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) })
	}
	if bad(p.Mean) || bad(p.Dev) || slices.ContainsFunc(p.Dev, func(x float32) bool { return x <= 0 }) {
		return errors.New("kdsr: probes: a mean or deviation is no number")
	}
	for t, probe := range p.Traits {
		if len(probe.Weights) != ProbeFeatures(n) || len(probe.Step) != n || len(probe.Slider) != n || bad(probe.Weights) || bad(probe.Step) || bad(probe.Slider) {
			return fmt.Errorf("kdsr: probes: %v has %d weights and %d steps, want %d and %d numbers", Trait(t), len(probe.Weights), len(probe.Step), ProbeFeatures(n), n)
		}
		if !(probe.High > probe.Low) || !(probe.Error >= 0) {
			return fmt.Errorf("kdsr: probes: %v from %g to %g with an error of %g", Trait(t), probe.Low, probe.High, probe.Error)
		}
	}
	if !slices.IsSorted(p.Distances) || slices.ContainsFunc(p.Distances, math.IsNaN) {
		return errors.New("kdsr: probes: distances do not rise")
	}
	return nil
}

// Probes reads MetaProbes: nil when there are none, as in files from elsewhere.
func (w *Weights) Probes() (*Probes, error) {
	text, ok := w.Meta[MetaProbes]
	if !ok {
		return nil, nil
	}
	p := &Probes{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, fmt.Errorf("kdsr: probes: %w", err)
	}
	return p, p.check(w.Config.C)
}

// SetProbes notes p in the weights, or with nil that nothing is known.
func (w *Weights) SetProbes(p *Probes) error {
	delete(w.Meta, MetaProbes)
	if p == nil {
		return nil
	}
	if w.Meta == nil {
		return errors.New("kdsr: probes: weights without notes")
	}
	if err := p.check(w.Config.C); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("kdsr: probes: %w", err)
	}
	w.Meta[MetaProbes] = string(text)
	return nil
}

// String puts a reading into words, as in: blur 0.4 px, noise 2.1, CRF 27, sure.
func (r Reading) String() string {
	return fmt.Sprintf("blur %.1f px, noise %.1f, CRF %.0f%s", r.Blur, r.Noise, r.CRF, r.sure())
}

// sure says how much the reading can be trusted.
func (r Reading) sure() string {
	switch {
	case r.Familiar < 0:
		return ""
	case r.Familiar > 0.25:
		return ", usual material"
	case r.Familiar > 0.05:
		return ", rare material"
	}
	return ", unlike the training material"
}
