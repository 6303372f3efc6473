//go:build nvidia

package cuda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// surfaces checks pictures in the card's memory: the same bits as for frames of the host, and the scene room's sums.
func (r *Report) surfaces(ctx context.Context, o VerifyOptions) {
	for _, depth := range []int{8, 10} {
		f := media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: depth,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
		check := Check{Name: fmt.Sprintf("%s in the card's memory, against frames of the host", map[int]string{8: "NV12", 10: "P010"}[depth]),
			Advice: "decode and encode on the CPU, and report this card, the driver and this report"}
		err := surfaceOnce(ctx, o, f)
		if check.OK = err == nil; err != nil {
			check.Detail = err.Error()
			r.noteShortage(err)
		} else {
			check.Detail = "the same bits, also in the scene's sums"
		}
		r.Checks = append(r.Checks, check)
	}
}

func surfaceOnce(ctx context.Context, o VerifyOptions, f media.Format) error {
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 11)
	if err != nil {
		return err
	}
	opened, err := New(w, Options{Device: o.Device, Logger: o.Logger})
	if err != nil {
		return err
	}
	e := opened.(*engine)
	defer e.Close()
	e.card.guarded = true
	fr := noise(f)
	want, vector, err := upscaleOnce(ctx, e, fr)
	if err != nil {
		return err
	}
	d, err := e.Modulate(ctx, vector)
	if err != nil {
		return err
	}
	if err := e.throughSurfaces(ctx, fr, want, vector, d); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	if n := e.card.damaged; n > 0 {
		return fmt.Errorf("kernels wrote beside %d buffers", n)
	}
	return nil
}

// throughSurfaces puts the frame on the card and compares what comes of it.
func (e *engine) throughSurfaces(ctx context.Context, fr, want *media.Frame, vector []float32, d sr.Degradation) error {
	src, from, err := e.newSurface(fr.Format)
	if err != nil {
		return err
	}
	dst, to, err := e.newSurface(want.Format)
	if err != nil {
		return err
	}
	buffer := make([]byte, max(from.size, to.size))
	from.load(buffer, fr)
	err = e.card.thread.Do(func() error {
		if err := cu.MemcpyHtoD(cu.DevicePtr(src.Plane[0]), unsafe.Pointer(&buffer[0]), int64(from.size)); err != nil {
			return wrap("upload a surface", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	wantSums := make([]uint32, scene.Planes(fr.Format)*scene.Cells)
	scene.Sums(wantSums, fr)
	sums := make([]uint32, len(wantSums))
	if err := e.SceneSums(ctx, sums, src); err != nil {
		return err
	}
	v, err := e.EstimateSurface(ctx, src)
	if err != nil {
		return err
	}
	if err := e.UpscaleSurface(ctx, dst, src, d); err != nil {
		return err
	}
	err = e.card.thread.Do(func() error {
		return wrap("download a surface", cu.MemcpyDtoH(unsafe.Pointer(&buffer[0]), cu.DevicePtr(dst.Plane[0]), int64(to.size)))
	})
	got := media.NewFrame(want.Format)
	to.store(got, buffer)
	switch {
	case err != nil:
		return err
	case !slices.Equal(sums, wantSums):
		return errors.New("other sums of the scene room's cells")
	case !slices.Equal(v, vector):
		return errors.New("another estimate")
	case !equal(got, want):
		return errors.New("another picture")
	}
	return nil
}

// newSurface takes memory for a semi-planar picture; it goes back when the engine is closed.
func (e *engine) newSurface(f media.Format) (*Surface, frameLayout, error) {
	l := layoutOf(f, true)
	s := &Surface{Format: f, Semi: true}
	err := e.card.thread.Do(func() error {
		p, err := e.card.alloc(l.size)
		if err != nil {
			return err
		}
		e.card.undo = append(e.card.undo, func() { e.card.free(p) })
		for i := range l.planes {
			s.Plane[i], s.Pitch[i] = uint64(p)+uint64(l.offset[i]), l.pitch[i]
		}
		return nil
	})
	return s, l, err
}
