package data

import (
	"context"
	"sync"
)

// Stream hands out the batches of consecutive steps, drawn ahead of time by several workers.
type Stream struct {
	s      *Sampler
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// out
	slots chan chan prepared // in order of steps; its capacity bounds how far workers run ahead
	free  chan *Batch
}

type prepared struct {
	batch *Batch
	err   error
}

// Prefetch starts workers that draw the batches from step first on, at most ahead batches before they are asked for. What a batch
// holds does not depend on either number. Both default to 2.
func (s *Sampler) Prefetch(ctx context.Context, first, workers, ahead int) *Stream {
	if workers < 1 {
		workers = 2
	}
	if ahead < 1 {
		ahead = 2
	}
	ctx, cancel := context.WithCancel(ctx)
	st := &Stream{s: s, cancel: cancel, slots: make(chan chan prepared, ahead), free: make(chan *Batch, ahead+workers)}
	type job struct {
		step int
		slot chan prepared
	}
	jobs := make(chan job)
	st.wg.Go(func() {
		defer close(jobs)
		defer close(st.slots)
		for step := first; ; step++ {
			slot := make(chan prepared, 1)
			select {
			case st.slots <- slot:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- job{step, slot}:
			case <-ctx.Done():
				slot <- prepared{err: ctx.Err()}
				return
			}
		}
	})
	for range workers {
		st.wg.Go(func() {
			for j := range jobs {
				j.slot <- st.prepare(j.step)
			}
		})
	}
	return st
}

func (st *Stream) prepare(step int) prepared {
	select {
	case b := <-st.free:
		return prepared{b, st.s.fill(b, step)}
	default:
		b, err := st.s.Batch(step)
		return prepared{b, err}
	}
}

// Next returns the next batch. The caller may hand it back with Recycle when done. It fails when the context ends or a recipe fails.
func (st *Stream) Next(ctx context.Context) (*Batch, error) {
	select {
	case slot, ok := <-st.slots:
		if !ok {
			return nil, context.Canceled
		}
		select {
		case p := <-slot:
			return p.batch, p.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Recycle gives the buffers of a batch back. The batch must not be used afterwards.
func (st *Stream) Recycle(b *Batch) {
	select {
	case st.free <- b:
	default:
	}
}

// Close stops the workers and waits for them.
func (st *Stream) Close() {
	st.cancel()
	st.wg.Wait()
}
