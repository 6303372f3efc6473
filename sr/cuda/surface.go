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

// source says what plan a surface wants, or what is wrong with it.
func (s *Surface) source() (source, error) {
	if err := s.Format.Validate(); err != nil {
		return source{}, err
	}
	if s.Semi && s.Format.Layout != media.YUV420 {
		return source{}, fmt.Errorf("semi-planar surface of %v, want 4:2:0", s.Format)
	}
	l := layoutOf(s.Format, s.Semi)
	for p := range l.planes {
		if n, _ := l.row(p); s.Plane[p] == 0 || s.Pitch[p] < n {
			return source{}, fmt.Errorf("surface of %v: plane %d at %#x with %d bytes a row, want at least %d", s.Format, p, s.Plane[p], s.Pitch[p], n)
		}
	}
	f := s.Format
	f.Alpha = false
	return source{format: f, onCard: true, semi: s.Semi}, nil
}

// copySurface copies between a surface and a buffer of its layout, on the compute stream.
func (c *card) copySurface(l *frameLayout, s *Surface, buffer cu.DevicePtr, toBuffer bool) error {
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

// fetchSurface brings a surface into a slot, after everything that the default stream has to do.
func (c *card) fetchSurface(l *frameLayout, s *slot, src *Surface) error {
	if err := s.uploaded.Record(cu.NoStream); err != nil {
		return wrap("read a surface", err)
	}
	if err := c.compute.Wait(s.uploaded, 0); err != nil {
		return wrap("read a surface", err)
	}
	return wrap("read a surface", c.copySurface(l, src, s.deviceIn, true))
}

// SceneSums implements SurfaceEngine.
func (e *engine) SceneSums(ctx context.Context, to []uint32, src *Surface) error {
	from, err := src.source()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	planes := scene.Planes(src.Format)
	if want := planes * scene.Cells; len(to) != want || max(src.Format.Width, src.Format.Height) > 1<<22 {
		return fmt.Errorf("cuda: %d scene sums of %v, want %d", len(to), src.Format, want)
	}
	return e.do(ctx, func() error {
		if err := e.prepareUpscale(from); err != nil {
			return err
		}
		j := e.upscaler
		if err := e.card.fetchSurface(&j.plan.in, j.ring[0], src); err != nil {
			return err
		}
		return e.sceneSums(to, j.ring[0].deviceIn, j.plan.picture[0])
	})
}

// sceneSums runs the kernel over a frame buffer.
func (e *engine) sceneSums(to []uint32, frame, picture cu.DevicePtr) error {
	const threads = 128
	l := e.card.newLaunch("vsr_scene_grid", [3]int{scene.Cells / threads, len(to) / scene.Cells, 1}, frame, e.vectors.sums, picture)
	if err := l.run(e.card.compute); err != nil {
		return err
	}
	if err := e.card.compute.Synchronize(); err != nil {
		return wrap("vsr_scene_grid", err)
	}
	return wrap("scene sums", cu.MemcpyDtoH(unsafe.Pointer(&to[0]), e.vectors.sums, int64(4*len(to))))
}

// EstimateSurface implements SurfaceEngine.
func (e *engine) EstimateSurface(ctx context.Context, src *Surface) (v []float32, err error) {
	from, err := src.source()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	err = e.do(ctx, func() error {
		if err := e.prepareEstimate(from); err != nil {
			return err
		}
		j := e.estimator
		if err := e.card.fetchSurface(&j.plan.in, j.ring[0], src); err != nil {
			return err
		}
		v, err = e.estimate(j)
		return err
	})
	return v, err
}

// UpscaleSurface implements SurfaceEngine.
func (e *engine) UpscaleSurface(ctx context.Context, dst, src *Surface, d sr.Degradation) error {
	k, err := e.own(d)
	if err != nil {
		return err
	}
	from, err := src.source()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	to, err := dst.source()
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	want := from
	if want.format = from.format.Scaled(e.Scale()); to != want {
		return fmt.Errorf("cuda: output surface is %v, want %v of the same kind and colour as the input", to.format, want.format)
	}
	return e.do(ctx, func() error {
		if err := e.prepareUpscale(from); err != nil {
			return err
		}
		p, s := e.upscaler.plan, e.upscaler.ring[0]
		if err := e.card.fetchSurface(&p.in, s, src); err != nil {
			return err
		}
		if err := e.use(k); err != nil {
			return err
		}
		if err := s.graph.Launch(e.card.compute); err != nil {
			return err
		}
		if err := e.card.copySurface(&p.out, dst, s.deviceOut, false); err != nil {
			return wrap("write a surface", err)
		}
		return wrap("run", e.card.compute.Synchronize())
	})
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
