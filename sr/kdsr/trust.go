package kdsr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// MetaTrust is the key of Weights.Meta under which a Trust lies, as JSON.
const MetaTrust = "trust"

// Trust says where the degradation vectors of a network's training material lie. Generated kernels multiply from block to block:
// pixel art, dithering or a test pattern can give a vector many times as long as any of training, and the kernels of such a vector
// a picture of anything. A vector outside is therefore moved to the border, straight towards the middle. A nil Trust moves nothing.
type Trust struct {
	Mean  []float32 `json:"mean"`  // the median of each component
	Dev   []float32 `json:"dev"`   // its deviation, half the width of the middle 68 %
	Limit float64   `json:"limit"` // the largest distance, see Distance
}

// trusted is the share of the training vectors that lie within the limit; trustFewest is how many vectors it takes to say so.
const (
	trusted     = 0.95
	trustFewest = 64
)

// NewTrust measures the vectors of training material, at least 64 of one length.
func NewTrust(vectors [][]float32) (*Trust, error) {
	if len(vectors) < trustFewest {
		return nil, fmt.Errorf("kdsr: %d vectors, want at least %d", len(vectors), trustFewest)
	}
	n := len(vectors[0])
	t := &Trust{Mean: make([]float32, n), Dev: make([]float32, n)}
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
	t.Limit = distances[int(trusted*float64(len(distances)-1))]
	return t, t.check(n)
}

// Distance is how far v lies from the middle: the root mean square of its components' differences, in deviations. v has as many
// components as the Trust.
func (t *Trust) Distance(v []float32) float64 {
	var sum float64
	for k, x := range v {
		z := float64(x-t.Mean[k]) / float64(t.Dev[k])
		sum += z * z
	}
	return math.Sqrt(sum / float64(len(v)))
}

// Bound moves v to the border if it lies outside, and reports whether it did. A vector with something other than numbers stays.
func (t *Trust) Bound(v []float32) bool {
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

func (t *Trust) check(n int) error {
	if len(t.Mean) != n || len(t.Dev) != n {
		return fmt.Errorf("kdsr: trust: %d means and %d deviations, want %d of each", len(t.Mean), len(t.Dev), n)
	}
	for k := range n {
		if m := float64(t.Mean[k]); math.IsNaN(m) || math.IsInf(m, 0) || !(t.Dev[k] > 0) {
			return fmt.Errorf("kdsr: trust: component %d has mean %g, deviation %g", k, m, t.Dev[k])
		}
	}
	if !(t.Limit > 0) {
		return fmt.Errorf("kdsr: trust: limit %g, want more than 0", t.Limit)
	}
	return nil
}

// Trust reads MetaTrust: nil when there is none, as in files from elsewhere.
func (w *Weights) Trust() (*Trust, error) {
	text, ok := w.Meta[MetaTrust]
	if !ok {
		return nil, nil
	}
	t := &Trust{}
	if err := json.Unmarshal([]byte(text), t); err != nil {
		return nil, fmt.Errorf("kdsr: trust: %w", err)
	}
	return t, t.check(w.Config.C)
}

// SetTrust notes t in the weights, or with nil that nothing is known.
func (w *Weights) SetTrust(t *Trust) error {
	delete(w.Meta, MetaTrust)
	if t == nil {
		return nil
	}
	if w.Meta == nil {
		return errors.New("kdsr: trust: weights without notes")
	}
	if err := t.check(w.Config.C); err != nil {
		return err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("kdsr: trust: %w", err)
	}
	w.Meta[MetaTrust] = string(text)
	return nil
}
