package upscale

import (
	"context"
	"log/slog"
	"time"

	"vsr/media"
	"vsr/upscale/segment"
)

// keepAfter is the default of Options.KeepAfter.
const keepAfter = 20 * time.Second

// keeper keeps the computed frames of segments that take long in spools, so that a run that is stopped goes on behind them. A segment
// that is made faster than Options.KeepAfter costs nothing; whether frames are kept never shows in the output. Its methods are for one
// goroutine.
type keeper struct {
	store *segment.Store
	after time.Duration
	now   func() time.Time
	log   *slog.Logger

	index int
	began time.Time      // of the segment
	spool *segment.Spool // nil while nothing is kept
	queue chan keptFrame // to the goroutine that writes the spool; nil while there is none
	done  chan struct{}
	off   bool // the spool of this segment cannot be had
	pool  *media.Pool
}

type keptFrame struct {
	number int64
	frame  *media.Frame
}

// begin ends the segment before and begins another. What an earlier run has kept of it is found.
func (k *keeper) begin(index int) {
	k.close()
	k.index, k.began, k.off = index, k.now(), false
	k.open(false)
}

// open opens the segment's spool. A segment without one is made all the same.
func (k *keeper) open(create bool) {
	var err error
	if k.spool, err = k.store.Spool(k.index, create); err != nil {
		k.log.Warn("computed frames are not kept", "segment", k.index, "err", err)
	}
	k.off = create && k.spool == nil
}

// restore returns frame number n in the format of the output, nil if it was not kept. The caller owns it.
func (k *keeper) restore(ctx context.Context, n int64, f media.Format) (*media.Frame, error) {
	if k.spool == nil || !k.spool.Has(n) {
		return nil, nil
	}
	if k.pool == nil || k.pool.Format() != f {
		k.pool.Close()
		k.pool = media.NewPool(f, 8, nil)
	}
	out, err := k.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	if !k.spool.Read(n, out) {
		out.Release()
		return nil, nil
	}
	return out, nil
}

// keep keeps frame number n once the segment takes long. The frame must not be written to from here on.
func (k *keeper) keep(n int64, f *media.Frame) {
	long := k.now().Sub(k.began) >= k.after
	if k.off || f.Surface != nil || k.spool == nil && !long {
		return
	}
	if k.spool == nil {
		if k.open(true); k.spool == nil {
			return
		}
	}
	if k.queue == nil {
		k.queue, k.done = make(chan keptFrame, 1), make(chan struct{})
		go k.write(k.spool, k.queue, k.done)
	}
	f.Retain()
	k.queue <- keptFrame{n, f}
}

// write writes frames into a spool until queue ends. After an error, of a full disk say, it drops them.
func (k *keeper) write(spool *segment.Spool, queue <-chan keptFrame, done chan<- struct{}) {
	defer close(done)
	failed := false
	for one := range queue {
		if !failed {
			if err := spool.Write(one.number, one.frame); err != nil {
				failed = true
				k.log.Warn("computed frames are not kept any more", "segment", k.index, "err", err)
			}
		}
		one.frame.Release()
	}
}

// close waits until all that is to be kept is written. The spool stays until its segment is committed.
func (k *keeper) close() {
	if k.queue != nil {
		close(k.queue)
		<-k.done
		k.queue = nil
	}
	if k.spool != nil {
		_ = k.spool.Close() // it was only written to, and what is torn is not read
		k.spool = nil
	}
}
