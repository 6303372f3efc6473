//go:build nvidia

package cuda

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"vsr/sr/cuda/emu"
)

func TestVerifyIsGreenOnTheEmulator(t *testing.T) {
	emulated(t, "ptx")
	r, err := Verify(context.Background(), VerifyOptions{Repeats: 2})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if !r.OK() || !r.Emulated || !strings.Contains(text.String(), NeverRun) || len(r.Kernels) != 23 || len(r.Speeds) != 2 {
		t.Errorf("not green:\n%s", text.String())
	}
	emu.Leaks(t)
}

func TestVerifyReportsFailures(t *testing.T) {
	emulated(t, "source")
	t.Setenv("VSR_EMU_FAIL", "cuGraphLaunch:2:719")
	r, err := Verify(context.Background(), VerifyOptions{Short: true, Repeats: 2})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, c := range r.Checks {
		if !c.OK {
			failed++
			if c.Advice == "" || !strings.Contains(c.Detail, "cuGraphLaunch") {
				t.Errorf("check %+v: want a reason and a hint", c)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d checks failed, want 1", failed)
	}
}

// Guards must notice a write beside a buffer.
func TestGuardsNoticeDamage(t *testing.T) {
	emulated(t, "source")
	c, err := openCard(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.guarded = true
	err = c.thread.Do(func() error {
		for i, beside := range []int{-1, 100, 0} {
			p, err := c.alloc(100)
			if err != nil {
				return err
			}
			if err := cu.MemsetD8(p+cu.DevicePtr(beside), 1, 1); err != nil {
				return err
			}
			c.free(p)
			if want := min(i+1, 2); c.damaged != want {
				t.Errorf("after a write at %d: %d damaged, want %d", beside, c.damaged, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The check of surfaces says no to another picture and to another estimate.
func TestVerifySeesOtherSurfaces(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 1, 0))
	ctx := context.Background()
	fr := noise(yuv(19, 9))
	want, vector, err := upscaleOnce(ctx, e, fr)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(ctx, vector)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.throughSurfaces(ctx, fr, want, vector, d); err != nil {
		t.Fatal(err)
	}
	want.Row(2, 8)[18] ^= 1
	if err := e.throughSurfaces(ctx, fr, want, vector, d); err == nil || err.Error() != "another picture" {
		t.Errorf("error %v for a sample that differs", err)
	}
	vector[15]++
	if err := e.throughSurfaces(ctx, fr, want, vector, d); err == nil || err.Error() != "another estimate" {
		t.Errorf("error %v for a vector that differs", err)
	}
}
