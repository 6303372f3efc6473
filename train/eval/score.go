package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Measure is one number of a Score.
type Measure int

// The measures, in the order of the JSON.
const (
	PSNRY Measure = iota
	PSNRCb
	PSNRCr
	PSNRRGB
	SSIMY
	Feature       // distance of the features of a classification network, see Options.Features
	Blockiness    // at the coder's grid of 8 input pixels: 1 without blocks
	Grid          // power at the frequencies of a pixel shuffle over that beside them: 1 without a pattern
	Overshoot     // 8-bit levels beyond the reference's local range at edges
	Flicker       // change of still pixels from frame to frame, 8-bit levels
	ColoredShare  // of gray inputs: share of pixels that got a color
	ColoredLevels // of gray inputs: the largest difference of two channels, 8-bit levels; the maximum, not the mean
	measures
)

// Measures lists all of them.
func Measures() []Measure {
	out := make([]Measure, measures)
	for i := range out {
		out[i] = Measure(i)
	}
	return out
}

// String is the measure's key in JSON.
func (m Measure) String() string {
	return [...]string{"psnr_y", "psnr_cb", "psnr_cr", "psnr_rgb", "ssim_y", "feature_distance", "blockiness", "grid", "overshoot", "flicker",
		"gray_colored_share", "gray_colored_levels"}[m]
}

// Score is the quality of one method. A measure that was not taken, or does not exist for the material, is NaN.
type Score [measures]float64

func noScore() Score {
	var s Score
	for i := range s {
		s[i] = math.NaN()
	}
	return s
}

// Has reports whether the measure was taken.
func (s Score) Has(m Measure) bool { return !math.IsNaN(s[m]) }

// MarshalJSON writes an object with a key for each measure that was taken.
func (s Score) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, m := range Measures() {
		if !s.Has(m) {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(s[m])
		if err != nil {
			return nil, fmt.Errorf("%v: %w", m, err)
		}
		fmt.Fprintf(&b, "%q:%s", m, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON is the inverse of MarshalJSON. Unknown keys are left out.
func (s *Score) UnmarshalJSON(text []byte) error {
	var got map[string]float64
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	*s = noScore()
	for _, m := range Measures() {
		if v, ok := got[m.String()]; ok {
			s[m] = v
		}
	}
	return nil
}

// mean averages scores, measure by measure, over those that have it.
type mean struct {
	sum [measures]float64
	n   [measures]int
}

func (a *mean) add(s Score) {
	for i, v := range s {
		if math.IsNaN(v) {
			continue
		}
		a.n[i]++
		if Measure(i) == ColoredLevels {
			a.sum[i] = max(a.sum[i], v)
			continue
		}
		a.sum[i] += v
	}
}

func (a *mean) score() Score {
	s := noScore()
	for i, n := range a.n {
		switch {
		case n == 0:
		case Measure(i) == ColoredLevels:
			s[i] = a.sum[i]
		default:
			s[i] = a.sum[i] / float64(n)
		}
	}
	return s
}

// optional is nil when nothing was measured.
func (a *mean) optional() *Score {
	if a.n == [measures]int{} {
		return nil
	}
	s := a.score()
	return &s
}

// MethodScore is what one method achieved.
type MethodScore struct {
	Name   string `json:"name"`
	Scores Score  `json:"scores"`
}

// ImageResult is the scores of one image or frame, averaged over the degradations of the protocol.
type ImageResult struct {
	Name   string `json:"name"`
	Width  int    `json:"width"` // of the output
	Height int    `json:"height"`
	Inputs int    `json:"inputs"` // degraded versions
	// Methods are the baseline and then the models, in the order of Result.Methods.
	Methods []MethodScore `json:"methods"`
	// Reference is what can be measured on the original itself, or without one on the input, enlarged by repetition.
	Reference *Score `json:"reference,omitempty"`

	sums      []mean
	reference mean
}

// finish turns sums into means.
func (r *ImageResult) finish(names []string) {
	for i, name := range names {
		r.Methods = append(r.Methods, MethodScore{name, r.sums[i].score()})
	}
	r.Reference = r.reference.optional()
}

// Result is the means over all images and degradations.
type Result struct {
	Data        string        `json:"data"`
	Degradation string        `json:"degradation"`
	Scale       int           `json:"scale"`
	Methods     []MethodScore `json:"methods"`
	Reference   *Score        `json:"reference,omitempty"`
	Images      []ImageResult `json:"images"`
}

// newResult averages over the images.
func newResult(o Options, names []string, images []ImageResult) *Result {
	r := &Result{Data: o.Data, Degradation: o.Degradation, Scale: o.Scale, Images: images}
	sums := make([]mean, len(names))
	var reference mean
	for i := range images {
		images[i].finish(names)
		for k := range sums {
			sums[k].add(images[i].Methods[k].Scores)
		}
		if images[i].Reference != nil {
			reference.add(*images[i].Reference)
		}
	}
	for k, name := range names {
		r.Methods = append(r.Methods, MethodScore{name, sums[k].score()})
	}
	r.Reference = reference.optional()
	return r
}
