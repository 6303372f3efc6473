package live

import (
	"context"
	"math/rand/v2"
	"testing"

	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/engines"
)

// TestKernelsChangeWithoutAJump videos a still frame after a very noisy one of the same scene. At the refresh the estimator
// sees another degradation, and the kernels change. No step from one frame to the next may show more than a part of that.
func TestKernelsChangeWithoutAJump(t *testing.T) {
	const refresh = 20
	o := testmedia.Options{Frames: 1, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	w, err := engines.Weights("nano-x2")
	if err != nil {
		t.Fatal(err)
	}
	e, err := cpu.New(w, cpu.Options{Threads: 1, Precision: "fp32"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := sr.New(e, sr.Options{Refresh: refresh, Fade: fade})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	r := rand.New(rand.NewPCG(3, 3))
	var last []byte
	var steps []float64 // mean change of luma from one frame to the next
	for i := range refresh + fade + 5 {
		fr := media.NewFrame(o.Format)
		o.Draw(fr, 0)
		fr.PTS, fr.Scene = int64(i), 1
		if i == 0 {
			for j := range fr.Plane[0] {
				fr.Plane[0][j] = byte(r.Uint32())
			}
		}
		out, err := u.Process(context.Background(), fr)
		if err != nil {
			t.Fatal(err)
		}
		var now []byte
		for y := range out.Height {
			now = append(now, out.Row(0, y)...)
		}
		out.Release()
		if i >= 2 {
			sum := 0.0
			for j := range now {
				sum += max(float64(now[j])-float64(last[j]), float64(last[j])-float64(now[j]))
			}
			steps = append(steps, sum/float64(len(now)))
		}
		last = now
	}
	whole, largest := 0.0, 0.0
	for i, s := range steps {
		if n := i + 2; s != 0 && (n < refresh || n >= refresh+fade) {
			t.Errorf("frame %d differs from the one before by %.3f, outside of the change", n, s)
		}
		whole, largest = whole+s, max(largest, s)
	}
	t.Logf("the change is %.2f levels in all, %.2f in the largest step", whole, largest)
	if whole < 0.1 {
		t.Fatalf("the kernels hardly change (%.3f levels): the test shows nothing", whole)
	}
	if largest > whole/4 {
		t.Errorf("a step of %.2f levels out of %.2f in all", largest, whole)
	}
}
