package live

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vsr/internal/fault"
	"vsr/media"
	"vsr/models"
	"vsr/sr"
	"vsr/sr/adaptive"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// The degradation is estimated again every ten seconds at 30 fps, and new kernels take half a second to come in.
const refresh, fade = 300, 15

// measureTime is how long each quality level is measured at least.
const measureTime = 60 * time.Millisecond

// Level is a quality level of the present source, as /status lists it, the best first.
type Level struct {
	Name string  `json:"name"`
	MS   float64 `json:"ms"`   // of a frame, as measured
	Fits bool    `json:"fits"` // holds the source's frame rate
}

// measurement names what the times of levels depend on.
type measurement struct {
	from, to media.Format
	level    string
}

// levelMaker makes the upscaler for frames like f and says in out what its output is; out is the source's description before. Tests
// replace it.
type levelMaker func(ctx context.Context, f *media.Frame, out *media.Info) (*adaptive.Upscaler, error)

// even makes a format what the encoders want: 8-bit 4:2:0 of even size.
func even(f media.Format) media.Format {
	f.Width, f.Height, f.Layout, f.Depth, f.Alpha = (f.Width+1)&^1, (f.Height+1)&^1, media.YUV420, 8, false
	return f
}

// chooseLevels opens and measures the quality levels for frames like f. Where no network holds the frame rate and none was asked for
// by name, frames pass through at the source's size: enlarging them plainly would cost time and show nothing more.
func (s *Session) chooseLevels(ctx context.Context, f *media.Frame, out *media.Info) (_ *adaptive.Upscaler, err error) {
	to := even(f.Scaled(s.o.Scale))
	interval := time.Second / 30
	if r := out.FrameRate; r.Num > 0 && r.Den > 0 {
		interval = time.Duration(float64(time.Second) / r.Float())
	}
	levels, err := s.openLevels(ctx, f.Format, to)
	defer func() {
		if err != nil {
			closeLevels(levels)
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := s.measure(ctx, levels, f, to, interval); err != nil {
		return nil, err
	}
	networks := levels[:len(levels)-1]
	pinned := s.pinned()
	reason := ""
	if n := len(networks); n > 0 && !pinned && !slices.ContainsFunc(networks, func(l adaptive.Level) bool { return adaptive.Fits(l.Cost, interval) }) {
		w, h := held(f.Format, cheapest(networks), interval)
		reason = fmt.Sprintf("not enhanced: this machine holds %dx%d at %.3g fps", w, h, float64(time.Second)/float64(interval))
		s.log.Info("frames pass through", "stage", "live", "why", reason)
		closeLevels(levels)
		to = even(f.Format)
		pass := adaptive.Plain(to)
		pass.Name = passThrough
		levels = []adaptive.Level{pass}
	}
	s.setLevels(list(levels, networks, interval), reason)
	out.Format = to
	return adaptive.New(levels, adaptive.Options{Interval: interval, MaxLatency: s.o.MaxLatency, Pinned: pinned, Logger: s.log,
		OnChange: func(adaptive.Level) { s.metrics.changes.Inc() }})
}

// passThrough names the level that changes nothing.
const passThrough = "pass-through"

// pinned tells whether one model was asked for by name.
func (s *Session) pinned() bool { return s.o.Model != "auto" && s.o.Model != "" }

// openLevels opens the engines, and adds plain resampling as the last level. After an error the levels so far are returned.
func (s *Session) openLevels(ctx context.Context, from, to media.Format) (levels []adaptive.Level, err error) {
	for _, c := range s.candidates() {
		e, err := s.openEngine(ctx, c.model)
		if err != nil {
			return levels, deviceFault(err)
		}
		named, _ := e.(*engines.Engine) // tests have others
		if (named == nil || named.Probes == nil) && s.o.Sliders != (kdsr.Sliders{}) {
			e.Close()
			return levels, fault.New(fault.Request, "vsr train probes adds what is missing", "the weights of %s do not say how to move their degradation vector", c.model)
		}
		net, err := sr.New(e, sr.Options{Frames: 6, Refresh: refresh, Drift: 0.05, Fade: fade, Adjust: s.adjust(named)})
		if err != nil {
			e.Close()
			return levels, deviceFault(err)
		}
		name := c.model
		if c.reduce > 1 {
			name = fmt.Sprintf("%s at 1/%g", c.model, c.reduce)
		}
		s.setReader(name, func() *kdsr.Reading { return reading(named, net.Vector()) })
		levels = append(levels, adaptive.Network(name, net, from, to, c.reduce))
	}
	return append(levels, adaptive.Plain(to)), nil
}

// adjust moves estimates by the sliders.
func (s *Session) adjust(e *engines.Engine) func(uint64, []float32) []float32 {
	if s.o.Sliders == (kdsr.Sliders{}) {
		return nil
	}
	return func(_ uint64, v []float32) []float32 {
		e.Probes.Steer(v, s.o.Sliders, e.Bounds)
		return v
	}
}

// reading puts the vector in use into words, nil where the network's weights or the first frame are missing.
func reading(e *engines.Engine, v []float32) *kdsr.Reading {
	if e == nil || e.Probes == nil || len(v) != len(e.Probes.Mean) {
		return nil
	}
	r := e.Probes.Read(v, e.Bounds)
	return &r
}

// setReader keeps what reads the degradation in use at a quality level.
func (s *Session) setReader(level string, read func() *kdsr.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		s.readers = map[string]func() *kdsr.Reading{}
	}
	s.readers[level] = read
}

// measure fills in the costs, from before if the same was measured before.
func (s *Session) measure(ctx context.Context, levels []adaptive.Level, f *media.Frame, to media.Format, interval time.Duration) error {
	known := true
	for i := range levels {
		cost, ok := s.measured[measurement{f.Format, to, levels[i].Name}]
		levels[i].Cost, known = cost, known && ok
	}
	if known {
		return nil
	}
	if err := adaptive.Measure(ctx, levels, f, measureTime, 3*interval); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return deviceFault(err)
	}
	for _, l := range levels {
		s.measured[measurement{f.Format, to, l.Name}] = l.Cost
		s.log.Info("quality level", "stage", "sr", "name", l.Name, "ms", float64(l.Cost.Microseconds())/1000)
	}
	return nil
}

// deviceFault blames the engine, unless the error says otherwise. No new try mends it.
func deviceFault(err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	return &fault.Error{Kind: fault.Device, Err: err, Hint: "vsr doctor shows what is there"}
}

func closeLevels(levels []adaptive.Level) {
	for _, l := range levels {
		if l.Close != nil {
			l.Close()
		}
	}
}

// cheapest is the network that takes the least time.
func cheapest(networks []adaptive.Level) time.Duration {
	return slices.MinFunc(networks, func(a, b adaptive.Level) int { return int(a.Cost - b.Cost) }).Cost
}

// held is the largest frame of f's shape that the quickest level, which takes cost for a frame of f, would enhance in time.
func held(f media.Format, cost, interval time.Duration) (w, h int) {
	k := math.Sqrt(adaptive.Holds(cost, interval))
	return max(2, int(float64(f.Width)*k)&^1), max(2, int(float64(f.Height)*k)&^1)
}

// list describes the networks that were measured, and the last level that is used.
func list(used, networks []adaptive.Level, interval time.Duration) (out []Level) {
	for _, l := range append(slices.Clone(networks), used[len(used)-1]) {
		out = append(out, Level{l.Name, float64(l.Cost.Microseconds()) / 1000, adaptive.Fits(l.Cost, interval)})
	}
	return out
}

type candidate struct {
	model  string
	reduce float64
}

// candidates lists the networks, best first. A model that was named is the only one.
func (s *Session) candidates() []candidate {
	if s.pinned() {
		return []candidate{{s.o.Model, 1}}
	}
	var out []candidate
	names := models.Names()
	for _, size := range []string{"fast", "nano"} {
		if name := fmt.Sprintf("%s-x%d", size, s.o.Scale); slices.Contains(names, name) {
			out = append(out, candidate{name, 1})
		}
	}
	if n := len(out); n > 0 {
		out = append(out, candidate{out[n-1].model, 1.5}, candidate{out[n-1].model, 2})
	}
	return out
}
