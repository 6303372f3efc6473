// Package ladder holds the frame rate of live video: it runs the best of several upscalers that is fast enough, drops frames
// that would come too late, and always gives pictures of one size.
//
// In: frames as they come. Out: frames of the output format, or nothing for a frame that was dropped. The last rung is plain
// resampling, so there is always a picture.
package ladder

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vsr/media"
)

// Rung is one way to make the output. Process consumes the frame and returns one of the ladder's output format.
type Rung struct {
	Name     string
	Enhanced bool          // false for plain resampling
	Cost     time.Duration // measured at start
	Process  func(ctx context.Context, f *media.Frame) (*media.Frame, error)
	Close    func() error
}

// Options configures a Ladder.
type Options struct {
	Interval   time.Duration // between frames of the source; default 1/30 s
	MaxLatency time.Duration // age at which a frame is not worth starting; default 150 ms
	Logger     *slog.Logger
	// OnChange is called with every change of the rung, from the goroutine that processes frames.
	OnChange func(r Rung)
	now      func() time.Time
}

// Stats counts what happened. All counts only grow.
type Stats struct {
	Processed int           `json:"processed"`
	Deadline  int           `json:"deadline"` // dropped because they would have come too late
	Changes   int           `json:"changes"`
	Rung      int           `json:"rung"`
	Name      string        `json:"name"`
	Enhanced  bool          `json:"enhanced"`
	Took      time.Duration `json:"took"` // slow average
}

// Ladder runs one rung at a time. Process is for one goroutine; the other methods are for any.
type Ladder struct {
	rungs []Rung
	o     Options

	mu      sync.Mutex
	control *Controller
	enhance bool
	stats   Stats
}

// New makes a ladder of the given rungs, best first. One rung alone is pinned: it stays whatever it costs.
func New(rungs []Rung, o Options) (*Ladder, error) {
	if len(rungs) == 0 {
		return nil, errors.New("ladder: no rungs")
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
	cost := make([]time.Duration, len(rungs))
	for i, r := range rungs {
		cost[i] = r.Cost
	}
	return &Ladder{rungs: rungs, o: o, enhance: true, control: NewController(o.Interval, cost, o.now())}, nil
}

// SetEnhance switches enhancement off (the last rung) and on again.
func (l *Ladder) SetEnhance(on bool) {
	l.mu.Lock()
	l.enhance = on
	l.mu.Unlock()
}

// SetInterval tells of a source whose frame rate became known.
func (l *Ladder) SetInterval(d time.Duration) {
	l.mu.Lock()
	l.control.SetInterval(d)
	l.mu.Unlock()
}

// Superseded reports a frame that the queue before the ladder dropped.
func (l *Ladder) Superseded() {
	l.afterwards(func(now time.Time) bool { return l.control.Dropped(now) })
}

// Process upscales a frame captured at the given time. It returns nil, nil for a frame that would come too late.
func (l *Ladder) Process(ctx context.Context, f *media.Frame, captured time.Time) (*media.Frame, error) {
	began := l.o.now()
	r, late := l.choose(began.Sub(captured))
	if late {
		f.Release()
		l.afterwards(func(now time.Time) bool { return l.control.Dropped(now) })
		return nil, nil
	}
	out, err := r.Process(ctx, f)
	if err != nil {
		return nil, err
	}
	took := l.o.now().Sub(began)
	l.afterwards(func(now time.Time) bool {
		l.stats.Processed++
		l.stats.Took += (took - l.stats.Took) / 8
		if !l.enhance {
			return false // plain resampling on request says nothing about the rungs
		}
		return l.control.Done(took, now)
	})
	return out, nil
}

// choose picks the rung and says whether a frame of this age is too late for it.
func (l *Ladder) choose(age time.Duration) (r Rung, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.control.Rung()
	if !l.enhance {
		i = len(l.rungs) - 1
	}
	l.stats.Rung, l.stats.Name, l.stats.Enhanced = i, l.rungs[i].Name, l.rungs[i].Enhanced
	// A frame that has not even aged by one interval is the freshest there is: a rung too slow for the deadline still gives
	// pictures, as late as it must.
	if age > l.o.Interval && age+l.control.Predict() > l.o.MaxLatency && l.enhance {
		l.stats.Deadline++
		return r, true
	}
	return l.rungs[i], false
}

// afterwards runs a controller update under the lock and tells of a change outside it.
func (l *Ladder) afterwards(update func(now time.Time) bool) {
	l.mu.Lock()
	changed := update(l.o.now())
	r := l.rungs[l.control.Rung()]
	if changed {
		l.stats.Changes++
	}
	l.mu.Unlock()
	if !changed {
		return
	}
	l.o.Logger.Info("rung changed", "room", "sr", "rung", r.Name, "enhanced", r.Enhanced)
	if l.o.OnChange != nil {
		l.o.OnChange(r)
	}
}

// Stats returns the counts so far.
func (l *Ladder) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Close closes every rung.
func (l *Ladder) Close() error {
	var errs []error
	for _, r := range l.rungs {
		if r.Close != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}
