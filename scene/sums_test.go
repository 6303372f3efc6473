package scene

import (
	"math/rand/v2"
	"testing"

	"vsr/media"
)

// A detector that is given sums decides as one that is given frames, repeated ones included.
func TestMarkSums(t *testing.T) {
	deep := small
	deep.Depth = 10
	frames, sums := New(Options{}), New(Options{})
	cuts := 0
	for _, f := range []media.Format{small, deep, {Width: 33, Height: 17, Layout: media.Gray, Depth: 8}} {
		fr, r := media.NewFrame(f), rand.New(rand.NewPCG(1, 2))
		for n := range 30 {
			if n%5 != 4 { // else the frame stands
				render(fr, frame{shot: uint64(1 + n/10), x: float64(n), gain: 1, noise: 1}, r)
			}
			to := make([]uint32, Planes(f)*Cells)
			Sums(to, fr)
			before := frames.Scene()
			want, got := frames.Mark(fr), sums.MarkSums(f, to)
			if got != want || sums.Scene() != fr.Scene {
				t.Fatalf("%v, frame %d: score %g and scene %d, want %g and %d", f, n, got, sums.Scene(), want, fr.Scene)
			}
			if frames.Scene() != before {
				cuts++
			}
		}
	}
	if cuts < 7 {
		t.Errorf("only %d scenes", cuts)
	}
}
