package quality

import (
	"math"
	"testing"
)

// A ramp has no fine structure, a checkerboard of two values d apart has 4 d at every pixel.
func TestDetail(t *testing.T) {
	const w, h = 9, 7
	ramp, board := make([]float32, w*h), make([]float32, w*h)
	for y := range h {
		for x := range w {
			ramp[y*w+x], board[y*w+x] = float32(3*x+2*y), float32(100+5*((x+y)%2))
		}
	}
	if got := Detail(ramp, w, h); got != 0 {
		t.Errorf("a ramp has %g", got)
	}
	if got := Detail(board, w, h); math.Abs(got-20) > 1e-9 {
		t.Errorf("a checkerboard has %g, want 20", got)
	}
}
