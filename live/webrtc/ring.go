package webrtc

import (
	"context"
	"sync"
)

// frame is one encoded video frame on its way to the viewers. Nobody writes to data.
type accessUnit struct {
	data []byte
	time uint32 // RTP time, 90 kHz
	key  bool
}

// ring is a viewer's bounded queue. When it overflows, everything waiting is dropped and the viewer waits for the next key
// frame: a gap in the middle of a group of frames would only show as garbage.
type ring struct {
	mu      sync.Mutex
	waiting []accessUnit
	limit   int
	needKey bool
	slow    bool // needKey because of an overflow
	dropped int
	signal  chan struct{}
	closed  bool
}

func newRing(limit int) *ring {
	return &ring{limit: limit, needKey: true, signal: make(chan struct{}, 1)}
}

// push never blocks. It reports whether the viewer now waits for a key frame that nobody has asked for yet.
func (r *ring) push(p accessUnit) (wantKey bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if len(r.waiting) >= r.limit {
		r.dropped += len(r.waiting)
		r.waiting = r.waiting[:0]
		r.needKey, r.slow = true, true
		wantKey = !p.key
	}
	if r.needKey && !p.key {
		if r.slow { // a viewer that has just joined loses nothing
			r.dropped++
		}
		return wantKey
	}
	r.needKey, r.slow = false, false
	r.waiting = append(r.waiting, p)
	select {
	case r.signal <- struct{}{}:
	default:
	}
	return false
}

// pull waits for the next frame. ok is false when the ring is closed or the context ends.
func (r *ring) pull(ctx context.Context) (p accessUnit, ok bool) {
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return accessUnit{}, false
		}
		if len(r.waiting) > 0 {
			p = r.waiting[0]
			r.waiting = append(r.waiting[:0], r.waiting[1:]...)
			r.mu.Unlock()
			return p, true
		}
		r.mu.Unlock()
		select {
		case <-r.signal:
		case <-ctx.Done():
			return accessUnit{}, false
		}
	}
}

// close ends every pull, now and later.
func (r *ring) close() {
	r.mu.Lock()
	r.closed, r.waiting = true, nil
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

func (r *ring) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *ring) lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}
