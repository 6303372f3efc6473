package quality

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Noise and a plain wall have no grid; a pattern of one level that repeats with the scale has one, of another period not.
func TestGrid(t *testing.T) {
	const w, h = 192, 144
	r := rand.New(rand.NewPCG(5, 5))
	made := func(noise float64, pattern func(x, y int) float64) []float32 {
		out := make([]float32, w*h)
		for i := range out {
			v := 90 + 30*math.Sin(float64(i%w)/31) + noise*r.NormFloat64()
			if pattern != nil {
				v += pattern(i%w, i/w)
			}
			out[i] = float32(math.Round(v))
		}
		return out
	}
	every := func(period int, level float64) func(x, y int) float64 {
		return func(x, y int) float64 {
			if x%period == 0 {
				return level
			}
			return 0
		}
	}
	for name, c := range map[string]struct {
		luma      []float32
		scale     int
		low, high float64
	}{
		"plain": {made(0, nil), 4, 0.9, 1.1}, "noise": {made(6, nil), 4, 0.85, 1.15}, "noise x2": {made(6, nil), 2, 0.85, 1.15},
		"noise x3": {made(6, nil), 3, 0.85, 1.15}, "pattern": {made(0.5, every(4, 2)), 4, 1.8, 1000},
		"pattern x2": {made(0.5, every(2, 2)), 2, 1.8, 1000}, "pattern x3": {made(0.5, every(3, 2)), 3, 1.8, 1000},
		"period of 5": {made(0.5, every(5, 2)), 4, 0.3, 1.2},
	} {
		if got, ok := Grid(c.luma, w, h, c.scale); !ok || got < c.low || got > c.high {
			t.Errorf("%s: %.3f, %v, want %g to %g", name, got, ok, c.low, c.high)
		}
	}
	if _, ok := Grid(make([]float32, 40*40), 40, 40, 4); ok {
		t.Error("an image smaller than a window has a grid")
	}
}
