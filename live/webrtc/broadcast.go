package webrtc

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Broadcast hands every encoded frame to all viewers of its codec. Write never waits for any of them.
type Broadcast struct {
	server    *Server
	mu        sync.Mutex
	viewers   map[*viewer]struct{}
	encodings map[string]*encoding // by codec
	started   bool
	closed    bool
	written   time.Time // of the last frame
	dropped   int       // of viewers that have left
	audio     audioTimes
	number    uint16 // of the last packet of WriteAudio
}

// encoding is the video in one codec, and what its viewers ask of the encoder. Its fields but rates and sentBytes are under Broadcast.mu.
type encoding struct {
	codec     string
	viewers   int
	lastKey   time.Time // of the last key frame request
	retry     *time.Timer
	sentBytes atomic.Int64 // in this rate window, to clamp runaway estimates
	rates     rates
}

// keyframeMerge is the time within which requests for key frames count as one.
const keyframeMerge = 300 * time.Millisecond

var errClosed = errors.New("webrtc: broadcast is closed")

func newBroadcast(s *Server) *Broadcast {
	b := &Broadcast{server: s, viewers: map[*viewer]struct{}{}, encodings: map[string]*encoding{}}
	for _, codec := range s.o.codecs() {
		e := &encoding{codec: codec}
		e.rates = rates{min: s.o.MinBitrate, max: s.o.MaxBitrate, since: time.Now(), estimates: map[*viewer]int{}}
		b.encodings[codec] = e
	}
	return b
}

// Write sends one frame to the viewers of codec, h264 or vp8: one VP8 frame, or one H.264 access unit with start codes and, on key
// frames, parameter sets. ticks are of RTP's 90 kHz clock. The data must not be changed afterwards. A codec that is not served is an
// error.
func (b *Broadcast) Write(codec string, data []byte, ticks uint32, key bool) error {
	b.mu.Lock()
	e := b.encodings[codec]
	if b.closed || e == nil {
		b.mu.Unlock()
		return errClosed
	}
	b.started, b.written = true, time.Now()
	e.sentBytes.Add(int64(len(data)))
	want := false
	for v := range b.viewers {
		if v.encoding == e {
			want = v.ring.push(accessUnit{data: data, time: ticks, key: key}) || want
		}
	}
	b.mu.Unlock()
	if want {
		b.requestKeyframe(e, "slow viewer")
	}
	return nil
}

// Watched tells how many connected viewers take a codec.
func (b *Broadcast) Watched(codec string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.encodings[codec]; e != nil {
		return e.viewers
	}
	return 0
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
func (b *Broadcast) Estimate() (bps int) {
	for _, e := range b.encodings {
		if n := e.rates.lowest(); n > 0 && (bps == 0 || n < bps) {
			bps = n
		}
	}
	return bps
}

// BitRate is the highest rate that an encoder in use was asked for, in bit/s, 0 before anybody watches.
func (b *Broadcast) BitRate() (bps int) {
	for codec, e := range b.encodings {
		if b.Watched(codec) > 0 {
			bps = max(bps, e.rates.now())
		}
	}
	return bps
}

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
	v.encoding.viewers++
	return true
}

func (b *Broadcast) leave(v *viewer) {
	b.mu.Lock()
	if _, here := b.viewers[v]; here {
		b.dropped += v.ring.lost()
		v.encoding.viewers--
	}
	delete(b.viewers, v)
	v.ring.close()
	b.mu.Unlock()
	v.encoding.rates.forget(v)
}

// estimate takes a viewer's bandwidth estimate in bit/s.
func (b *Broadcast) estimate(v *viewer, bps int) {
	e := v.encoding
	takeBytes := func() int64 { return e.sentBytes.Swap(0) }
	b.mu.Lock()
	if v.ring.isClosed() { // the estimator speaks on for a moment; what it says must not hold the others down
		b.mu.Unlock()
		return
	}
	target, changed := e.rates.update(v, bps, time.Now(), takeBytes)
	b.mu.Unlock()
	if changed {
		b.server.o.OnBitrate(e.codec, target)
	}
}

// requestKeyframe merges requests: the first goes out at once, those within keyframeMerge of it go out as one at its end.
func (b *Broadcast) requestKeyframe(e *encoding, cause string) {
	b.mu.Lock()
	since := time.Since(e.lastKey)
	if b.closed || since < keyframeMerge {
		if !b.closed && e.retry == nil {
			e.retry = time.AfterFunc(keyframeMerge-since, func() {
				b.mu.Lock()
				e.retry = nil
				b.mu.Unlock()
				b.requestKeyframe(e, cause)
			})
		}
		b.mu.Unlock()
		return
	}
	e.lastKey = time.Now()
	b.mu.Unlock()
	b.server.o.OnKeyframe(e.codec, cause)
}

func (b *Broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, e := range b.encodings {
		if e.retry != nil {
			e.retry.Stop()
		}
	}
}
