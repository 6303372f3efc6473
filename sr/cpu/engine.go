package cpu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"vsr/internal/conv"
	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// The values of Options.Precision.
const (
	// PrecisionAuto keeps maps between layers in half precision and multiplies in bfloat16 where the CPU can. A scene whose numbers
	// half precision cannot hold is computed in float32, and so are a network and layers whose file asks for it (kdsr.MetaPrecision).
	PrecisionAuto = "auto"
	PrecisionFP32 = "fp32" // float32 everywhere
)

// Options of New. The zero value is a good choice.
type Options struct {
	Threads   int          // workers; 0 means GOMAXPROCS
	Precision string       // PrecisionAuto (the default) or PrecisionFP32. The plain Go path is always float32
	ISA       string       // one of conv.ISAs; the default is the best. "go" is the plain path
	NoReuse   bool         // compute every frame whole, whatever the frame before was
	Logger    *slog.Logger // gets a warning when PrecisionAuto falls back to float32; nil discards
	MaxMemory int64        // bytes for feature maps of one frame; 0 means 1 GiB. Larger frames run in bands
}

// Validate reports the first option that is out of range.
func (o Options) Validate() error {
	switch {
	case o.Threads < 0 || o.Threads > 1024:
		return fmt.Errorf("cpu: %d threads, want 0 to 1024", o.Threads)
	case o.Precision != "" && o.Precision != PrecisionAuto && o.Precision != PrecisionFP32:
		return fmt.Errorf("cpu: precision %q, want auto or fp32", o.Precision)
	case o.ISA != "" && !slices.Contains(conv.ISAs(), o.ISA):
		return fmt.Errorf("cpu: no instruction set %q here, have %v", o.ISA, conv.ISAs())
	case o.MaxMemory < 0:
		return fmt.Errorf("cpu: memory limit %d, want 0 or more", o.MaxMemory)
	}
	return nil
}

const defaultMemory = 1 << 30

// Engine runs one student. It keeps the contract of sr.Engine: one goroutine at a time.
type Engine struct {
	w      *kdsr.Weights
	bounds *kdsr.IDRBounds
	opts   Options
	pool   *pool
	plain  map[string]plainConv
	tails  map[kdsr.Edges]plainConv
	tail   *kdsr.LinearTail
	// frames and packed are the fast path; frames is nil on the plain one.
	frames *conv.Frames
	packed map[layerKey]fastConv
	// fullTail runs the official tail layer by layer instead of collapsed. For tests.
	fullTail bool

	estimate, upscale *program
	exact             *program // upscale in float32, once half precision has not been enough
	exactFor          *kernels // of the scene that needs it
	last              repeat
	stats             Stats
	stages            [stages]time.Duration
	closed            bool
}

var (
	_ sr.Engine = (*Engine)(nil)
	_ sr.Saver  = (*Engine)(nil)
)

var errClosed = errors.New("cpu: engine is closed")

// New checks the weights and starts the workers. The weights must not be changed afterwards.
func New(w *kdsr.Weights, opts Options) (*Engine, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if w.Role == kdsr.Teacher {
		return nil, errors.New("cpu: these are a teacher's weights, which need the original frame; want a student's")
	}
	if err := w.Check(); err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	if opts.MaxMemory == 0 {
		opts.MaxMemory = defaultMemory
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Precision == "" {
		opts.Precision = PrecisionAuto
	}
	if w.LastExact() > w.Config.N {
		opts.Precision = PrecisionFP32
	}
	if opts.ISA == "" {
		opts.ISA = conv.ISA()
	}
	bounds, err := w.IDRBounds()
	if err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	e := &Engine{w: w, bounds: bounds, opts: opts, plain: map[string]plainConv{}, tails: map[kdsr.Edges]plainConv{}}
	if w.Config.Tail == kdsr.TailOfficial {
		if e.tail, err = w.CollapseTail(); err != nil {
			return nil, fmt.Errorf("cpu: %w", err)
		}
	}
	if w.Config.C%16 == 0 {
		e.frames, e.packed = conv.FramesOf(opts.ISA), map[layerKey]fastConv{}
	}
	if e.frames == nil {
		e.opts.ISA, e.opts.Precision = "go", PrecisionFP32
	}
	e.pool = newPool(opts.Threads)
	e.pool.moved = func() { e.estimate, e.upscale, e.exact = nil, nil, nil }
	return e, nil
}

// Scale implements sr.Engine.
func (e *Engine) Scale() int { return e.w.Config.Scale }

// ISA is the instruction set that the engine computes with; "go" is none: the plain path, which also runs networks whose
// channels are not a multiple of 16.
func (e *Engine) ISA() string { return e.opts.ISA }

// Precision is PrecisionAuto or PrecisionFP32.
func (e *Engine) Precision() string { return e.opts.Precision }

// Threads is the number of workers.
func (e *Engine) Threads() int { return e.pool.workers.Len() }

// Close implements sr.Engine: it ends the workers and gives up all memory.
func (e *Engine) Close() error {
	if !e.closed {
		e.closed = true
		e.pool.workers.Close()
		e.pool.maps = nil
		e.estimate, e.upscale, e.exact, e.exactFor, e.last, e.plain, e.tails, e.packed = nil, nil, nil, nil, repeat{}, nil, nil, nil
	}
	return nil
}

// kernels is the Degradation of this engine.
type kernels struct {
	owner *Engine
	taps  [][]float32 // by block, [9C], the tap of channel c at (ky,kx) being 9c+3ky+kx
	// turned is the same as [9,C].
	turned [][]float32
}

// Close implements sr.Degradation. The memory is the garbage collector's.
func (k *kernels) Close() error { return nil }

// Estimate implements sr.Engine. It looks at every pixel of the frame.
func (e *Engine) Estimate(ctx context.Context, src *media.Frame) ([]float32, error) {
	if e.closed {
		return nil, errClosed
	}
	began := time.Now()
	if e.estimate == nil || e.estimate.format != src.Format {
		e.estimate = nil // so that the old memory can go before the new is taken
		g, err := e.buildEstimate(src.Format)
		if err != nil {
			return nil, err
		}
		e.estimate = g
	}
	g := e.estimate
	g.plan.src, g.plan.color = src, colorOf(src.Format)
	if err := g.plan.run(ctx); err != nil {
		return nil, err
	}
	d, err := g.vector()
	e.bounds.Bound(d)
	e.stats.Estimates++
	e.stats.Estimate += time.Since(began)
	return d, err
}

// Modulate implements sr.Engine.
func (e *Engine) Modulate(ctx context.Context, d []float32) (sr.Degradation, error) {
	if e.closed {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(d) != e.w.Config.C {
		return nil, fmt.Errorf("cpu: degradation vector of %d values, want %d", len(d), e.w.Config.C)
	}
	began := time.Now()
	b := &kdsr.Vectors{Weights: e.w}
	k := &kernels{owner: e, taps: kdsr.Modulate(b, e.w.Config, d)}
	for _, t := range k.taps {
		k.turned = append(k.turned, turned(t))
	}
	e.stats.Modulates++
	e.stats.Modulate += time.Since(began)
	return k, b.Err()
}

// Upscale implements sr.Engine. What has the same samples as in the frame before, with the same degradation and as far as the
// network looks around it, is not computed again. After an error dst holds anything.
func (e *Engine) Upscale(ctx context.Context, dst, src *media.Frame, d sr.Degradation) error {
	if e.closed {
		return errClosed
	}
	k, ok := d.(*kernels)
	if !ok || k.owner != e {
		return errors.New("cpu: this degradation was made by another engine")
	}
	if want := src.Format.Scaled(e.Scale()); dst.Format != want {
		return fmt.Errorf("cpu: output frame is %v with color %+v, want %v with color %+v",
			dst.Format, dst.Color, want, want.Color)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	began := time.Now()
	if err := e.again(ctx, dst, src, k); err != nil {
		return err
	}
	e.stats.Frames++
	e.stats.Upscale += time.Since(began)
	return nil
}

// again computes what has changed since the frame before.
func (e *Engine) again(ctx context.Context, dst, src *media.Frame, k *kernels) error {
	p, err := e.planFor(src.Format, e.exactFor == k)
	if err != nil {
		return err
	}
	p.again.everything(src.Width, src.Height)
	if e.last.knows(src, k) && !e.opts.NoReuse {
		if !p.find(e.last.src, src) {
			e.last.fill(dst)
			e.stats.Repeated++
			e.stats.Reused++
			return nil
		}
		if p.again.some {
			e.last.fill(dst)
		}
	}
	e.last.forget()
	e.last.memory(dst, src)
	p.src, p.dst, p.kernels, p.color = src, dst, k, colorOf(src.Format)
	if p.strips != nil {
		p.kept = e.last.dst
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	if p.overflow.Load() && e.mixed() && e.exactFor != k {
		e.exactFor = k
		e.opts.Logger.Warn("half precision cannot hold the numbers of this scene, which is computed in float32: slower, but right", "stage", "sr")
		return e.again(ctx, dst, src, k)
	}
	if e.exactFor == k {
		e.stats.Exact++
	}
	if p.strips == nil {
		copySamples(e.last.dst, dst)
	}
	copySamples(e.last.src, src)
	e.last.kernels, e.last.valid = k, true
	e.stats.Reused += 1 - float64(p.again.area)/float64(src.Width*src.Height)
	return nil
}

// planFor returns the plan of Upscale for a format, exact being in float32.
func (e *Engine) planFor(f media.Format, exact bool) (*plan, error) {
	at := &e.upscale
	if exact {
		at = &e.exact
	}
	if *at == nil || (*at).format != f {
		*at = nil // so that the old memory can go before the new is taken
		if !exact {
			e.exact = nil
		}
		g, err := e.buildUpscaleIn(f, exact)
		if err != nil {
			return nil, err
		}
		*at = g
	}
	return (*at).plan, nil
}
