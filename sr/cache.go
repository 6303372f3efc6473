package sr

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vsr/media"
)

// maxRecords bounds the memory of the per-scene record; scenes beyond are only counted.
const maxRecords = 20000

// SceneRecord says what was estimated for one scene.
type SceneRecord struct {
	Index      uint64 `json:"index"`       // the scene number that the frames carry
	FirstFrame int64  `json:"first_frame"` // number of the scene's first frame, from 0
	FirstPTS   int64  `json:"first_pts"`
	Estimates  int    `json:"estimates"` // how often the estimator ran
	// Like is the earlier scene whose estimate this one has, because it returns to it; 0 means its own.
	Like   uint64    `json:"like,omitempty"`
	Vector []float32 `json:"idr"` // the degradation vector in use at the scene's end
	// Estimate is the vector as it was estimated, where Options.Adjust has changed it.
	Estimate []float32 `json:"idr_estimate,omitempty"`
}

// cache holds the degradation of the scene that is running. Its key is the scene number, not a cut flag, so nothing is
// lost when the frame that carried the cut was dropped.
type cache struct {
	engine Engine
	opts   Options

	running bool // scene, current and vector are set
	scene   uint64
	current Degradation
	vector  []float32            // as estimated
	used    []float32            // that current was made from: vector, or what Options.Adjust makes of it
	good    int                  // estimates from informative frames that went into vector
	age     int                  // frames since the last estimate
	known   map[uint64][]float32 // settled estimates, for scenes that return

	from, to []float32 // of a change under way: see Options.Fade
	faded    int       // frames of it that are done
}

// event says what find did.
type event struct {
	scene, estimated, modulated bool
	like                        uint64 // the scene whose estimate was taken
}

// settled reports whether the estimate of the running scene stays: no later frame of it changes it.
func (c *cache) settled() bool {
	return c.running && c.opts.Refresh == 0 && c.good >= max(1, c.opts.Average)
}

// note remembers the estimate of the running scene once it is settled. Scenes of high numbers are not remembered, by a rule that is the
// same for every worker.
func (c *cache) note() {
	if c.scene > maxRecords || !c.settled() || c.known[c.scene] != nil {
		return
	}
	if c.known == nil {
		c.known = map[uint64][]float32{}
	}
	c.known[c.scene] = c.vector
}

// begin takes the degradation of a scene from its first frame: that of the scene it returns to, if that one had an informative frame,
// or an estimate.
func (c *cache) begin(ctx context.Context, f *media.Frame) (event, error) {
	v, returns := c.known[f.Like]
	if !returns {
		var err error
		if v, err = c.estimate(ctx, f); err != nil {
			return event{}, err
		}
	}
	c.running, c.scene = false, f.Scene
	if err := c.adopt(ctx, v); err != nil {
		return event{}, err
	}
	if returns {
		c.running, c.age, c.good, c.to = true, 0, max(1, c.opts.Average), nil
		return event{scene: true, modulated: true, like: f.Like}, nil
	}
	tells, err := Informative(f)
	if err != nil {
		return event{}, err
	}
	c.running, c.age, c.good, c.to = true, 0, 0, nil
	if tells {
		c.good = 1
	}
	c.note()
	return event{scene: true, estimated: true, modulated: true}, nil
}

// find returns the degradation for f, estimating it if the scene is new or the options ask for it again.
//
// A scene that returns to one whose degradation is settled has that one's. Otherwise the first frame decides. If it is black or faded its vector serves until the first informative frame comes, which is estimated
// once more. Average goes on estimating informative frames and takes the mean. Refresh starts over after so many frames.
func (c *cache) find(ctx context.Context, f *media.Frame) (Degradation, event, error) {
	if !c.running || f.Scene != c.scene {
		did, err := c.begin(ctx, f)
		return c.current, did, err
	}
	c.age++
	if c.to != nil {
		err := c.fade(ctx)
		return c.current, event{modulated: true}, err
	}
	averaging := c.good < max(1, c.opts.Average)
	refresh := c.opts.Refresh > 0 && c.age >= c.opts.Refresh
	if !averaging && !refresh {
		return c.current, event{}, nil
	}
	if tells, err := Informative(f); err != nil || !tells {
		return c.current, event{}, err
	}
	v, err := c.estimate(ctx, f)
	if err != nil {
		return nil, event{}, err
	}
	c.age = 0
	if !averaging {
		if c.opts.Drift > 0 && distance(v, c.vector) <= c.opts.Drift {
			return c.current, event{estimated: true}, nil
		}
		c.good = 0
		if c.opts.Fade > 1 {
			c.from, c.to, c.faded, c.good = c.vector, v, 0, 1
			err := c.fade(ctx)
			return c.current, event{estimated: true, modulated: true}, err
		}
	}
	for i := range v { // the mean of all informative frames so far
		v[i] = (float32(c.good)*c.vector[i] + v[i]) / float32(c.good+1)
	}
	if err := c.adopt(ctx, v); err != nil {
		return nil, event{}, err
	}
	c.good++
	c.note()
	return c.current, event{estimated: true, modulated: true}, nil
}

// fade goes one frame further from the old vector to the new one.
func (c *cache) fade(ctx context.Context) error {
	c.faded++
	v := c.to
	if part := float32(c.faded) / float32(c.opts.Fade); part < 1 {
		v = make([]float32, len(c.to))
		for i := range v {
			v[i] = c.from[i] + part*(c.to[i]-c.from[i])
		}
	} else {
		c.to = nil
	}
	return c.adopt(ctx, v)
}

// estimate returns a vector that the caller may change, after a check that a broken engine or file would fail.
func (c *cache) estimate(ctx context.Context, f *media.Frame) ([]float32, error) {
	v, err := c.engine.Estimate(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("estimate: %w", err)
	}
	if c.vector != nil && len(v) != len(c.vector) {
		return nil, fmt.Errorf("estimate: %d values, after %d before", len(v), len(c.vector))
	}
	v = append([]float32(nil), v...)
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("estimate: value %d is %g", i, x)
		}
	}
	return v, nil
}

// adopt makes v, as adjusted, the vector in use. After an error the old one still is.
func (c *cache) adopt(ctx context.Context, v []float32) error {
	used := v
	if c.opts.Adjust != nil {
		used = c.opts.Adjust(c.scene, slices.Clone(v))
	}
	d, err := c.engine.Modulate(ctx, used)
	if err != nil {
		return fmt.Errorf("modulate: %w", err)
	}
	old := c.current
	c.current, c.vector, c.used = d, v, used
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("modulate: %w", err)
		}
	}
	return nil
}

// close gives the degradation back.
func (c *cache) close() error {
	if c.current == nil {
		return nil
	}
	err := c.current.Close()
	c.current, c.running = nil, false
	return err
}

// distance is how far b lies from a, relative to the length of b.
func distance(a, b []float32) float64 {
	var d, n float64
	for i := range b {
		d += float64(a[i]-b[i]) * float64(a[i]-b[i])
		n += float64(b[i]) * float64(b[i])
	}
	if d == 0 {
		return 0
	}
	return math.Sqrt(d / n)
}
