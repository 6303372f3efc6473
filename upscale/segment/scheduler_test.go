package segment

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"vsr/media"
)

// numbers finds n tasks.
func numbers(n int) func(context.Context, func(Task) error) error {
	return func(_ context.Context, found func(Task) error) error {
		for i := range n {
			if err := found(Task{Range: Range{Index: i}}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Every task is done once, by whoever is free.
func TestSchedulerDoesEveryTask(t *testing.T) {
	for _, workers := range []int{1, 3} {
		var mu sync.Mutex
		var done []int
		s := Scheduler{Find: numbers(50)}
		for range workers {
			s.Workers = append(s.Workers, func(_ context.Context, task Task) error {
				mu.Lock()
				defer mu.Unlock()
				done = append(done, task.Index)
				return nil
			})
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(done); len(done) != 50 || len(slices.Compact(done)) != 50 {
			t.Errorf("%d workers: %v", workers, done)
		}
	}
}

// The first error ends the search and the other workers, and a stop begins no other task but lets the search end.
func TestSchedulerEnds(t *testing.T) {
	failed := errors.New("failed")
	busy := func(ctx context.Context, task Task) error {
		if task.Index == 3 {
			return failed
		}
		return nil
	}
	s := Scheduler{Find: numbers(1 << 20), Workers: []func(context.Context, Task) error{busy, busy}}
	if err := s.Run(t.Context()); !errors.Is(err, failed) {
		t.Errorf("a worker fails: %v", err)
	}
	s.Find = func(context.Context, func(Task) error) error { return failed }
	if err := s.Run(t.Context()); !errors.Is(err, failed) {
		t.Errorf("the search fails: %v", err)
	}

	var stopped atomic.Bool
	var done atomic.Int64
	s = Scheduler{Find: numbers(1000), Stopped: stopped.Load, Workers: []func(context.Context, Task) error{func(context.Context, Task) error {
		stopped.Store(true)
		done.Add(1)
		return nil
	}}}
	if err := s.Run(t.Context()); err != nil || done.Load() != 1 {
		t.Errorf("stopped: %d tasks, %v", done.Load(), err)
	}

	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	s = Scheduler{Find: numbers(1 << 20), Workers: []func(context.Context, Task) error{func(ctx context.Context, _ Task) error {
		cancel(cause)
		<-ctx.Done()
		return ctx.Err()
	}}}
	if err := s.Run(ctx); err != cause {
		t.Errorf("cancelled: %v, want its cause", err)
	}
}

// The tasks of a Finder follow each other without a gap, and a stop leaves out the one that is not whole.
func TestFinder(t *testing.T) {
	for _, stop := range []bool{false, true} {
		var tasks []Task
		f := Finder{Segmenter: Segmenter{Min: 3, Max: 4}, Stopped: func() bool { return stop }, Found: func(task Task) error {
			tasks = append(tasks, task)
			return nil
		}}
		for i := range 10 {
			frame := media.NewFrame(media.Format{Width: 2, Height: 2, Layout: media.YUV420, Depth: 8})
			frame.PTS, frame.Scene = int64(2*i), uint64(1+i/5)
			if err := f.Write(t.Context(), media.Unit{Frame: frame}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		next := int64(0)
		for i, task := range tasks {
			if task.Index != i || task.First != next || task.FirstPTS != 2*next || (task.Before == nil) != (i == 0) || int64(len(task.Fingerprints)) != task.Frames {
				t.Errorf("task %d: %+v", i, task.Range)
			}
			next += task.Frames
		}
		if want := map[bool]int64{false: 10, true: 8}[stop]; next != want || f.Index.Frames() != 10 {
			t.Errorf("stopped %v: tasks of %d frames, want %d; %d indexed", stop, next, want, f.Index.Frames())
		}
	}
}
