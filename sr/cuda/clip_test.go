//go:build nvidia

package cuda

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

// frame is a smooth frame with some noise and an edge, different for every seed.
func frame(f media.Format, seed uint64) *media.Frame {
	rng := rand.New(rand.NewPCG(seed, 1))
	fr := media.NewFrame(f)
	top := 1<<f.Depth - 1
	for p := range f.Planes() {
		w, h := f.PlaneSize(p)
		gx, gy, base := rng.Float64(), rng.Float64(), rng.Float64()
		for y := range h {
			for x := range w {
				v := 0.2 + 0.5*base + 0.2*gx*float64(x)/float64(w) - 0.2*gy*float64(y)/float64(h) + 0.05*rng.Float64()
				if (x+2*y)%29 < 9 {
					v *= 0.6
				}
				n := int(min(max(v, 0), 1) * float64(top))
				if f.Depth == 8 {
					fr.Row(p, y)[x] = byte(n)
				} else {
					binary.LittleEndian.PutUint16(fr.Row(p, y)[2*x:], uint16(n))
				}
			}
		}
	}
	return fr
}

func at(f *media.Frame, p, x, y int) int {
	if f.Depth == 8 {
		return int(f.Row(p, y)[x])
	}
	return int(binary.LittleEndian.Uint16(f.Row(p, y)[2*x:]))
}

// worst is the largest difference of two frames in levels.
func worst(a, b *media.Frame) int {
	d := 0
	for p := range a.Planes() {
		w, h := a.PlaneSize(p)
		for y := range h {
			for x := range w {
				n := at(a, p, x, y) - at(b, p, x, y)
				d = max(d, n, -n)
			}
		}
	}
	return d
}

func same(a, b *media.Frame) bool {
	for p := range a.Planes() {
		_, h := a.PlaneSize(p)
		for y := range h {
			if !bytes.Equal(a.Row(p, y), b.Row(p, y)) {
				return false
			}
		}
	}
	return true
}

func preset(t testing.TB, name string, scale, blocks, residuals int) *kdsr.Weights {
	t.Helper()
	c, err := kdsr.Preset(name, scale)
	if err != nil {
		t.Fatal(err)
	}
	c.N, c.R = min(c.N, blocks), min(c.R, residuals)
	w, err := kdsr.RandomWeights(c, 5)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t testing.TB, w *kdsr.Weights) *engine {
	t.Helper()
	e, err := New(w, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*engine)
}

func yuv(w, h int) media.Format {
	return media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
}

// A clip of two scenes through both engines, each with its own estimate.
func TestClipAgreesWithCPU(t *testing.T) {
	for _, c := range []struct {
		model             string
		scale, blocks, r  int
		cc, engine, order string
	}{
		{"fast", 2, 8, 2, "86", "ptx", "sequential"},
		{"fast", 4, 8, 2, "75", "ptx", "reversed"},
		{"fast", 3, 8, 2, "86", "source", "truncating"},
		{"m", 4, 3, 1, "86", "ptx", "truncating"},
		{"m", 2, 2, 1, "75", "ptx", "sequential"},
		{"gan", 4, 1, 1, "86", "source", "sequential"},
	} {
		t.Run(fmt.Sprintf("%s-x%d-sm%s-%s-%s", c.model, c.scale, c.cc, c.engine, c.order), func(t *testing.T) {
			emulated(t, c.engine)
			t.Setenv("VSR_EMU_CC", c.cc)
			t.Setenv("VSR_EMU_MMA", c.order)
			w := preset(t, c.model, c.scale, c.blocks, c.r)
			gpu := open(t, w)
			host, err := cpu.New(w, cpu.Options{ISA: "go"})
			if err != nil {
				t.Fatal(err)
			}
			defer host.Close()
			f := yuv(37, 21)
			if w.Config.C == 128 { // the plain CPU path takes its time
				f = yuv(21, 11)
			}
			for scene := range 2 {
				got := clip(t, gpu, f, uint64(scene), 2)
				want := clip(t, host, f, uint64(scene), 2)
				for i := range got {
					if d := worst(got[i], want[i]); d > 1 {
						t.Errorf("scene %d frame %d: differs by %d levels from the CPU engine", scene, i, d)
					}
				}
			}
		})
	}
}

// clip upscales a scene of n frames with the estimate of its first one.
func clip(t testing.TB, e sr.Engine, f media.Format, scene uint64, n int) []*media.Frame {
	t.Helper()
	ctx := context.Background()
	first := frame(f, 100*scene)
	v, err := e.Estimate(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out []*media.Frame
	for i := range n {
		dst := media.NewFrame(f.Scaled(e.Scale()))
		if err := e.Upscale(ctx, dst, frame(f, 100*scene+uint64(i)), d); err != nil {
			t.Fatal(err)
		}
		out = append(out, dst)
	}
	return out
}

// Three frames of two scenes are on their way at once; the result is that of one after the other.
func TestFramesAndScenesStayApart(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 2, 1))
	ctx := context.Background()
	f := yuv(37, 21)
	var scenes []sr.Degradation
	for i := range 2 {
		v := make([]float32, 16)
		for j := range v {
			v[j] = float32(i*4+j%3) - 1
		}
		d, err := e.Modulate(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		scenes = append(scenes, d)
	}
	var want []*media.Frame
	for i := range 6 {
		dst := media.NewFrame(f.Scaled(2))
		if err := e.Upscale(ctx, dst, frame(f, uint64(i)), scenes[i%2]); err != nil {
			t.Fatal(err)
		}
		want = append(want, dst)
	}
	if same(want[0], want[2]) {
		t.Fatal("two frames give the same result")
	}
	for i, scene := range []int{0, 1, 1, 0, 0, 1} { // another order of scenes
		if i%2 != scene {
			continue
		}
		dst := media.NewFrame(f.Scaled(2))
		if err := e.Upscale(ctx, dst, frame(f, uint64(i)), scenes[scene]); err != nil {
			t.Fatal(err)
		}
		if !same(dst, want[i]) {
			t.Errorf("frame %d differs from the first time", i)
		}
	}
}

// The emulated driver must notice what a fast GPU would hide: work on a stream that nothing waits for.
func TestMissingSynchronisationShows(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 1, 0))
	ctx := context.Background()
	d, err := e.Modulate(ctx, make([]float32, 16))
	if err != nil {
		t.Fatal(err)
	}
	f := yuv(19, 9)
	want := media.NewFrame(f.Scaled(2))
	if err := e.Upscale(ctx, want, frame(f, 1), d); err != nil {
		t.Fatal(err)
	}
	got := media.NewFrame(f.Scaled(2))
	run := func(seed uint64, steps func(s *slot) error) bool {
		err := e.gpu.thread.Do(func() error {
			s := e.upscaler.slot
			clear(s.out)
			e.upscaler.plan.in.load(s.in, frame(f, seed))
			if err := steps(s); err != nil {
				return err
			}
			e.upscaler.plan.out.store(got, s.out)
			return cu.Synchronize()
		})
		if err != nil {
			t.Fatal(err)
		}
		return same(got, want)
	}
	complete := func(s *slot) error {
		return firstError(s.send(e.gpu), s.graph.Launch(e.gpu.compute), s.fetch(e.gpu, s.deviceOut), s.wait())
	}
	if !run(1, complete) {
		t.Fatal("the complete sequence gives another frame")
	}
	mutants := map[string]func(s *slot) error{
		"nobody waits for the download": func(s *slot) error {
			return firstError(s.send(e.gpu), s.graph.Launch(e.gpu.compute), s.fetch(e.gpu, s.deviceOut))
		},
		"compute does not wait for the upload": func(s *slot) error {
			err := cu.MemcpyHtoDAsync(s.deviceIn, pointer(s.in), int64(len(s.in)), e.gpu.upload)
			return firstError(err, s.graph.Launch(e.gpu.compute), s.fetch(e.gpu, s.deviceOut), s.wait())
		},
		"download does not wait for compute": func(s *slot) error {
			err := firstError(s.send(e.gpu), s.graph.Launch(e.gpu.compute))
			copied := cu.MemcpyDtoHAsync(pointer(s.out), s.deviceOut, int64(len(s.out)), e.gpu.download)
			return firstError(err, copied, s.done.Record(e.gpu.download), s.wait())
		},
	}
	for name, steps := range mutants {
		killed := false
		for range 40 {
			run(2, complete) // another frame is in the buffers
			if killed = !run(1, steps); killed {
				break
			}
		}
		if !killed {
			t.Errorf("%s: the right frame 40 times", name)
		}
	}
}
