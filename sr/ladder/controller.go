package ladder

import (
	"slices"
	"time"
)

// The rules of the controller.
const (
	window     = time.Second      // over which the slowest tenth and the drops are counted
	patience   = 10 * time.Second // without trouble before a step up
	tooSlow    = 0.85             // of the frame interval: step down when the 90th percentile is above
	fastEnough = 0.60             // of the frame interval: step up when the next rung's prediction is below
	tooMany    = 0.05             // share of dropped frames: step down when above
)

// Controller decides which rung runs. It knows times only, and takes them from its caller, so tests need no clock.
type Controller struct {
	interval time.Duration   // between two frames of the source
	cost     []time.Duration // predicted time of a frame on each rung, rung 0 the best and dearest
	rung     int
	samples  []sample
	calm     time.Time // since when nothing was wrong
}

type sample struct {
	at      time.Time
	took    time.Duration
	dropped bool
}

// NewController starts on the best rung whose predicted cost leaves room. cost must not be empty.
func NewController(interval time.Duration, cost []time.Duration, now time.Time) *Controller {
	c := &Controller{interval: interval, cost: slices.Clone(cost), calm: now}
	for c.rung < len(cost)-1 && !c.fits(c.rung) {
		c.rung++
	}
	return c
}

func (c *Controller) fits(rung int) bool {
	return float64(c.cost[rung]) < fastEnough*float64(c.interval)
}

// Rung is the rung to use for the next frame.
func (c *Controller) Rung() int { return c.rung }

// Predict is the expected time of a frame on the present rung.
func (c *Controller) Predict() time.Duration { return c.cost[c.rung] }

// SetInterval tells the controller of a source whose frame rate changed.
func (c *Controller) SetInterval(d time.Duration) {
	if d > 0 {
		c.interval = d
	}
}

// Done reports a frame that took so long on the present rung. It returns true if the rung changed.
func (c *Controller) Done(took time.Duration, now time.Time) bool {
	// A slow average keeps the prediction near what this machine does today.
	c.cost[c.rung] += (took - c.cost[c.rung]) / 16
	return c.note(sample{at: now, took: took})
}

// Dropped reports a frame that was not processed. It returns true if the rung changed.
func (c *Controller) Dropped(now time.Time) bool { return c.note(sample{at: now, dropped: true}) }

func (c *Controller) note(s sample) bool {
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
		c.calm = s.at
		return c.step(+1, s.at)
	}
	if s.at.Sub(c.calm) >= patience && c.rung > 0 && c.fits(c.rung-1) {
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
	next := min(max(c.rung+by, 0), len(c.cost)-1)
	changed := next != c.rung
	c.rung, c.calm = next, now
	if changed {
		c.samples = c.samples[:0]
	}
	return changed
}
