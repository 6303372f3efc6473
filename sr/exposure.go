package sr

import (
	"encoding/binary"
	"math"

	"vsr/media"
)

// A frame tells something about its degradation when it is neither black, white, nor all but faded away.
const (
	darkest  = 0.03 // mean luma, on a scale from black 0 to white 1
	lightest = 0.97
	flattest = 0.025 // standard deviation of luma; a frame of full contrast has about 0.2, one faded to an eighth passes
	grid     = 96    // luma is looked at in at most this many places in each direction
)

// informative reports whether the degradation can be estimated from f, by mean and spread of its luma.
func informative(f *media.Frame) bool {
	black, span := 16.0, 219.0
	if f.Color.Range == media.RangeFull {
		black, span = 0, 255
	}
	unit := math.Exp2(float64(f.Depth - 8))
	stepX, stepY := (f.Width+grid-1)/grid, (f.Height+grid-1)/grid
	var n, sum, squares float64
	for y := stepY / 2; y < f.Height; y += stepY {
		row := f.Row(0, y)
		for x := stepX / 2; x < f.Width; x += stepX {
			v := 0.0
			if f.Depth == 8 {
				v = float64(row[x])
			} else {
				v = float64(binary.LittleEndian.Uint16(row[2*x:]))
			}
			v = (v/unit - black) / span
			n++
			sum += v
			squares += v * v
		}
	}
	mean := sum / n
	spread := math.Sqrt(max(0, squares/n-mean*mean))
	return mean > darkest && mean < lightest && spread > flattest
}

// Informative reports whether the degradation can be estimated from f. A frame in a GPU's memory is brought to the host for it, which
// happens at the beginning of scenes.
func Informative(f *media.Frame) (bool, error) {
	if f.Surface == nil {
		return informative(f), nil
	}
	down, err := f.Land()
	if err != nil {
		return false, err
	}
	return informative(down), nil
}
