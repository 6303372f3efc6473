//go:build nvidia

package cuda

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"vsr/internal/fakecuda"
	"vsr/media"
	"vsr/scene"
)

// onMemory puts a frame onto a GPU's memory as a frame of its own.
func onMemory(t *testing.T, m *Memory, fr *media.Frame, semi bool) *media.Frame {
	t.Helper()
	s, err := m.Take(fr.Format, semi)
	if err != nil {
		t.Fatal(err)
	}
	up := media.NewSurfaceFrame(fr.Format, *s)
	if err := m.Copy(up, fr); err != nil {
		t.Fatal(err)
	}
	return up
}

// A frame goes up, across and down again unchanged, and nothing is left when its memory is closed.
func TestMemoryKeepsFrames(t *testing.T) {
	emulated(t, "source")
	t.Run("use", func(t *testing.T) {
		m := NewMemory(0)
		defer m.Close()
		for i, s := range surfaceFormats() {
			fr := frame(s.Format, uint64(i))
			up := onMemory(t, m, fr, s.Semi)
			across := onMemory(t, m, frame(s.Format, 99), s.Semi)
			if err := m.Copy(across, up); err != nil {
				t.Fatal(err)
			}
			m.Give(up.Surface)
			fr.PTS = 7
			across.CopyProps(fr)
			if down, err := across.Land(); err != nil || !same(down, fr) || down.PTS != 7 || down.Surface != nil {
				t.Errorf("%v, semi %v: not what went up, error %v", s.Format, s.Semi, err)
			}
		}
	})
	fakecuda.Leaks(t)
}

// The engine takes and gives frames of the host and of the GPU in any mixture, with the same bits.
func TestFramesAnywhere(t *testing.T) {
	emulated(t, "ptx")
	e, m := open(t, preset(t, "nano", 2, 1, 1)), NewMemory(0)
	defer m.Close()
	ctx := context.Background()
	for i, s := range surfaceFormats() {
		fr, want := frame(s.Format, uint64(i)), media.NewFrame(s.Format.Scaled(2))
		vector, err := e.Estimate(ctx, fr)
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Modulate(ctx, vector)
		if err := firstError(err, e.Upscale(ctx, want, fr, d)); err != nil {
			t.Fatal(err)
		}
		up := onMemory(t, m, fr, s.Semi)
		if v, err := e.Estimate(ctx, up); err != nil || !equalVectors(v, vector) {
			t.Errorf("%v: vector %v, error %v, want %v", s.Format, v, err, vector)
		}
		for name, src := range map[string]*media.Frame{"host": fr, "GPU": up} {
			got, blank := media.NewFrame(want.Format), media.NewFrame(want.Format)
			large := onMemory(t, m, blank, s.Semi)
			if err := e.Upscale(ctx, got, src, d); err != nil || !same(got, want) {
				t.Errorf("%v, semi %v, %s to host: another frame, error %v", s.Format, s.Semi, name, err)
			}
			if err := firstError(e.Upscale(ctx, large, src, d), m.Copy(blank, large)); err != nil || !same(blank, want) {
				t.Errorf("%v, semi %v, %s to GPU: another frame, error %v", s.Format, s.Semi, name, err)
			}
			m.Give(large.Surface)
		}
		m.Give(up.Surface)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The scene stage's goroutine may ask for sums while the network works, of frames of another size too: both get what is right.
func TestSumsBesideTheNetwork(t *testing.T) {
	emulated(t, "source")
	e, m := open(t, preset(t, "nano", 2, 1, 1)), NewMemory(0)
	defer m.Close()
	ctx := context.Background()
	fr, other := frame(yuv(20, 12), 1), frame(yuv(34, 18), 2)
	up, ahead := onMemory(t, m, fr, true), onMemory(t, m, other, true)
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			for _, at := range []struct{ on, host *media.Frame }{{up, fr}, {ahead, other}} {
				got, want := make([]uint32, 3*scene.Cells), make([]uint32, 3*scene.Cells)
				scene.Sums(want, at.host)
				if err = firstError(err, e.SceneSums(ctx, got, SurfaceOf(at.on))); err == nil && !slices.Equal(got, want) {
					err = errors.New("other sums")
				}
			}
		}
		done <- err
	}()
	want := media.NewFrame(fr.Format.Scaled(2))
	for i := range 10 {
		v, err := e.Estimate(ctx, up)
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Modulate(ctx, v)
		got := media.NewFrame(want.Format)
		if err := firstError(err, e.Upscale(ctx, got, up, d), d.Close()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		} else if !same(got, want) {
			t.Errorf("frame %d is another", i)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func equalVectors(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// Whatever fails is one line that says so and a *media.GPUError, and nothing is left behind.
func TestMemoryFails(t *testing.T) {
	emulated(t, "source")
	for _, c := range []struct{ fail, want string }{
		{"cuDevicePrimaryCtxRetain:1:2", "out of device memory"},
		{"cuCtxSetCurrent:1:201", "cuCtxSetCurrent"},
		{"cuStreamCreate:1:2", "out of device memory"},
		{"cuEventCreate:1:2", "cuEventCreate"},
		{"cuMemAlloc_v2:1:2", "a frame of 19x9"},
		{"cuMemHostAlloc:1:2", "copy a frame"},
		{"cuEventRecord:1:719", "copy a frame"},
		{"cuStreamWaitEvent:1:719", "copy a frame"},
		{"cuMemcpy2DAsync_v2:2:719", "cuMemcpy2DAsync"},
		{"cuStreamSynchronize:1:719", "copy a frame"},
	} {
		t.Run(c.fail, func(t *testing.T) {
			m := NewMemory(0)
			t.Setenv("VSR_EMU_FAIL", c.fail)
			fr := frame(yuv(19, 9), 1)
			s, err := m.Take(fr.Format, true)
			if err == nil {
				err = m.Copy(media.NewSurfaceFrame(fr.Format, *s), fr)
			}
			var ours *media.GPUError
			if !errors.As(err, &ours) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.want)
			}
			if err := firstError(m.Close(), m.Close()); err != nil {
				t.Error(err)
			}
			fakecuda.Leaks(t)
		})
	}
}

func TestMemoryRefuses(t *testing.T) {
	emulated(t, "source")
	m := NewMemory(0)
	f := yuv(8, 6)
	fr := frame(f, 1)
	up, planar := onMemory(t, m, fr, true), onMemory(t, m, fr, false)
	other := f
	other.Width = 10
	broken := media.NewSurfaceFrame(f, *up.Surface)
	broken.Surface.Pitch[1] = 3
	wide := f
	wide.Layout = media.YUV422
	_, semi := m.Take(wide, true)
	for name, err := range map[string]error{
		"another format": m.Copy(up, media.NewFrame(other)), "host to host": m.Copy(media.NewFrame(f), fr), "semi-planar and planar": m.Copy(up, planar),
		"too short rows": m.Copy(fr, broken), "semi-planar 4:2:2": semi,
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	far := NewMemory(5)
	if _, err := far.Take(f, true); err == nil || !strings.Contains(err.Error(), "cuda:5, have 1") {
		t.Errorf("a GPU that is not there: error %v", err)
	}
	if err := firstError(m.Close(), far.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Take(f, true); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: error %v", err)
	}
	m.Give(up.Surface) // too late, and harmless
	fakecuda.Leaks(t)
}

// What FFmpeg has put on the default stream is there before a copy reads it.
func TestMemoryWaitsForTheDefaultStream(t *testing.T) {
	emulated(t, "source")
	m := NewMemory(0)
	defer m.Close()
	f := yuv(16, 16)
	up := onMemory(t, m, frame(f, 1), true)
	for i := range 30 {
		want := make([]byte, 256)
		for j := range want {
			want[j] = byte(i + j)
		}
		err := m.thread.Do(func() error { // in the plane of luma, whose rows lie 64 bytes apart
			for y := range 16 {
				if err := cu.MemcpyHtoD(cu.DevicePtr(up.Surface.Plane[0])+cu.DevicePtr(y*up.Surface.Pitch[0]), pointer(want[16*y:16*y+16]), 16); err != nil {
					return err
				}
			}
			return nil
		})
		down, err2 := up.Land()
		if err := firstError(err, err2); err != nil {
			t.Fatal(err)
		}
		for y := range 16 {
			if string(down.Row(0, y)) != string(want[16*y:16*y+16]) {
				t.Fatalf("frame %d, row %d: % x, want % x", i, y, down.Row(0, y), want[16*y:16*y+16])
			}
		}
	}
}
