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

// least returns the smallest structure.
func (s *steps) least() float32 {
	v := s.list[0].structure
	for _, st := range s.list[1:] {
		v = min(v, st.structure)
	}
	return v
}

// unknownStep stands for changes before the video began.
var unknownStep = step{structure: 0.25, colors: 0.15, chroma: 0.1}

// How many features hardModel weighs.
const hardFeatures = 16

// features are what hardModel weighs for cur, which has changed by c.
func (d *Detector) features(c change) [hardFeatures]float32 {
	s := &d.steps
	for len(s.list) < 2 {
		s.list = append(s.list, unknownStep)
	}
	ratio := func(a, b, floor float32) float32 { return float32(math.Log(float64((a + floor) / (b + floor)))) }
	usual := s.second(func(t step) float32 { return t.colors }) + s.second(func(t step) float32 { return t.chroma })
	before := s.list[len(s.list)-1]
	texture := before.texture
	if texture == 0 {
		texture = c.texture
	}
	return [...]float32{
		c.structure, c.lost, c.unlit, c.colors, c.chroma,
		ratio(c.colors+c.chroma, usual, 0.03),
		ratio(c.structure, s.second(func(t step) float32 { return t.structure }), 0.05),
		before.structure,
		s.least(), // grain that the coder keeps makes all frames unlike each other
		before.colors + before.chroma,
		ratio(c.texture, texture, 0.5), // a camera that is swung blurs what it shows
		ratio(d.cur.across, d.last.across, 0.5) - ratio(d.cur.along, d.last.along, 0.5), // along one direction
		ratio(d.cur.contrast, d.last.contrast, 0.5),
		(d.cur.mean - d.last.mean) / 64, // a flash is brighter
		c.luma / 64,
		d.cur.bright - d.last.bright,
	}
}

// regression is a logistic regression.
type regression struct {
	bias    float32
	weights []float32
}

// score gives the probability of a cut.
func (m *regression) score(f []float32) float64 {
	sum := m.bias
	for i, w := range m.weights {
		sum += w * f[i]
	}
	return 1 / (1 + math.Exp(-float64(sum)))
}

// model is a network with one hidden layer: each row of hidden and out begins with the bias.
type model struct {
	hidden [][]float32
	out    []float32
}

// score gives the probability of a cut.
func (m *model) score(f []float32) float64 {
	sum := float64(m.out[0])
	for i, row := range m.hidden {
		h := row[0]
		for k, w := range row[1:] {
			h += w * f[k]
		}
		sum += float64(m.out[1+i]) * math.Tanh(float64(h))
	}
	return 1 / (1 + math.Exp(-sum))
}

// Names of the models, for Judgement.
const (
	ModelHard = "hard" // a frame against the one before it
	ModelSoft = "soft" // a frame against one some time before it, over a mixture of both
)
