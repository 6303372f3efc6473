package pipeline

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"vsr/media"
)

// queue joins two stages. Only the sender closes it. A unit that push did not take still belongs to the caller.
type queue interface {
	// push waits for space, or makes some. The error is the context's.
	push(ctx context.Context, u media.Unit) error
	// pull waits for a unit. ok is false when the queue is closed and empty. The error is the context's.
	pull(ctx context.Context) (u media.Unit, ok bool, err error)
	close()
	// drain releases everything that is left; called when both stages are gone.
	drain()
	dropped() int64
}

func newQueue(q Queue) queue {
	if q.Policy == DropOldest {
		if q.Depth < 1 {
			q.Depth = 2
		}
		return &ring{limit: q.Depth, packetLimit: ringPackets, filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
	}
	if q.Depth < 1 {
		q.Depth = 4
	}
	return waiting(make(chan media.Unit, q.Depth))
}

// waiting is the queue of file work: nothing is lost, a full queue holds the sender up.
type waiting chan media.Unit

func (q waiting) push(ctx context.Context, u media.Unit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case q <- u:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q waiting) pull(ctx context.Context) (media.Unit, bool, error) {
	if err := ctx.Err(); err != nil {
		return media.Unit{}, false, err
	}
	select {
	case u, ok := <-q:
		return u, ok, nil
	case <-ctx.Done():
		return media.Unit{}, false, ctx.Err()
	}
}

func (q waiting) close() { close(q) }

func (q waiting) drain() {
	for {
		select {
		case u, ok := <-q:
			if !ok {
				return
			}
			u.Release()
		default:
			return
		}
	}
}

func (q waiting) dropped() int64 { return 0 }

// ringPackets is how many packets may wait in a ring beside its frames: more than a second of audio.
const ringPackets = 64

// ring is the queue of live work: when there are as many frames as it holds, the oldest goes. Packets have places of their own: the audio that
// comes between two frames must not cost one. They are never dropped, so a ring that is full of packets makes the sender wait like any other queue.
type ring struct {
	limit       int           // frames
	packetLimit int           // packets
	filled      chan struct{} // a unit or the end has come
	freed       chan struct{} // a place has come free
	lost        atomic.Int64

	mu     sync.Mutex
	units  []media.Unit
	frames int // of units
	closed bool
}

func (q *ring) push(ctx context.Context, u media.Unit) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.tryPush(u) {
			signal(q.filled)
			return nil
		}
		select {
		case <-q.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *ring) tryPush(u media.Unit) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case u.Frame == nil && len(q.units)-q.frames >= q.packetLimit:
		return false
	case u.Frame != nil && q.frames >= q.limit:
		q.dropFrame()
	}
	q.units = append(q.units, u)
	if u.Frame != nil {
		q.frames++
	}
	return true
}

// dropFrame releases the oldest frame.
func (q *ring) dropFrame() {
	i := slices.IndexFunc(q.units, func(u media.Unit) bool { return u.Frame != nil })
	q.units[i].Release()
	q.units = slices.Delete(q.units, i, i+1)
	q.frames--
	q.lost.Add(1)
}

func (q *ring) pull(ctx context.Context) (media.Unit, bool, error) {
	for {
		if err := ctx.Err(); err != nil {
			return media.Unit{}, false, err
		}
		u, some, closed := q.tryPull()
		if some {
			signal(q.freed)
			return u, true, nil
		}
		if closed {
			return media.Unit{}, false, nil
		}
		select {
		case <-q.filled:
		case <-ctx.Done():
			return media.Unit{}, false, ctx.Err()
		}
	}
}

func (q *ring) tryPull() (u media.Unit, some, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.units) == 0 {
		return media.Unit{}, false, q.closed
	}
	u = q.units[0]
	q.units = slices.Delete(q.units, 0, 1)
	if u.Frame != nil {
		q.frames--
	}
	return u, true, false
}

func (q *ring) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.filled)
}

func (q *ring) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, u := range q.units {
		u.Release()
	}
	q.units, q.frames = nil, 0
}

func (q *ring) dropped() int64 { return q.lost.Load() }

// signal leaves at most one note: one sender and one receiver share a queue, and both look again after each.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
