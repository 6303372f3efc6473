package kdsr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// MetaIDRBounds is the key of Weights.Meta under which IDRBounds lie, as JSON.
const MetaIDRBounds = "idr_bounds"

// IDRBounds say where the degradation vectors of a network's training material lie. Pixel art, dithering or a test pattern can give a
// vector many times as long as any of training, and nobody knows what kernels of such a vector do. Engines move such a vector to the
// border, straight towards the middle.
type IDRBounds struct {
	Mean  []float32 `json:"mean"`  // the median of each component
	Dev   []float32 `json:"dev"`   // its deviation, half the width of the middle 68 %
	Limit float64   `json:"limit"` // the distance within which 95 % of the training vectors lie, see Distance
}

// boundedShare is the share of the training vectors that lie within the limit; fewestVectors is how many vectors it takes to say so.
const (
	boundedShare  = 0.95
	fewestVectors = 64
)

// NewIDRBounds measures the vectors of training material, at least 64 of one length.
func NewIDRBounds(vectors [][]float32) (*IDRBounds, error) {
	if len(vectors) < fewestVectors {
		return nil, fmt.Errorf("kdsr: %d vectors, want at least %d", len(vectors), fewestVectors)
	}
	n := len(vectors[0])
	t := &IDRBounds{Mean: make([]float32, n), Dev: make([]float32, n)}
	column := make([]float32, len(vectors))
	at := func(share float64) float32 { return column[int(share*float64(len(column)-1))] }
	var all float64
	for k := range n {
		for i, v := range vectors {
			if len(v) != n {
				return nil, fmt.Errorf("kdsr: vectors of %d and %d values", n, len(v))
			}
			column[i] = v[k]
		}
		slices.Sort(column)
		t.Mean[k], t.Dev[k] = at(0.5), (at(0.84)-at(0.16))/2
		all += float64(t.Dev[k]) / float64(n)
	}
	for k, d := range t.Dev { // a component that hardly moves must not outweigh the others
		t.Dev[k] = max(d, float32(0.05*all), 1e-6)
	}
	distances := make([]float64, len(vectors))
	for i, v := range vectors {
		distances[i] = t.Distance(v)
	}
	slices.Sort(distances)
	t.Limit = distances[int(boundedShare*float64(len(distances)-1))]
	return t, t.check(n)
}

// Distance is how far v lies from the middle: the root mean square of its components' differences, in deviations. v has as many
// components as the IDRBounds.
func (t *IDRBounds) Distance(v []float32) float64 {
	var sum float64
	for k, x := range v {
		z := float64(x-t.Mean[k]) / float64(t.Dev[k])
		sum += z * z
	}
	return math.Sqrt(sum / float64(len(v)))
}

// Bound moves v to the border if it lies outside, and reports whether it did. A vector with something other than numbers stays.
func (t *IDRBounds) Bound(v []float32) bool {
	if t == nil || len(v) != len(t.Mean) {
		return false
	}
	far := t.Distance(v)
	if !(far > t.Limit) || math.IsInf(far, 0) {
		return false
	}
	f := float32(t.Limit / far)
	for k, m := range t.Mean {
		v[k] = m + f*(v[k]-m)
	}
	return true
}

func (t *IDRBounds) check(n int) error {
	if len(t.Mean) != n || len(t.Dev) != n {
		return fmt.Errorf("kdsr: IDR bounds: %d means and %d deviations, want %d of each", len(t.Mean), len(t.Dev), n)
	}
	for k := range n {
		if m := float64(t.Mean[k]); math.IsNaN(m) || math.IsInf(m, 0) || !(t.Dev[k] > 0) {
			return fmt.Errorf("kdsr: IDR bounds: component %d has mean %g, deviation %g", k, m, t.Dev[k])
		}
	}
	if !(t.Limit > 0) {
		return fmt.Errorf("kdsr: IDR bounds: limit %g, want more than 0", t.Limit)
	}
	return nil
}

// IDRBounds reads MetaIDRBounds: nil when there is none, as in files from elsewhere.
func (w *Weights) IDRBounds() (*IDRBounds, error) {
	text, ok := w.Meta[MetaIDRBounds]
	if !ok {
		return nil, nil
	}
	t := &IDRBounds{}
	if err := json.Unmarshal([]byte(text), t); err != nil {
		return nil, fmt.Errorf("kdsr: IDR bounds: %w", err)
	}
	return t, t.check(w.Config.C)
}

// SetIDRBounds notes t in the weights, or with nil that nothing is known.
func (w *Weights) SetIDRBounds(t *IDRBounds) error {
	delete(w.Meta, MetaIDRBounds)
	if t == nil {
		return nil
	}
	if w.Meta == nil {
		return errors.New("kdsr: IDR bounds: weights without notes")
	}
	if err := t.check(w.Config.C); err != nil {
		return err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("kdsr: IDR bounds: %w", err)
	}
	w.Meta[MetaIDRBounds] = string(text)
	return nil
}
