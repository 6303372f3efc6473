package upscale

import (
	"context"
	"io"
	"slices"

	"vsr/media"
	"vsr/pipeline"
)

// feed hands the units of the search to the only worker of a job, which decodes nothing itself. The worker reads from it.
type feed struct{ units chan media.Unit }

// Next returns the next unit, io.EOF when the search has come to its end.
func (f feed) Next(ctx context.Context) (media.Unit, error) {
	select {
	case u, ok := <-f.units:
		if !ok {
			return u, io.EOF
		}
		return u, nil
	case <-ctx.Done():
		return media.Unit{}, ctx.Err()
	}
}

// Close does nothing: the search ends with its context.
func (f feed) Close() error { return nil }

// feedSink is the sink of the search, which fills the feed.
type feedSink struct{ feed }

// Write waits until the worker takes u.
func (f feedSink) Write(ctx context.Context, u media.Unit) error {
	select {
	case f.units <- u:
		return nil
	case <-ctx.Done():
		u.Release()
		return ctx.Err()
	}
}

// Close ends the feed.
func (f feedSink) Close() error {
	close(f.units)
	return nil
}

// Abort leaves the feed open, so that the worker does not take it for a whole one: the error of the search ends the worker's context.
func (f feedSink) Abort() error { return nil }

// find is the scene stage: it numbers scenes, follows the format and checks that the input is still the one of the work folder.
func (j *Job) find(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	if err := j.observe(ctx, f); err != nil {
		return f, err
	}
	n := int64(len(j.times))
	if err := j.work.sameSource(n, f); err != nil {
		return f, err
	}
	j.times = append(j.times, f.PTS)
	j.adjuster.place(f.Scene, n)
	return f, nil
}

// observe is what is done with every frame of a source, in order: it numbers scenes and follows the format.
func (j *Job) observe(ctx context.Context, f *media.Frame) error {
	if err := j.markScene(ctx, f); err != nil {
		return err
	}
	if f.Repeat {
		j.repeated++
	}
	return j.changes.observe(f)
}

// addStats adds up what stages of the same name have done.
func addStats(sum []pipeline.StageStats, more []pipeline.StageStats) []pipeline.StageStats {
	for _, r := range more {
		i := slices.IndexFunc(sum, func(have pipeline.StageStats) bool { return have.Name == r.Name })
		if i < 0 {
			sum = append(sum, r)
			continue
		}
		have := &sum[i]
		have.FramesIn, have.FramesOut, have.Busy, have.BusyMS = have.FramesIn+r.FramesIn, have.FramesOut+r.FramesOut, have.Busy+r.Busy, have.BusyMS+r.BusyMS
	}
	return sum
}
