//go:build nvidia

package cuda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// engine runs one student on one GPU. It keeps the contract of sr.Engine: one goroutine at a time.
type engine struct {
	w      *kdsr.Weights
	bounds *kdsr.IDRBounds
	gpu    *gpu
	layers *layers

	estimator *job
	upscaler  *job
	watch     *watch
	current   *degradation // whose kernels lie in the upscaler's plan
	vectors   vectorBuffers
	live      map[*degradation]bool
	closed    bool
}

// job is a plan and the buffers and graph that it runs with.
type job struct {
	plan *plan
	slot *slot
}

func (j *job) close() {
	if j == nil {
		return
	}
	if j.slot != nil {
		j.slot.close()
	}
	if j.plan != nil {
		j.plan.close()
	}
}

var errClosed = errors.New("cuda: engine is closed")

// New opens a GPU and brings the weights to it. It fails with sr.ErrNoDevice where there is none, and says why. The weights
// must not be changed afterwards.
func New(w *kdsr.Weights, opts Options) (sr.Engine, error) {
	if w.Role == kdsr.Teacher {
		return nil, errors.New("cuda: these are a teacher's weights, which need the original frame; want a student's")
	}
	if err := w.Check(); err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	if w.Config.C > 128 {
		return nil, fmt.Errorf("cuda: a network of %d channels, the kernels have at most 128", w.Config.C)
	}
	bounds, err := w.IDRBounds()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c, err := openGPU(opts.Device, log)
	if err != nil {
		return nil, err
	}
	e := &engine{w: w, bounds: bounds, gpu: c, live: map[*degradation]bool{}}
	err = c.thread.Do(func() (err error) {
		if e.layers, err = newLayers(c, w); err == nil {
			err = e.vectors.allocate(e)
		}
		return err
	})
	if err != nil {
		c.close()
		return nil, fmt.Errorf("cuda: %w", err)
	}
	c.guarded = opts.Guarded
	return e, nil
}

// Scale implements sr.Engine.
func (e *engine) Scale() int { return e.w.Config.Scale }

// Device tells which GPU the engine runs on.
func (e *engine) Device() Device { return e.gpu.info }

// Close implements sr.Engine.
func (e *engine) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	// Freeing after a lost device reports errors that say nothing new.
	_ = e.gpu.thread.Do(func() error {
		e.estimator.close()
		e.upscaler.close()
		e.watch.close(e.gpu)
		for d := range e.live {
			d.free()
		}
		return nil
	})
	e.gpu.close()
	return nil
}

// do runs f on the device thread and names the space.
func (e *engine) do(ctx context.Context, f func() error) error {
	if e.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.gpu.thread.Do(f); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}

// Estimate implements sr.Engine. It looks at every pixel of the frame.
func (e *engine) Estimate(ctx context.Context, src *media.Frame) ([]float32, error) {
	if src.Surface != nil {
		return e.EstimateSurface(ctx, SurfaceOf(src))
	}
	var v []float32
	err := e.do(ctx, func() (err error) {
		if err := e.prepareEstimate(source{format: src.Format}); err != nil {
			return err
		}
		j := e.estimator
		s := j.slot
		j.plan.in.load(s.in, src)
		if err := s.send(e.gpu); err != nil {
			return err
		}
		v, err = e.estimate(j)
		return err
	})
	return v, err
}

// estimate runs the estimator on what lies in its slot, once that has arrived on the compute stream.
func (e *engine) estimate(j *job) ([]float32, error) {
	s := j.slot
	if err := j.plan.run(s.deviceIn, 0); err != nil {
		return nil, err
	}
	if err := s.fetch(e.gpu, j.plan.result); err != nil {
		return nil, err
	}
	if err := s.wait(); err != nil {
		return nil, err
	}
	v := make([]float32, e.w.Config.C)
	copy(v, unsafe.Slice((*float32)(unsafe.Pointer(&s.out[0])), len(v)))
	e.bounds.Bound(v)
	return v, nil
}

// prepareEstimate makes the estimator's plan for a format, if it is not there.
func (e *engine) prepareEstimate(from source) error {
	if e.estimator != nil && e.estimator.plan.source == from {
		return nil
	}
	e.estimator.close() // before new memory is taken
	e.estimator = nil
	p, err := newPlan(e.gpu, e.layers, from, 1, func(r *recorder, x *value) { kdsr.Estimate(r, e.w.Config, x) })
	if err != nil {
		return err
	}
	j := &job{plan: p}
	s, err := newSlot(p, 4*pad(e.w.Config.C))
	if err != nil {
		j.close()
		return fmt.Errorf("%v: %w", from.format, err)
	}
	j.slot = s
	e.estimator = j
	return nil
}

// prepareUpscale makes the upscaler's plan, slots and graphs for a format, if they are not there.
func (e *engine) prepareUpscale(from source) error {
	if e.upscaler != nil && e.upscaler.plan.source == from {
		return nil
	}
	e.upscaler.close()
	e.upscaler, e.current = nil, nil
	c := e.w.Config
	p, err := newPlan(e.gpu, e.layers, from, c.Scale, func(r *recorder, x *value) {
		kernels := make([]*value, c.N)
		for i := range kernels {
			kernels[i] = &value{kind: valueKernels, index: i}
		}
		kdsr.Upscale(r, c, x, kernels)
	})
	if err != nil {
		return err
	}
	j := &job{plan: p}
	out := p.out.size
	if from.out.onGPU {
		out = 0
	}
	if j.slot, err = newSlot(p, out); err == nil {
		err = j.slot.capture(p)
	}
	if err != nil {
		j.close()
		return fmt.Errorf("%v: %w", from.format, err)
	}
	e.upscaler = j
	return nil
}

// Upscale implements sr.Engine. After an error dst holds anything.
func (e *engine) Upscale(ctx context.Context, dst, src *media.Frame, d sr.Degradation) error {
	return e.upscaleBetween(ctx, endOf(dst), endOf(src), d)
}

// use copies a scene's kernels to where the graphs read them. The copy is ordered on the compute stream: the frames before it
// have the old kernels, those after it the new ones.
func (e *engine) use(k *degradation) error {
	if e.current == k || e.upscaler.plan.kernels == 0 {
		return nil
	}
	e.current = nil
	err := cu.MemcpyDtoDAsync(e.upscaler.plan.kernels, k.kernels, int64(kernelBytes(e.w.Config)), e.gpu.compute)
	if err != nil {
		return wrap("copy the scene's kernels", err)
	}
	e.current = k
	return nil
}
