package segment

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vsr/media"
)

// Finder is a pipeline sink that finds the segments of a source. It keeps a fingerprint of every frame and releases the frame.
type Finder struct {
	Segmenter Segmenter
	Index     FrameIndex
	// Found is called with the task of each segment, in order, as soon as the segment's end is known. An error ends the search.
	Found func(Task) error
	// Stopped, when it is true at Close, leaves out the last segment, which is not whole then. Nil is never true.
	Stopped func() bool

	current Range
	before  *Range
}

// Write indexes a frame. Packets are ignored.
func (f *Finder) Write(_ context.Context, u media.Unit) error {
	defer u.Release()
	if u.Frame == nil {
		return nil
	}
	r, begins := f.Segmenter.Next(u.Frame.Scene, u.Frame.PTS)
	if begins {
		if err := f.found(); err != nil {
			return err
		}
	}
	f.current = r
	f.Index.Add(u.Frame)
	return nil
}

// found reports the segment that has just ended.
func (f *Finder) found() error {
	if f.current.Frames == 0 {
		return nil
	}
	t, err := f.Index.Task(f.current, f.before)
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	before := f.current
	f.before = &before
	return f.Found(t)
}

// Close reports the last segment.
func (f *Finder) Close() error {
	if f.Stopped != nil && f.Stopped() {
		return nil
	}
	return f.found()
}

// Scheduler hands tasks to workers in the order in which they are found. Every worker takes the next task when it is free, so that
// fast devices make more segments than slow ones.
type Scheduler struct {
	// Find calls found for each task, in order, and returns after the last. found waits while all workers are busy and enough tasks
	// are waiting.
	Find func(ctx context.Context, found func(Task) error) error
	// Workers make segments, each in a goroutine of its own and one segment at a time.
	Workers []func(context.Context, Task) error
	// Stopped, when it is true, makes workers begin no other segment. Nil is never true.
	Stopped func() bool
}

// Run returns when all tasks are done, after the first error, or with the cause of ctx. All goroutines have ended then.
func (s *Scheduler) Run(ctx context.Context) error {
	tasks := make(chan Task, 2*len(s.Workers))
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(tasks)
		return s.Find(gctx, func(t Task) error {
			select {
			case tasks <- t:
				return nil
			case <-gctx.Done():
				return gctx.Err()
			}
		})
	})
	for _, work := range s.Workers {
		g.Go(func() error {
			for t := range tasks {
				if s.Stopped != nil && s.Stopped() || gctx.Err() != nil {
					continue // Find must not wait for ever
				}
				if err := work(gctx, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
