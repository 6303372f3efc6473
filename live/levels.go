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
	Name   string  `json:"name"`
	MS     float64 `json:"ms"`      // of a frame, as measured
	SlowMS float64 `json:"slow_ms"` // of the slowest tenth of frames
	Fits   bool    `json:"fits"`    // the slowest tenth holds the source's frame rate
}

// measurement names what the times of levels depend on.
type measurement struct {
	from, to media.Format
	level    string
}

// times are what a level takes for a frame.
type times struct{ usual, slow time.Duration }

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
	to := s.o.target(f.Format)
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
	reason, fits := "", func(l adaptive.Level) bool { return adaptive.Fits(l, interval) }
	if len(networks) > 0 && !pinned && !slices.ContainsFunc(networks, fits) {
		w, h := held(f.Format, cheapest(networks), interval)
		reason = fmt.Sprintf("not enhanced: this machine holds %dx%d at %.3g fps", w, h, float64(time.Second)/float64(interval))
		s.log.Info("frames pass through", "stage", "live", "why", reason)
		closeLevels(levels)
		to = even(f.Format)
		pass := adaptive.Plain(to)
		pass.Name = passThrough
		levels = []adaptive.Level{pass}
	}
	s.setLevels(list(levels, networks, interval), reason, choice(levels, pinned, interval))
	out.Format = to
	return adaptive.New(levels, adaptive.Options{Interval: interval, MaxLatency: s.o.MaxLatency, Pinned: pinned, Logger: s.log,
		OnChange: func(adaptive.Level) { s.metrics.changes.Inc() }})
}

// target is the output for frames like f: Scale times as large, or Height rows where that is less.
func (o *Options) target(f media.Format) media.Format {
	to := f.Scaled(o.Scale)
	if o.Height > 0 && o.Height < to.Height {
		to.Width, to.Height = (to.Width*o.Height+to.Height/2)/to.Height, o.Height
	}
	return even(to)
}

// choice says why a source begins with the level that it begins with.
func choice(levels []adaptive.Level, pinned bool, interval time.Duration) string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for i, l := range levels {
		switch {
		case pinned && i == 0:
			return l.Name + " was asked for"
		case l.Name == passThrough:
			return "no model holds the frame rate"
		case i < len(levels)-1 && !adaptive.Fits(l, interval):
			continue
		}
		text := fmt.Sprintf("%s takes %.1f ms, the slowest tenth %.1f ms, of the %.1f ms between frames", l.Name, ms(l.Cost), ms(max(l.Slow, l.Cost)), ms(interval))
		for _, better := range levels[:i] {
			text += fmt.Sprintf("; %s would take %.1f ms, the slowest tenth %.1f ms", better.Name, ms(better.Cost), ms(max(better.Slow, better.Cost)))
		}
		return text
	}
	return ""
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

// measure fills in the times: from before if the same was measured before; for a publisher, who would have to wait, from the calibration;
// else by a measurement.
func (s *Session) measure(ctx context.Context, levels []adaptive.Level, f *media.Frame, to media.Format, interval time.Duration) error {
	known := true
	for i := range levels {
		t, ok := s.measured[measurement{f.Format, to, levels[i].Name}]
		if !ok {
			t, ok = s.predict(levels[i].Name, f.Format, to)
		}
		t = s.busy(t)
		levels[i].Cost, levels[i].Slow, known = t.usual, t.slow, known && ok
	}
	if known || s.kind == kindBrowser {
		return nil
	}
	done := s.alone()
	err := adaptive.Measure(ctx, levels, f, measureTime, 3*interval)
	done()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return deviceFault(err)
	}
	s.keep(levels, f.Format, to)
	for i := range levels {
		t := s.busy(times{levels[i].Cost, levels[i].Slow})
		levels[i].Cost, levels[i].Slow = t.usual, t.slow
	}
	return nil
}

// keep notes what was measured.
func (s *Session) keep(levels []adaptive.Level, from, to media.Format) {
	for _, l := range levels {
		s.measured[measurement{from, to, l.Name}] = times{l.Cost, l.Slow}
		s.log.Info("quality level", "stage", "sr", "name", l.Name, "ms", float64(l.Cost.Microseconds())/1000, "slow_ms", float64(l.Slow.Microseconds())/1000)
	}
}

// calibrate measures the levels before a publisher comes, whose frame size is not known yet, on frames of a size that most machines hold.
func (s *Session) calibrate(ctx context.Context) error {
	if s.pinned() { // runs whatever it takes
		return nil
	}
	f := calibrationFrame()
	defer f.Release()
	s.calibrated = f.Format
	to := s.calibratedTo()
	levels, err := s.openLevels(ctx, f.Format, to)
	defer closeLevels(levels)
	if err != nil {
		return err
	}
	done := s.alone()
	err = adaptive.Measure(ctx, levels, f, measureTime, 100*time.Millisecond)
	done()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return deviceFault(err)
	}
	s.keep(levels, f.Format, to)
	return nil
}

// calibratedTo is the output of the calibration.
func (s *Session) calibratedTo() media.Format { return even(s.calibrated.Scaled(s.o.Scale)) }

// predict takes a level's time from the calibration, in proportion to the area of its input. Plain resampling goes by the output.
func (s *Session) predict(level string, from, to media.Format) (times, bool) {
	t, ok := s.measured[measurement{s.calibrated, s.calibratedTo(), level}]
	if !ok {
		return times{}, false
	}
	k := area(from) / area(s.calibrated)
	if level == adaptive.PlainName {
		k = area(to) / area(s.calibratedTo())
	}
	return times{time.Duration(k * float64(t.usual)), time.Duration(k * float64(t.slow))}, true
}

func area(f media.Format) float64 { return float64(f.Width) * float64(f.Height) }

// calibrationFrame is a frame of 426x240 in which no two rows are the same.
func calibrationFrame() *media.Frame {
	f := media.NewFrame(media.Format{Width: 426, Height: 240, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}})
	n := uint32(1)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			row := f.Row(p, y)
			for x := range row {
				n = n*1664525 + 1013904223
				row[x] = byte(64+x/4+y/4) + byte(n>>28)
			}
		}
	}
	return f
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
func cheapest(networks []adaptive.Level) adaptive.Level {
	return slices.MinFunc(networks, func(a, b adaptive.Level) int { return int(max(a.Slow, a.Cost) - max(b.Slow, b.Cost)) })
}

// held is the largest frame of f's shape that the quickest level, measured on frames like f, would enhance in time.
func held(f media.Format, quickest adaptive.Level, interval time.Duration) (w, h int) {
	k := math.Sqrt(adaptive.Holds(quickest, interval))
	return max(2, int(float64(f.Width)*k)&^1), max(2, int(float64(f.Height)*k)&^1)
}

// list describes the networks that were measured, and the last level that is used.
func list(used, networks []adaptive.Level, interval time.Duration) (out []Level) {
	for _, l := range append(slices.Clone(networks), used[len(used)-1]) {
		out = append(out, Level{l.Name, float64(l.Cost.Microseconds()) / 1000, float64(max(l.Slow, l.Cost).Microseconds()) / 1000, adaptive.Fits(l, interval)})
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
