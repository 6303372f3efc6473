//go:build nvidia

package cuda

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/cuda/driver"
)

var _ SurfaceEngine = (*engine)(nil)

// end is one end of a frame's way through the GPU: a frame of the host, or a surface.
type end struct {
	frame *media.Frame
	at    *Surface
}

func endOf(fr *media.Frame) end {
	if fr.Surface != nil {
		return end{at: SurfaceOf(fr)}
	}
	return end{frame: fr}
}

// check says what is at an end, or what is wrong with it.
func (x end) check() (media.Format, place, error) {
	if x.at == nil {
		return x.frame.Format, place{}, nil
	}
	return x.at.check()
}

// check says what a surface holds, or what is wrong with it.
func (s *Surface) check() (media.Format, place, error) {
	f, at := s.Format, place{onGPU: true, semi: s.Semi}
	if err := f.Validate(); err != nil {
		return f, at, err
	}
	if s.Semi && f.Layout != media.YUV420 {
		return f, at, fmt.Errorf("semi-planar surface of %v, want 4:2:0", s.Format)
	}
	l := layoutOf(s.Format, s.Semi)
	for p := range l.planes {
		if n, _ := l.row(p); s.Plane[p] == 0 || s.Pitch[p] < n {
			return f, at, fmt.Errorf("surface of %v: plane %d at %#x with %d bytes a row, want at least %d", s.Format, p, s.Plane[p], s.Pitch[p], n)
		}
	}
	f.Alpha = false
	return f, at, nil
}

// copySurface copies between a surface and a buffer of its layout, on the compute stream.
func (c *gpu) copySurface(l *frameLayout, s *Surface, buffer cu.DevicePtr, toBuffer bool) error {
	for p := range l.planes {
		n, rows := l.row(p)
		b := driver.Pitched{At: uint64(buffer) + uint64(l.offset[p]), Pitch: l.pitch[p]}
		o := driver.Pitched{At: s.Plane[p], Pitch: s.Pitch[p]}
		if toBuffer {
			b, o = o, b
		}
		if err := driver.Copy2D(o, b, n, rows, c.compute); err != nil {
			return err
		}
	}
	return nil
}

// fetchSurface brings a surface into a buffer, after everything that the default stream has to do.
func (c *gpu) fetchSurface(l *frameLayout, buffer cu.DevicePtr, arrived cu.Event, src *Surface) error {
	if err := arrived.Record(cu.NoStream); err != nil {
		return wrap("read a surface", err)
	}
	if err := c.compute.Wait(arrived, 0); err != nil {
		return wrap("read a surface", err)
	}
	return wrap("read a surface", c.copySurface(l, src, buffer, true))
}

// watch is what SceneSums needs for frames of one kind. It is not a part of the upscaler's plan, because the scene stage may be
// some frames ahead at a change of format.
type watch struct {
	format       media.Format
	at           place
	layout       frameLayout
	frame, words cu.DevicePtr
	arrived      cu.Event
}

func (w *watch) close(c *gpu) {
	if w == nil {
		return
	}
	c.free(w.frame)
	c.free(w.words)
	if w.arrived != (cu.Event{}) {
		_ = cu.DestroyEvent(&w.arrived)
	}
}

// prepareWatch makes the watch for frames of one kind, if it is not there.
func (e *engine) prepareWatch(f media.Format, at place) (err error) {
	if e.watch != nil && e.watch.format == f && e.watch.at == at {
		return nil
	}
	e.watch.close(e.gpu)
	e.watch = nil
	w := &watch{format: f, at: at, layout: layoutOf(f, at.semi)}
	if w.frame, err = e.gpu.alloc(w.layout.size); err == nil {
		w.words, err = put(e.gpu, w.layout.words(f))
	}
	if err == nil {
		w.arrived, err = cu.MakeEvent(cu.DisableTiming)
	}
	if err != nil {
		w.close(e.gpu)
		return fmt.Errorf("%v: %w", f, wrap("scene sums", err))
	}
	e.watch = w
	return nil
}

// SceneSums implements SurfaceEngine.
func (e *engine) SceneSums(ctx context.Context, to []uint32, src *Surface) error {
	f, at, err := src.check()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	planes := scene.Planes(f)
	if want := planes * scene.Cells; len(to) != want || max(f.Width, f.Height) > 1<<22 {
		return fmt.Errorf("cuda: %d scene sums of %v, want %d", len(to), f, want)
	}
	return e.do(ctx, func() error {
		if err := e.prepareWatch(f, at); err != nil {
			return err
		}
		w := e.watch
		if err := e.gpu.fetchSurface(&w.layout, w.frame, w.arrived, src); err != nil {
			return err
		}
		return e.sceneSums(to, w.frame, w.words)
	})
}

// sceneSums runs the kernel over a frame buffer.
func (e *engine) sceneSums(to []uint32, frame, words cu.DevicePtr) error {
	const threads = 128
	l := e.gpu.newLaunch("vsr_scene_grid", [3]int{scene.Cells / threads, len(to) / scene.Cells, 1}, frame, e.vectors.sums, words)
	if err := l.run(e.gpu.compute); err != nil {
		return err
	}
	if err := e.gpu.compute.Synchronize(); err != nil {
		return wrap("vsr_scene_grid", err)
	}
	got := make([]uint32, len(to)) // what lies around to may hold pointers, which C must not be given
	err := cu.MemcpyDtoH(unsafe.Pointer(&got[0]), e.vectors.sums, int64(4*len(got)))
	copy(to, got)
	return wrap("scene sums", err)
}

// EstimateSurface implements SurfaceEngine.
func (e *engine) EstimateSurface(ctx context.Context, src *Surface) (v []float32, err error) {
	f, at, err := src.check()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	err = e.do(ctx, func() error {
		if err := e.prepareEstimate(source{format: f, in: at}); err != nil {
			return err
		}
		j := e.estimator
		s := j.slot
		if err := e.gpu.fetchSurface(&j.plan.in, s.deviceIn, s.uploaded, src); err != nil {
			return err
		}
		v, err = e.estimate(j)
		return err
	})
	return v, err
}

// UpscaleSurface implements SurfaceEngine.
func (e *engine) UpscaleSurface(ctx context.Context, dst, src *Surface, d sr.Degradation) error {
	return e.upscaleBetween(ctx, end{at: dst}, end{at: src}, d)
}

// upscaleBetween is Upscale where at least one of the frames lies on the GPU.
func (e *engine) upscaleBetween(ctx context.Context, dst, src end, d sr.Degradation) error {
	k, err := e.own(d)
	if err != nil {
		return err
	}
	f, in, err := src.check()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	to, out, err := dst.check()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	if want := f.Scaled(e.Scale()); to != want || in.onGPU && out.onGPU && in != out {
		return fmt.Errorf("cuda: output surface is %v, want %v of the same kind and colour as the input", to, want)
	}
	return e.do(ctx, func() error {
		if err := e.prepareUpscale(source{f, in, out}); err != nil {
			return err
		}
		p, s := e.upscaler.plan, e.upscaler.slot
		if err := e.bring(p, s, src); err != nil {
			return err
		}
		if err := e.use(k); err != nil {
			return err
		}
		if err := s.graph.Launch(e.gpu.compute); err != nil {
			return err
		}
		return e.deliver(p, s, dst)
	})
}

// bring puts a frame into a slot.
func (e *engine) bring(p *plan, s *slot, src end) error {
	if src.at != nil {
		return e.gpu.fetchSurface(&p.in, s.deviceIn, s.uploaded, src.at)
	}
	p.in.load(s.in, src.frame)
	return s.send(e.gpu)
}

// deliver takes the result out of a slot.
func (e *engine) deliver(p *plan, s *slot, dst end) error {
	if dst.at != nil {
		if err := e.gpu.copySurface(&p.out, dst.at, s.deviceOut, false); err != nil {
			return wrap("write a surface", err)
		}
		return wrap("run", e.gpu.compute.Synchronize())
	}
	if err := s.fetch(e.gpu, s.deviceOut); err != nil {
		return err
	}
	if err := s.wait(); err != nil {
		return err
	}
	p.out.store(dst.frame, s.out)
	return nil
}

// own returns the degradation as one of this engine's.
func (e *engine) own(d sr.Degradation) (*degradation, error) {
	k, ok := d.(*degradation)
	if !ok || k.engine != e {
		return nil, errors.New("cuda: this degradation was made by another engine")
	}
	if k.kernels == 0 && !e.closed {
		return nil, errors.New("cuda: this degradation is closed")
	}
	return k, nil
}
