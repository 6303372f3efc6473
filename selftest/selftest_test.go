//go:build nvidia

package selftest

import (
	"context"
	"strings"
	"testing"

	"vsr/internal/fakecuda"
	"vsr/media"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

func TestRunPassesOnTheEmulator(t *testing.T) {
	emulated(t, "ptx")
	r, err := Run(context.Background(), Options{Repeats: 2})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	if !r.OK() || !r.Emulated || !strings.Contains(text.String(), cuda.Untested) || len(r.Kernels) != 23 || len(r.Speeds) != 2 {
		t.Errorf("not green:\n%s", text.String())
	}
	fakecuda.Leaks(t)
}

func TestRunReportsFailures(t *testing.T) {
	emulated(t, "source")
	t.Setenv("VSR_EMU_FAIL", "cuGraphLaunch:2:719")
	r, err := Run(context.Background(), Options{Short: true, Repeats: 2})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, c := range r.Checks {
		if !c.OK {
			failed++
			if c.Hint == "" || !strings.Contains(c.Detail, "cuGraphLaunch") {
				t.Errorf("check %+v: want a reason and a hint", c)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d checks failed, want 1", failed)
	}
}

// The check of surfaces says no to another frame and to another estimate.
func TestOtherSurfacesAreSeen(t *testing.T) {
	emulated(t, "source")
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 5)
	if err != nil {
		t.Fatal(err)
	}
	e, err := cuda.New(w, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	memory := cuda.NewMemory(0)
	defer memory.Close()
	ctx := context.Background()
	fr := noise(media.Format{Width: 19, Height: 9, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}})
	want, vector, err := upscaleOnce(ctx, e, fr)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(ctx, vector)
	if err != nil {
		t.Fatal(err)
	}
	if err := throughSurfaces(ctx, e, memory, fr, want, vector, d); err != nil {
		t.Fatal(err)
	}
	want.Row(2, 8)[18] ^= 1
	if err := throughSurfaces(ctx, e, memory, fr, want, vector, d); err == nil || err.Error() != "another frame" {
		t.Errorf("error %v for a sample that differs", err)
	}
	vector[15]++
	if err := throughSurfaces(ctx, e, memory, fr, want, vector, d); err == nil || err.Error() != "another estimate" {
		t.Errorf("error %v for a vector that differs", err)
	}
}
