package sr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"vsr/media"
)

// maxSide is the longest side of an output frame, in pixels.
const maxSide = 1 << 16

// Options of New. The zero value estimates once a scene and gives frames of exactly Scale times the size.
type Options struct {
	// Refresh estimates again after so many frames of one scene; 0 means never.
	Refresh int `yaml:"refresh"`
	// Drift keeps the old kernels at a refresh when the vector moved by no more than this share of its length; 0 always
	// takes the new ones.
	Drift float64 `yaml:"drift"`
	// Fade spreads the change to new kernels at a refresh over so many frames, so that the frame does not jump; 0 and 1 change
	// at once. A new scene never fades.
	Fade int `yaml:"-"`
	// Average takes the mean over the first so many informative frames of a scene; 0 and 1 mean one frame.
	Average int `yaml:"average"`
	// Adjust, when not nil, is given the estimate of a scene, which it may change, and returns the vector to use.
	Adjust func(scene uint64, estimate []float32) []float32 `yaml:"-"`
	// Height resamples the result to so many rows, the width in proportion (even when chroma is subsampled); 0 means no.
	Height int `yaml:"height"`
	// Stretch resamples the width by so much, which makes pixels square that are not; 0 means no.
	Stretch float64 `yaml:"-"`
	// Chroma says where color comes from; "" is ChromaResample. Frames in a GPU's memory always have the network's color.
	Chroma Chroma `yaml:"chroma"`
	// Frames is how many output frames may be in use at once; 0 means 8. Process waits when all are.
	Frames int `yaml:"frames"`
	// Alloc supplies the memory of output frames, pinned memory say; nil means ordinary memory.
	Alloc func(n int) []byte `yaml:"-"`
	// GPU, when not nil, keeps 4:2:0 frames of 8 and 10 bits that need no resampling in a GPU's memory, as NV12 and P010. The
	// engine must be able to write there.
	GPU media.GPU `yaml:"-"`
	// Logger gets one debug line a scene; nil discards.
	Logger *slog.Logger `yaml:"-"`
}

// Validate reports the first option that is out of range.
func (o Options) Validate() error {
	switch {
	case o.Refresh < 0 || o.Average < 0 || o.Average > 1000:
		return fmt.Errorf("sr: refresh %d, average %d, want 0 or more, average at most 1000", o.Refresh, o.Average)
	case o.Fade < 0 || o.Fade > 1 && o.Fade > o.Refresh:
		return fmt.Errorf("sr: fade %d, want 0 to the refresh of %d", o.Fade, o.Refresh)
	case !(o.Drift >= 0):
		return fmt.Errorf("sr: drift %g, want 0 or more", o.Drift)
	case o.Drift > 0 && o.Refresh == 0:
		return errors.New("sr: drift without refresh: nothing would ever be compared")
	case o.Height < 0 || o.Height > maxSide:
		return fmt.Errorf("sr: height %d, want 0 to %d", o.Height, maxSide)
	case !(o.Stretch >= 0) || o.Stretch > 100:
		return fmt.Errorf("sr: stretch %g, want 0 to 100", o.Stretch)
	case o.Frames < 0 || o.Frames > 1024:
		return fmt.Errorf("sr: %d frames, want 0 to 1024", o.Frames)
	}
	return o.Chroma.validate()
}

// Stats counts what an Upscaler did. All counts only grow.
type Stats struct {
	Frames    int64         `json:"frames"`
	Observed  int64         `json:"observed,omitempty"` // frames whose frames an earlier run has made
	Scenes    int64         `json:"scenes"`
	Estimates int64         `json:"estimates"`
	Modulates int64         `json:"modulates"`
	Estimate  time.Duration `json:"estimate_ns"` // time spent on estimates and kernels
	Upscale   time.Duration `json:"upscale_ns"`
	Resize    time.Duration `json:"resize_ns"` // resampling to Options.Height, and of alpha
	// Reused is how many frames' worth of frame the engine took from the frame before instead of computing it, and Exact how
	// many frames it computed in float32 because half precision could not hold their numbers. 0 from engines that do neither.
	Reused float64 `json:"reused_frames"`
	Exact  int64   `json:"exact_frames,omitempty"`
}

// Saver is an Engine that knows Stats.Reused and Stats.Exact.
type Saver interface {
	Saved() (reused float64, exact int64)
}

// Upscaler enlarges frames: it keeps the degradation of the running scene and a pool of output frames.
// Process is for one goroutine; Stats and Scenes are for any.
type Upscaler struct {
	engine Engine
	opts   Options
	cache  cache

	in     media.Format // that the following are made for
	pool   *media.Pool
	middle *media.Frame // what the engine writes when resize follows
	resize *Resizer     // after the network; nil when the size is right
	alpha  *Resizer     // from the input's alpha to the output's; nil without
	chroma *chroma      // from the input's color to the output's; nil where the network's stays

	closed bool

	mu     sync.Mutex
	stats  Stats
	scenes []SceneRecord
	vector []float32 // in use
}

// New returns an Upscaler that owns the engine: Close closes it.
func New(engine Engine, opts Options) (*Upscaler, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.Frames == 0 {
		opts.Frames = 8
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Upscaler{engine: engine, opts: opts, cache: cache{engine: engine, opts: opts}}, nil
}

// Output says what comes out when info goes in.
func (u *Upscaler) Output(info media.Info) media.Info {
	info.Format = u.output(info.Format)
	return info
}

func (u *Upscaler) output(f media.Format) media.Format {
	g := f.Scaled(u.engine.Scale())
	step, _ := f.Layout.Shift()
	if h := u.opts.Height; h > 0 && h != g.Height {
		w := (2*g.Width*h/g.Height + 1) / 2 >> step << step
		g.Width, g.Height = max(w, 1<<step), h
	}
	if a := u.opts.Stretch; a > 0 {
		g.Width = max(int(math.Round(float64(g.Width)*a))>>step<<step, 1<<step)
	}
	return g
}

// Process consumes f, whatever happens, and returns the enlarged frame with f's time, scene and side data. The caller owns it.
func (u *Upscaler) Process(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	defer f.Release()
	if u.closed {
		return nil, errors.New("sr: upscaler is closed")
	}
	out, err := u.process(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("sr: frame at pts %d: %w", f.PTS, err)
	}
	return out, nil
}

func (u *Upscaler) process(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	if u.pool == nil || u.in != f.Format {
		if err := u.prepare(f.Format); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	d, did, err := u.cache.find(ctx, f)
	u.record(f, did, time.Since(began))
	if err != nil {
		return nil, err
	}
	out, err := u.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	began = time.Now()
	target := out
	if u.resize != nil {
		target = u.middle
	}
	if err := u.engine.Upscale(ctx, target, f, d); err != nil {
		out.Release()
		return nil, err
	}
	upscaled := time.Now()
	if u.resize != nil {
		n := colorPlanes(out.Format)
		if u.chroma != nil && u.chroma.bicubic == nil {
			n = 1
		}
		u.resize.planes(out, u.middle, n)
	}
	if u.chroma != nil && f.Surface == nil && out.Surface == nil {
		u.chroma.replace(out, f)
	}
	if u.alpha != nil {
		u.alpha.alpha(out, f)
	}
	out.CopyProps(f)
	u.mu.Lock()
	u.stats.Frames++
	u.stats.Upscale += upscaled.Sub(began)
	u.stats.Resize += time.Since(upscaled)
	if e, ok := u.engine.(Saver); ok {
		u.stats.Reused, u.stats.Exact = e.Saved()
	}
	u.mu.Unlock()
	return out, nil
}

// Observe takes note of f as Process does, estimates where Process would, and makes no frame. It consumes f. A run that goes
// on in the middle of a file observes what was done before, so that every scene keeps the degradation of its first frames.
func (u *Upscaler) Observe(ctx context.Context, f *media.Frame) error {
	defer f.Release()
	if u.closed {
		return errors.New("sr: upscaler is closed")
	}
	began := time.Now()
	_, did, err := u.cache.find(ctx, f)
	u.record(f, did, time.Since(began))
	if err != nil {
		return fmt.Errorf("sr: frame at pts %d: %w", f.PTS, err)
	}
	u.mu.Lock()
	u.stats.Observed++
	u.mu.Unlock()
	return nil
}

// Forget ends the running scene: the next frame is estimated as the first of its scene, whatever number it carries. A worker
// that goes from one part of a file to another calls it between them.
func (u *Upscaler) Forget() { u.cache.running = false }

// Settled reports whether the running scene keeps its degradation from here on: no later frame of it will be estimated.
func (u *Upscaler) Settled() bool {
	return u.cache.settled()
}

// Knows reports whether a scene that returns to this one would have its degradation: it has been seen, up to where it was settled.
func (u *Upscaler) Knows(scene uint64) bool { return u.cache.known[scene] != nil }

// prepare makes pool and resamplers for frames of another format. Frames of the old pool find their way back to it.
func (u *Upscaler) prepare(f media.Format) error {
	if err := f.Validate(); err != nil {
		return err
	}
	out, full := u.output(f), f.Scaled(u.engine.Scale())
	if max(out.Width, out.Height, full.Width, full.Height) > maxSide {
		return fmt.Errorf("%v would become %v, at most %d on a side", f, out, maxSide)
	}
	u.pool.Close()
	u.middle, u.resize, u.alpha, u.chroma, u.pool = nil, nil, nil, nil, nil
	var err error
	if out != full {
		if u.resize, err = NewResizer(full, out); err != nil {
			return err
		}
		u.middle = media.NewFrame(full)
	}
	if f.Alpha {
		if u.alpha, err = NewResizer(f, out); err != nil {
			return err
		}
	}
	u.in = f
	if u.opts.Chroma != ChromaNetwork {
		u.chroma = newChroma(f, out)
	}
	if u.opts.GPU != nil && u.resize == nil && Semi(out) {
		u.pool = media.NewSurfacePool(out, u.opts.Frames, u.opts.GPU, true)
	} else {
		u.pool = media.NewPool(out, u.opts.Frames, u.opts.Alloc)
	}
	return nil
}

// Semi reports whether frames of a format have a form that hardware codecs take: NV12 or P010.
func Semi(f media.Format) bool {
	return f.Layout == media.YUV420 && !f.Alpha && (f.Depth == 8 || f.Depth == 10)
}

// record counts what the cache did for f, the next frame to be counted.
func (u *Upscaler) record(f *media.Frame, did event, took time.Duration) {
	if did == (event{}) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if did.scene {
		u.stats.Scenes++
		if len(u.scenes) < maxRecords {
			u.scenes = append(u.scenes, SceneRecord{Index: f.Scene, FirstFrame: u.stats.Frames + u.stats.Observed, FirstPTS: f.PTS, Like: did.like})
		}
	}
	estimates := 0
	if did.estimated {
		estimates = 1
	}
	u.vector = slices.Clone(u.cache.used)
	u.stats.Estimates += int64(estimates)
	u.stats.Estimate += took
	if did.modulated {
		u.stats.Modulates++
	}
	if last := len(u.scenes) - 1; u.stats.Scenes <= maxRecords {
		u.scenes[last].Estimates += estimates
		u.scenes[last].Vector, u.scenes[last].Estimate = slices.Clone(u.cache.used), nil
		if !slices.Equal(u.cache.used, u.cache.vector) {
			u.scenes[last].Estimate = slices.Clone(u.cache.vector)
		}
	}
	u.opts.Logger.Debug("degradation", "estimated", did.estimated, "stage", "sr", "pts", f.PTS, "scene", f.Scene, "new", did.scene,
		"kernels", did.modulated, "ms", took.Milliseconds())
}

// Stats returns the counts so far.
func (u *Upscaler) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stats
}

// Vector returns the degradation vector in use, nil before the first frame.
func (u *Upscaler) Vector() []float32 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.vector)
}

// Scenes returns a record of each scene so far, at most 20000.
func (u *Upscaler) Scenes() []SceneRecord {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.scenes)
}

// Outstanding is how many output frames are in use.
func (u *Upscaler) Outstanding() int {
	if u.pool == nil {
		return 0
	}
	return u.pool.Outstanding()
}

// Close releases the degradation and the engine. It may be called twice, not during Process.
func (u *Upscaler) Close() error {
	if u.closed {
		return nil
	}
	u.closed = true
	u.pool.Close()
	u.middle, u.resize, u.alpha, u.chroma = nil, nil, nil, nil
	return errors.Join(u.cache.close(), u.engine.Close())
}
