package webrtc

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Broadcast hands every encoded frame to all viewers. Write never waits for any of them.
type Broadcast struct {
	server  *Server
	mu      sync.Mutex
	viewers map[*viewer]struct{}
	started bool
	closed  bool
	lastKey time.Time // of the last key frame request
	written time.Time // of the last frame
	retry   *time.Timer
	dropped int // of viewers that have left

	sentBytes atomic.Int64 // in this rate window, to clamp runaway estimates
	rates     rates
	audio     audioTimes
	number    uint16 // of the last packet of WriteAudio
}

// keyframeMerge is the time within which requests for key frames count as one.
const keyframeMerge = 300 * time.Millisecond

var errClosed = errors.New("webrtc: broadcast is closed")

func newBroadcast(s *Server) *Broadcast {
	b := &Broadcast{server: s, viewers: map[*viewer]struct{}{}}
	b.rates = rates{min: s.o.MinBitrate, max: s.o.MaxBitrate, since: time.Now(), estimates: map[*viewer]int{}}
	return b
}

// Write sends one frame: one VP8 frame, or one H.264 access unit with start codes and, on key frames, parameter sets.
// ticks are of RTP's 90 kHz clock. The data must not be changed afterwards.
func (b *Broadcast) Write(data []byte, ticks uint32, key bool) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errClosed
	}
	b.started, b.written = true, time.Now()
	b.sentBytes.Add(int64(len(data)))
	want := false
	for v := range b.viewers {
		want = v.ring.push(accessUnit{data: data, time: ticks, key: key}) || want
	}
	b.mu.Unlock()
	if want {
		b.requestKeyframe("slow viewer")
	}
	return nil
}

// Pause says that no frames flow for now: new viewers hear 409 and try again.
func (b *Broadcast) Pause() {
	b.mu.Lock()
	b.started = false
	b.mu.Unlock()
}

func (b *Broadcast) live() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started && !b.closed
}

// stillAfter is how long no frame may come before the feed counts as standing still.
const stillAfter = 2 * time.Second

// flowing reports whether frames came lately. New viewers are let in all the same: a slow source is live too.
func (b *Broadcast) flowing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started && !b.closed && time.Since(b.written) < stillAfter
}

// Estimate is the lowest of the viewers' bandwidth estimates in bit/s, 0 while there is none.
func (b *Broadcast) Estimate() int { return b.rates.lowest() }

// Dropped returns how many frames slow viewers have lost, over all viewers there ever were.
func (b *Broadcast) Dropped() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.dropped
	for v := range b.viewers {
		n += v.ring.lost()
	}
	return n
}

// join adds a viewer. It reports false if the viewer left before it was connected.
func (b *Broadcast) join(v *viewer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v.ring.isClosed() {
		return false
	}
	b.viewers[v] = struct{}{}
	return true
}

func (b *Broadcast) leave(v *viewer) {
	b.mu.Lock()
	if _, here := b.viewers[v]; here {
		b.dropped += v.ring.lost()
	}
	delete(b.viewers, v)
	v.ring.close()
	b.mu.Unlock()
	b.rates.forget(v)
}

// estimate takes a viewer's bandwidth estimate in bit/s.
func (b *Broadcast) estimate(v *viewer, bps int) {
	takeBytes := func() int64 { return b.sentBytes.Swap(0) }
	b.mu.Lock()
	if v.ring.isClosed() { // the estimator speaks on for a moment; what it says must not hold the others down
		b.mu.Unlock()
		return
	}
	target, changed := b.rates.update(v, bps, time.Now(), takeBytes)
	b.mu.Unlock()
	if changed {
		b.server.o.OnBitrate(target)
	}
}

// requestKeyframe merges requests: the first goes out at once, those within keyframeMerge of it go out as one at its end.
func (b *Broadcast) requestKeyframe(cause string) {
	b.mu.Lock()
	since := time.Since(b.lastKey)
	if b.closed || since < keyframeMerge {
		if !b.closed && b.retry == nil {
			b.retry = time.AfterFunc(keyframeMerge-since, func() {
				b.mu.Lock()
				b.retry = nil
				b.mu.Unlock()
				b.requestKeyframe(cause)
			})
		}
		b.mu.Unlock()
		return
	}
	b.lastKey = time.Now()
	b.mu.Unlock()
	b.server.o.OnKeyframe(cause)
}

func (b *Broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.retry != nil {
		b.retry.Stop()
	}
}
