package adaptive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"vsr/media"
	"vsr/sr"
)

// poolFrames is how many output frames a level may have under way: one being made, and one waiting and one being encoded for each of
// two encoders.
const poolFrames = 6

// level resamples to the network's input size, runs the network, and resamples to the output's.
type level struct {
	net *sr.Upscaler // nil for plain resampling
	in  *fitter      // to the size that the network is given
	out *fitter      // to the upscaler's output
}

// Network makes a level of an upscaler: frames of any format are resampled to from.Width x from.Height divided by reduce (1 or
// more), run through u and resampled to the format to. The level owns u.
func Network(name string, u *sr.Upscaler, from, to media.Format, reduce float64) Level {
	small := from
	small.Width = max(2, int(float64(from.Width)/reduce+0.5)&^1)
	small.Height = max(2, int(float64(from.Height)/reduce+0.5)&^1)
	r := &level{net: u, in: &fitter{to: small}, out: &fitter{to: to}}
	return Level{Name: name, Enhanced: true, Process: r.process, Close: r.close}
}

// PlainName is the name of the level that Plain makes.
const PlainName = "resampling"

// Plain makes the last level: resampling alone.
func Plain(to media.Format) Level {
	r := &level{out: &fitter{to: to}}
	return Level{Name: PlainName, Process: r.process, Close: r.close}
}

func (r *level) process(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	var err error
	if r.net != nil {
		if f, err = r.in.fit(ctx, f); err != nil {
			return nil, err
		}
		if f, err = r.net.Process(ctx, f); err != nil {
			return nil, err
		}
	}
	return r.out.fit(ctx, f)
}

func (r *level) close() error {
	if r.net == nil {
		return nil
	}
	return r.net.Close()
}

// fitter resamples frames of any format to one. Frames that fit already pass through.
type fitter struct {
	to      media.Format
	from    media.Format
	resizer *sr.Resizer
	pool    *media.Pool
}

// fit consumes f.
func (t *fitter) fit(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	target := t.to
	if f.Width == target.Width && f.Height == target.Height && f.Layout == target.Layout && f.Depth == target.Depth {
		return f, nil
	}
	defer f.Release()
	// Color is carried, never converted: the encoder was told the first frame's, and cameras do not change it.
	target.Color, target.Alpha = f.Color, f.Alpha
	if t.resizer == nil || t.from != f.Format {
		r, err := sr.NewResizer(f.Format, target)
		if err != nil {
			return nil, fmt.Errorf("adaptive: %v to %v: %w", f.Format, target, err)
		}
		t.resizer, t.from, t.pool = r, f.Format, media.NewPool(target, poolFrames, nil)
	}
	out, err := t.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.resizer.Resize(out, f); err != nil {
		out.Release()
		return nil, err
	}
	out.CopyProps(f)
	return out, nil
}

// The measurement at the start.
const (
	warmUps    = 2  // calls that make plans and pools, and wake the threads
	fewest     = 5  // measured calls, however slow
	mostCalls  = 50 // measured calls, however quick
	lowestPart = 4  // the cost is the first quartile
)

// Measure runs every level on frames like f for about the given time each and sets its Cost to the first quartile, what a frame
// takes when nothing disturbs, and Slow to what the slowest tenth takes. A level taken for too quick is left after a second, one taken for too slow only after ten. The levels
// take turns, so that a slow moment of the machine does not hit one alone. One that takes longer than hopeless for every call is
// left after three, since somebody waits. f stays the caller's.
// No two frames in a row are the same, because engines do not upscale a copy of the frame before.
func Measure(ctx context.Context, levels []Level, f *media.Frame, each, hopeless time.Duration) error {
	costs := make([][]time.Duration, len(levels))
	spent := make([]time.Duration, len(levels))
	least := slices.Repeat([]time.Duration{math.MaxInt64}, len(levels))
	for call, busy := 0, true; busy; call++ {
		busy = false
		for i := range levels {
			n := len(costs[i])
			if call >= warmUps && (n >= fewest && (n >= mostCalls || spent[i] >= each) || n > 0 && least[i] > hopeless) {
				continue
			}
			busy = true
			took, err := timed(ctx, &levels[i], variant(f, call))
			if err != nil {
				return err
			}
			if call > 0 { // the first one makes plans
				least[i] = min(least[i], took)
			}
			if call >= warmUps {
				costs[i], spent[i] = append(costs[i], took), spent[i]+took
			}
		}
	}
	for i := range levels {
		slices.Sort(costs[i])
		levels[i].Cost, levels[i].Slow = costs[i][len(costs[i])/lowestPart], costs[i][(len(costs[i])-1)*9/10]
	}
	return nil
}

// timed runs a level once. It consumes f.
func timed(ctx context.Context, r *Level, f *media.Frame) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		f.Release()
		return 0, err
	}
	start := time.Now()
	out, err := r.Process(ctx, f)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("adaptive: level %s", r.Name), err)
	}
	out.Release()
	return time.Since(start), nil
}

// variant is a copy of f, all of whose luma depends on n: engines do not compute again what has not changed since the last call.
func variant(f *media.Frame, n int) *media.Frame {
	g := media.NewFrame(f.Format)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			copy(g.Row(p, y), f.Row(p, y))
		}
	}
	g.CopyProps(f)
	step := 1
	if f.Depth > 8 {
		step = 2 // the low byte comes first
	}
	for y := range f.Height {
		row := g.Row(0, y)
		for x := 0; x < len(row); x += step {
			row[x] ^= byte(n & 7)
		}
	}
	return g
}
