// Package adaptive holds the frame rate of live video: it runs the best of several upscalers that is fast enough, drops frames
// that would come too late, and always gives frames of one size.
//
// In: frames as they come. Out: frames of the output format, or nothing for a frame that was dropped. The last level is plain
// resampling, so there is always a frame to show.
package adaptive

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vsr/media"
)

// Level is one way to make the output. Process consumes the frame and returns one of the upscaler's output format.
type Level struct {
	Name     string
	Enhanced bool          // false for plain resampling
	Cost     time.Duration // of a frame, as measured, when nothing disturbs
	Slow     time.Duration // of the slowest tenth of frames, as measured; 0 is Cost
	Process  func(ctx context.Context, f *media.Frame) (*media.Frame, error)
	Close    func() error
}

// Options configures an Upscaler.
type Options struct {
	Interval   time.Duration // between frames of the source; default 1/30 s
	MaxLatency time.Duration // age at which a frame is not worth starting; default 150 ms
	Pinned     bool          // the first level stays whatever it costs; the last one runs only when enhancement is switched off
	Logger     *slog.Logger
	// OnChange is called with every change of the level, from the goroutine that processes frames.
	OnChange func(r Level)
	now      func() time.Time
}

// Stats counts what happened. All counts only grow.
type Stats struct {
	Processed int           `json:"processed"`
	Deadline  int           `json:"deadline"` // dropped because they would have come too late
	Changes   int           `json:"changes"`
	Level     int           `json:"level"`
	Name      string        `json:"name"`
	Enhanced  bool          `json:"enhanced"`
	Took      time.Duration `json:"took"` // slow average
}

// Upscaler runs one level at a time. Process is for one goroutine; the other methods are for any.
type Upscaler struct {
	levels []Level
	o      Options

	mu      sync.Mutex
	control *Controller
	enhance bool
	stats   Stats
}

// New makes an upscaler of the given levels, best first; the last one runs when enhancement is switched off. A level that costs as
// much as a better one is closed and left out. One level alone stays whatever it costs.
func New(levels []Level, o Options) (*Upscaler, error) {
	if len(levels) == 0 {
		return nil, errors.New("adaptive: no levels")
	}
	if o.Interval <= 0 {
		o.Interval = time.Second / 30
	}
	if o.MaxLatency <= 0 {
		o.MaxLatency = 150 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	levels, cost := useful(levels)
	if o.Pinned {
		cost = cost[:1]
	}
	u := &Upscaler{levels: levels, o: o, enhance: true, control: NewController(o.Interval, cost, o.now())}
	u.control.level = 0
	for u.control.level < len(cost)-1 && !Fits(levels[u.control.level], o.Interval) {
		u.control.level++
	}
	return u, nil
}

// useful leaves out levels that no step down could be for: each must cost less than all better ones. The last level is always kept,
// for those who switch enhancement off; cost, which is what the controller steps through, may end before it.
func useful(levels []Level) (kept []Level, cost []time.Duration) {
	for i, l := range levels {
		dearer := len(cost) > 0 && l.Cost >= cost[len(cost)-1] && l.Cost > 0
		switch {
		case !dearer:
			kept, cost = append(kept, l), append(cost, l.Cost)
		case i == len(levels)-1:
			kept = append(kept, l)
		case l.Close != nil:
			l.Close()
		}
	}
	return kept, cost
}

// SetEnhance switches enhancement off (the last level) and on again.
func (u *Upscaler) SetEnhance(on bool) {
	u.mu.Lock()
	u.enhance = on
	u.mu.Unlock()
}

// SetInterval tells of a source whose frame rate became known.
func (u *Upscaler) SetInterval(d time.Duration) {
	u.mu.Lock()
	u.control.SetInterval(d)
	u.mu.Unlock()
}

// Superseded reports a frame that the queue before the upscaler dropped.
func (u *Upscaler) Superseded() {
	u.afterwards(func(now time.Time) bool { return u.control.Dropped(now) })
}

// Process upscales a frame captured at the given time. It returns nil, nil for a frame that would come too late.
func (u *Upscaler) Process(ctx context.Context, f *media.Frame, captured time.Time) (*media.Frame, error) {
	began := u.o.now()
	r, late := u.choose(began.Sub(captured))
	if late {
		f.Release()
		u.afterwards(func(now time.Time) bool { return u.control.Dropped(now) })
		return nil, nil
	}
	out, err := r.Process(ctx, f)
	if err != nil {
		return nil, err
	}
	took := u.o.now().Sub(began)
	u.afterwards(func(now time.Time) bool {
		u.stats.Processed++
		u.stats.Took += (took - u.stats.Took) / 8
		if !u.enhance {
			return false // plain resampling on request says nothing about the levels
		}
		return u.control.Done(took, now)
	})
	return out, nil
}

// choose picks the level and says whether a frame of this age is too late for it.
func (u *Upscaler) choose(age time.Duration) (r Level, late bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := u.control.Level()
	if !u.enhance {
		i = len(u.levels) - 1
	}
	u.stats.Level, u.stats.Name, u.stats.Enhanced = i, u.levels[i].Name, u.levels[i].Enhanced
	// A frame that has not even aged by one interval is the freshest there is: a level too slow for the deadline still gives
	// frames, as late as it must.
	if age > u.o.Interval && age+u.control.Predict() > u.o.MaxLatency && u.enhance {
		u.stats.Deadline++
		return r, true
	}
	return u.levels[i], false
}

// afterwards runs a controller update under the lock and tells of a change outside it.
func (u *Upscaler) afterwards(update func(now time.Time) bool) {
	u.mu.Lock()
	changed := update(u.o.now())
	r := u.levels[u.control.Level()]
	if changed {
		u.stats.Changes++
	}
	u.mu.Unlock()
	if !changed {
		return
	}
	u.o.Logger.Info("level changed", "stage", "sr", "level", r.Name, "enhanced", r.Enhanced)
	if u.o.OnChange != nil {
		u.o.OnChange(r)
	}
}

// Stats returns the counts so far.
func (u *Upscaler) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stats
}

// Close closes every level.
func (u *Upscaler) Close() error {
	var errs []error
	for _, r := range u.levels {
		if r.Close != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}
