package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"vsr/internal/synth"
	"vsr/media"
	"vsr/scene"
	"vsr/sr/engines"
)

// measureCost prints what finding scenes costs of a frame of nano-x2: both take the same frames in turn, on one thread, so that what
// else the machine does meets both.
func measureCost(ctx context.Context, out io.Writer, o options) error {
	const frames = 48
	c, err := synth.New("hard", 1, synth.Options{Width: o.width, Height: o.height})
	if err != nil {
		return err
	}
	e, err := engines.Open(ctx, engines.Options{Model: "nano-x2", Device: "cpu", Threads: 1})
	if err != nil {
		return err
	}
	defer e.Close()
	in := media.NewFrame(c.Format())
	large := media.NewFrame(in.Scaled(e.Scale()))
	c.Draw(in, 0)
	v, err := e.Estimate(ctx, in)
	if err != nil {
		return err
	}
	kernels, err := e.Modulate(ctx, v)
	if err != nil {
		return err
	}
	defer kernels.Close()
	detector := scene.New(scene.Options{})
	var found, enlarged []time.Duration
	for i := range min(frames, c.Frames) {
		c.Draw(in, i)
		start := time.Now()
		detector.Mark(in)
		middle := time.Now()
		if err := e.Upscale(ctx, large, in, kernels); err != nil {
			return err
		}
		found, enlarged = append(found, middle.Sub(start)), append(enlarged, time.Since(middle))
	}
	slices.Sort(found)
	slices.Sort(enlarged)
	a, b := found[len(found)/2], enlarged[len(enlarged)/2]
	fmt.Fprintf(out, "%dx%d, medians of %d frames on one thread: scenes %v, nano-x2 %v, %.2f %%\n", o.width, o.height, len(found),
		a.Round(time.Microsecond), b.Round(time.Microsecond), 100*float64(a)/float64(b))
	return nil
}
