package adaptive

import (
	"slices"
	"time"
)

// The rules of the controller.
const (
	window     = time.Second      // over which the slowest tenth and the drops are counted
	settle     = time.Second      // at the start, when memory is new and connections are made: not counted
	patience   = 10 * time.Second // without trouble before a step up
	impatience = 16 * patience    // the longest wait for a step up to a level that has failed again and again
	forget     = 0.95             // of a price, kept after each patience without trouble: the machine may have been busy
	tooSlow    = 0.85             // of the frame interval: step down when the 90th percentile is above
	fastEnough = 0.75             // of the frame interval: a level is stepped up to when its usual time is below
	tooMany    = 0.05             // share of dropped frames: step down when above
)

// Controller decides which level runs. It knows times only, and takes them from its caller, so tests need no clock.
type Controller struct {
	interval time.Duration   // between two frames of the source
	cost     []time.Duration // predicted time of a frame on each level, level 0 the best and dearest
	level    int
	samples  []sample
	calm     time.Time // since when nothing was wrong

	begin   time.Time
	entered time.Time       // when this level was stepped up to, zero if it was not
	wait    []time.Duration // before a step up to each level
	decayed time.Time       // when prices were lowered last
}

type sample struct {
	at      time.Time
	took    time.Duration
	dropped bool
}

// NewController starts on the best level whose predicted cost leaves room. cost must not be empty.
func NewController(interval time.Duration, cost []time.Duration, now time.Time) *Controller {
	c := &Controller{interval: interval, cost: slices.Clone(cost), calm: now, begin: now, decayed: now}
	c.wait = slices.Repeat([]time.Duration{patience}, len(cost))
	for c.level < len(cost)-1 && !c.fits(c.level) {
		c.level++
	}
	return c
}

// fits tells whether a level leaves enough time for a step up to it.
func (c *Controller) fits(level int) bool {
	return float64(c.cost[level]) < fastEnough*float64(c.interval)
}

// Fits tells whether a level holds the frame rate: whether its slowest tenth, by which the controller steps down, comes in time.
func Fits(l Level, interval time.Duration) bool {
	return float64(l.slow()) <= tooSlow*float64(interval)
}

// Holds is the largest share of a frame's area for which a level fits that was measured on the whole, 1 at most.
func Holds(l Level, interval time.Duration) float64 {
	return min(1, tooSlow*float64(interval)/max(float64(l.slow()), 1))
}

// slow is the time of the slowest tenth of frames.
func (l Level) slow() time.Duration { return max(l.Slow, l.Cost) }

// Level is the level to use for the next frame.
func (c *Controller) Level() int { return c.level }

// Predict is the expected time of a frame on the present level.
func (c *Controller) Predict() time.Duration { return c.cost[c.level] }

// SetInterval tells the controller of a source whose frame rate changed.
func (c *Controller) SetInterval(d time.Duration) {
	if d > 0 {
		c.interval = d
	}
}

// Done reports a frame that took so long on the present level. It returns true if the level changed.
func (c *Controller) Done(took time.Duration, now time.Time) bool {
	// A slow average keeps the prediction near what this machine does today.
	c.cost[c.level] += (took - c.cost[c.level]) / 16
	return c.note(sample{at: now, took: took})
}

// Dropped reports a frame that was not processed. It returns true if the level changed.
func (c *Controller) Dropped(now time.Time) bool { return c.note(sample{at: now, dropped: true}) }

func (c *Controller) note(s sample) bool {
	if s.at.Sub(c.begin) < settle {
		return false
	}
	c.samples = append(c.samples, s)
	old := 0
	for old < len(c.samples) && s.at.Sub(c.samples[old].at) > window {
		old++
	}
	full := old > 0 // the window is covered
	c.samples = slices.Delete(c.samples, 0, old)
	if !full {
		return false
	}
	if c.troubled() {
		c.calm, c.decayed = s.at, s.at
		// A level that fails soon after it was tried again is left alone for longer each time.
		if !c.entered.IsZero() && s.at.Sub(c.entered) < 2*c.wait[c.level] {
			c.wait[c.level] = min(2*c.wait[c.level], impatience)
		}
		return c.step(+1, s.at)
	}
	if c.level == 0 {
		return false
	}
	if s.at.Sub(c.decayed) >= patience {
		c.decayed = s.at
		c.cost[c.level-1] = time.Duration(forget * float64(c.cost[c.level-1]))
	}
	if s.at.Sub(c.calm) >= c.wait[c.level-1] && c.fits(c.level-1) {
		return c.step(-1, s.at)
	}
	return false
}

func (c *Controller) troubled() bool {
	var took []time.Duration
	for _, s := range c.samples {
		if !s.dropped {
			took = append(took, s.took)
		}
	}
	drops := len(c.samples) - len(took)
	if float64(drops) > tooMany*float64(len(c.samples)) {
		return true
	}
	slices.Sort(took)
	return len(took) > 0 && float64(took[len(took)*9/10]) > tooSlow*float64(c.interval)
}

func (c *Controller) step(by int, now time.Time) bool {
	next := min(max(c.level+by, 0), len(c.cost)-1)
	changed := next != c.level
	c.level, c.calm = next, now
	if changed {
		c.samples, c.entered = c.samples[:0], time.Time{}
		if by < 0 {
			c.entered = now
		}
	}
	return changed
}
