package selftest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

// surfaces checks frames in the GPU's memory: the same bits as for frames of the host, and the sums of the scene detector.
func (r *Report) surfaces(ctx context.Context, o Options) {
	for _, depth := range []int{8, 10} {
		f := media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: depth,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
		check := Check{Name: fmt.Sprintf("%s in the GPU's memory, against frames of the host", map[int]string{8: "NV12", 10: "P010"}[depth]),
			Hint: "decode and encode on the CPU, and report this GPU, the driver and this report"}
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

func surfaceOnce(ctx context.Context, o Options, f media.Format) error {
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 11)
	if err != nil {
		return err
	}
	e, err := cuda.New(w, cuda.Options{Device: o.Device, Logger: o.Logger, Guarded: true})
	if err != nil {
		return err
	}
	defer e.Close()
	memory := cuda.NewMemory(o.Device)
	defer memory.Close()
	fr := noise(f)
	want, vector, err := upscaleOnce(ctx, e, fr)
	if err != nil {
		return err
	}
	d, err := e.Modulate(ctx, vector)
	if err != nil {
		return err
	}
	if err := throughSurfaces(ctx, e, memory, fr, want, vector, d); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	if n := cuda.Damaged(e); n > 0 {
		return fmt.Errorf("kernels wrote beside %d buffers", n)
	}
	return nil
}

// throughSurfaces puts the frame into the GPU's memory and compares what comes of it.
func throughSurfaces(ctx context.Context, opened sr.Engine, memory *cuda.Memory, fr, want *media.Frame, vector []float32, d sr.Degradation) error {
	e, ok := opened.(cuda.SurfaceEngine)
	if !ok {
		return errors.New("the engine takes no surfaces")
	}
	small := media.NewSurfacePool(fr.Format, 1, memory, true)
	defer small.Close()
	large := media.NewSurfacePool(want.Format, 1, memory, true)
	defer large.Close()
	src, err := small.Get(ctx)
	if err != nil {
		return err
	}
	defer src.Release()
	dst, err := large.Get(ctx)
	if err != nil {
		return err
	}
	defer dst.Release()
	if err := memory.Copy(src, fr); err != nil {
		return err
	}
	wantSums := make([]uint32, scene.Planes(fr.Format)*scene.Cells)
	scene.Sums(wantSums, fr)
	sums := make([]uint32, len(wantSums))
	if err := e.SceneSums(ctx, sums, cuda.SurfaceOf(src)); err != nil {
		return err
	}
	v, err := e.EstimateSurface(ctx, cuda.SurfaceOf(src))
	if err != nil {
		return err
	}
	err = e.UpscaleSurface(ctx, cuda.SurfaceOf(dst), cuda.SurfaceOf(src), d)
	got, lerr := dst.Land()
	switch err = cmp.Or(err, lerr); {
	case err != nil:
		return err
	case !slices.Equal(sums, wantSums):
		return errors.New("other sums of the scene's cells")
	case !slices.Equal(v, vector):
		return errors.New("another estimate")
	case !equal(got, want):
		return errors.New("another frame")
	}
	return nil
}
