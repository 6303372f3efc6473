package scene

import (
	"math"
	"slices"
)

// step is what is kept of a change.
type step struct{ structure, colors, chroma, texture float32 }

// stepsKept is how many changes a change is weighed against.
const stepsKept = 5

// steps are the last changes, the newest at the end.
type steps struct{ list []step }

// step returns what is kept of a change.
func (c change) step() step { return step{c.structure, c.colors, c.chroma, c.texture} }

func (s *steps) add(c change) {
	if len(s.list) == stepsKept {
		copy(s.list, s.list[1:])
		s.list = s.list[:stepsKept-1]
	}
	s.list = append(s.list, c.step())
}

// second returns the second largest of a measure: one cut among the last changes does not hide the next.
func (s *steps) second(of func(step) float32) float32 {
	var v [stepsKept]float32
	for i, st := range s.list {
		v[i] = of(st)
	}
	slices.Sort(v[:])
	return v[stepsKept-2]
}

// unknownStep stands for changes before the video began.
var unknownStep = step{structure: 0.25, colors: 0.15, chroma: 0.1}

// features are what hardModel weighs.
func (s *steps) features(c change) [6]float32 {
	for len(s.list) < 2 {
		s.list = append(s.list, unknownStep)
	}
	colors := s.second(func(t step) float32 { return t.colors }) + s.second(func(t step) float32 { return t.chroma })
	leap := math.Log(float64((c.colors + c.chroma + 0.02) / (colors + 0.05)))
	before := s.list[len(s.list)-1]
	smear := max(math.Log(float64((before.texture+0.5)/(c.texture+0.5))), 0) // a camera that is swung blurs what it shows
	return [6]float32{c.structure, c.lost, c.chroma, before.structure, float32(leap), before.structure * float32(smear)}
}

// model is a logistic regression.
type model struct {
	bias    float32
	weights []float32
}

func (m *model) score(f []float32) float64 {
	sum := m.bias
	for i, w := range m.weights {
		sum += w * f[i]
	}
	return 1 / (1 + math.Exp(-float64(sum)))
}

// hardModel was fitted to the clips of even seeds of internal/synth: 12 of each kind, with photographs beside generated images.
var hardModel = model{-14.31, []float32{6.71, 11.32, 1.45, -9.39, 2.44, -2.48}}
