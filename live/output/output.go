package output

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"vsr/media"
)

// The states of an output.
const (
	StateWaiting    = "waiting"    // for the source
	StateConnecting = "connecting" //
	StateConnected  = "connected"  // and sends
	StateRetrying   = "retrying"   // in Status.RetryIn seconds
	StateFailed     = "failed"     // for good, until it is started again
	StateStopped    = "stopped"    // by a person
)

// Status is the state of an output, as /status gives it.
type Status struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	State    string  `json:"state"`
	Reason   string  `json:"reason,omitempty"`     // why it is retrying or has failed, in a plain sentence
	RetryIn  float64 `json:"retry_in_s,omitempty"` // seconds
	BitRate  int64   `json:"bit_rate,omitempty"`   // of its own encoder
	Frames   int64   `json:"frames"`               // sent, over all connections
	Bytes    int64   `json:"bytes"`                // sent, over all connections
	Dropped  int64   `json:"dropped"`              // frames that it was too slow for
	Connects int     `json:"connects"`             // connections that there were
}

// Pauses between two tries to connect.
const (
	firstPause = 500 * time.Millisecond
	mostPause  = 15 * time.Second
	healthy    = 10 * time.Second // a connection that lasted so long makes the next pause the first again
)

// queueLength is how many units may wait for one output: some five seconds of 30 frames and 50 packets of audio.
const queueLength = 400

// frameQueue is how many frames may wait for an output with an encoder of its own.
const frameQueue = 4

// item is what is queued: a unit of a pipeline, or its end.
type item struct {
	from *stream
	unit media.Unit
	done chan struct{} // of an end: closed when the output is done with the pipeline
}

// Output is one place that the stream goes to.
type Output struct {
	hub    *Hub
	target Target
	maker  maker
	raw    bool // takes frames instead of the shared encoder's packets
	queue  chan item
	wake   chan struct{} // something has changed: the pipeline, or on
	frames atomic.Int64
	lost   atomic.Int64

	mu       sync.Mutex
	on       bool
	state    string
	reason   string
	retry    time.Time
	connects int
	bytes    int64        // of ended connections
	sending  func() int64 // bytes of this connection; nil without one
	taking   *stream      // whose units are queued; nil for none
	needKey  bool         // nothing is queued before the next key frame
	waiting  int          // frames in the queue
}

func newOutput(h *Hub, t Target) (*Output, error) {
	o := &Output{hub: h, target: t, queue: make(chan item, queueLength), wake: make(chan struct{}, 1), state: StateWaiting}
	var err error
	if o.maker, err = makerOf(t, h.o); err != nil {
		return nil, err
	}
	return o, nil
}

// Name is what the output is called.
func (o *Output) Name() string { return o.target.Name }

// Status is the state of the output now.
func (o *Output) Status() Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := Status{Name: o.target.Name, Kind: o.target.Kind, State: o.state, Reason: o.reason, BitRate: o.target.BitRate, Frames: o.frames.Load(), Bytes: o.bytes,
		Dropped: o.lost.Load(), Connects: o.connects}
	if o.sending != nil {
		st.Bytes += o.sending()
	}
	if o.state == StateRetrying {
		st.RetryIn = max(time.Until(o.retry), 0).Round(100 * time.Millisecond).Seconds()
	}
	return st
}

// set starts or stops the output.
func (o *Output) set(on bool) {
	o.mu.Lock()
	o.on = on
	if !on {
		o.taking = nil
	} else if o.state == StateFailed || o.state == StateStopped || o.state == StateRetrying {
		o.state, o.reason, o.retry = StateWaiting, "", time.Time{}
	}
	o.mu.Unlock()
	o.changed()
}

func (o *Output) changed() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// packet queues a packet. When the queue is full it is dropped, and with it all up to the next key frame that has room.
func (o *Output) packet(s *stream, p *media.Packet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	isVideo := p.Track == s.video
	if o.taking != s || o.raw && isVideo {
		return
	}
	if isVideo && o.needKey {
		if !p.Key || len(o.queue) > queueLength/2 {
			o.lost.Add(1)
			return
		}
		o.needKey = false
	}
	select {
	case o.queue <- item{from: s, unit: media.Unit{Packet: p}}:
	default:
		if isVideo {
			o.lost.Add(1)
		}
		o.needKey = true
	}
}

// wantsFrame reports whether a frame would be queued; one that would not is lost.
func (o *Output) wantsFrame(s *stream) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.taking != s || !o.raw {
		return false
	}
	if o.waiting >= frameQueue {
		o.lost.Add(1)
		return false
	}
	return true
}

// frame queues a frame, which it owns.
func (o *Output) frame(s *stream, f *media.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.taking == s {
		select {
		case o.queue <- item{from: s, unit: media.Unit{Frame: f}}:
			o.waiting++
			return
		default:
		}
	}
	o.lost.Add(1)
	f.Release()
}

// end tells the output that a pipeline has ended. A recording is waited for.
func (o *Output) end(s *stream) {
	done := make(chan struct{})
	o.mu.Lock()
	taking := o.taking == s
	if taking {
		o.taking = nil
	}
	o.mu.Unlock()
	if taking && o.maker.finishes {
		patience := time.NewTimer(finishPatience)
		defer patience.Stop()
		select {
		case o.queue <- item{from: s, done: done}:
			select {
			case <-done:
			case <-patience.C:
			}
		case <-patience.C:
		}
	}
	o.changed()
}

// finishPatience is how long the end of a pipeline waits for a recording.
const finishPatience = 10 * time.Second

// run serves the output until ctx ends.
func (o *Output) run(ctx context.Context) {
	pause := firstPause
	for {
		s := o.await(ctx)
		if s == nil {
			return
		}
		begin := time.Now()
		err := o.serve(ctx, s)
		o.refuse()
		if ctx.Err() != nil {
			return
		}
		if time.Since(begin) > healthy {
			pause = firstPause
		}
		var never *permanentError
		switch {
		case err == nil:
			pause = firstPause
		case errors.As(err, &never):
			o.tell(StateFailed, plain(err), time.Time{})
			o.hub.o.Logger.Error("output failed", "stage", "output", "output", o.target.Name, "err", hide(o.target, err))
		default:
			o.tell(StateRetrying, plain(err), time.Now().Add(pause))
			o.hub.o.Logger.Warn("output lost, trying again", "stage", "output", "output", o.target.Name, "err", hide(o.target, err), "ms", pause.Milliseconds())
			pause = min(2*pause, mostPause)
		}
	}
}

// await waits until there is a stream for an output that is on and whose pause is over. nil means that ctx has ended.
func (o *Output) await(ctx context.Context) *stream {
	for {
		o.hub.mu.Lock()
		s := o.hub.now
		o.hub.mu.Unlock()
		o.mu.Lock()
		var left time.Duration
		ready := o.on && s != nil && o.state != StateFailed
		switch {
		case !o.on:
			o.state, o.reason = StateStopped, ""
		case o.state == StateFailed:
		case o.state == StateRetrying && time.Until(o.retry) > 0:
			ready, left = false, time.Until(o.retry)
		case s == nil && o.state != StateRetrying:
			o.state, o.reason = StateWaiting, ""
		}
		o.mu.Unlock()
		if ready {
			return s
		}
		var timer <-chan time.Time
		if left > 0 {
			timer = time.After(left)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		case <-timer:
		}
	}
}

// connections is how many there were.
func (o *Output) connections() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.connects
}

func (o *Output) tell(state, reason string, retry time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state, o.reason, o.retry = state, reason, retry
}

// accept begins to queue the units of s.
func (o *Output) accept(s *stream) {
	o.mu.Lock()
	o.taking, o.needKey = s, true
	o.mu.Unlock()
	if !o.raw {
		o.hub.o.Keyframe("output")
	}
}

// refuse queues no more, and empties the queue.
func (o *Output) refuse() {
	o.mu.Lock()
	o.taking = nil
	if o.sending != nil {
		o.bytes += o.sending()
		o.sending = nil
	}
	o.mu.Unlock()
	for {
		select {
		case it := <-o.queue:
			o.drop(it)
		default:
			return
		}
	}
}

// drop lets an item go.
func (o *Output) drop(it item) {
	o.taken(it)
	it.unit.Release()
	if it.done != nil {
		close(it.done)
	}
}

// taken counts an item that has left the queue.
func (o *Output) taken(it item) {
	if it.unit.Frame != nil {
		o.mu.Lock()
		o.waiting--
		o.mu.Unlock()
	}
}

// goodbye is how long an output may take to end its connection when the program ends.
const goodbye = 2 * time.Second

// linger is how long a connection is kept while the source is away.
const linger = 10 * time.Second

// serve keeps one connection: it opens it for s and sends until it fails, the output is stopped, or another stream comes that it cannot take.
// nil means that nothing went wrong.
func (o *Output) serve(ctx context.Context, s *stream) error {
	o.mu.Lock()
	o.state, o.reason, o.raw = StateConnecting, "", o.maker.raw(s)
	o.mu.Unlock()
	c, err := o.maker.open(ctx, o, s)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(goodbye, c.Interrupt) })
	defer stop()
	o.mu.Lock()
	o.connects++
	o.state, o.reason, o.sending = StateConnected, "", c.Bytes
	o.mu.Unlock()
	o.hub.o.Logger.Info("output connected", "stage", "output", "output", o.target.Name)
	o.accept(s)
	var gone <-chan time.Time // the source is away for too long
	for {
		select {
		case it := <-o.queue:
			gone = nil
			o.taken(it)
			if it.done != nil {
				err := c.Close()
				close(it.done)
				return err
			}
			if err := c.Write(ctx, it.unit); err != nil {
				_ = c.Abort()
				return err
			}
		case err := <-c.Failed():
			_ = c.Abort()
			return err
		case <-gone:
			return c.Close()
		case <-ctx.Done():
			return c.Close()
		case <-o.wake:
			next, on := o.present()
			switch {
			case !on:
				o.drain(c, s)
				return c.Close()
			case next == nil && gone == nil:
				gone = time.After(linger)
			case next != nil && next != s:
				if o.maker.finishes || !s.same(next) {
					return c.Close()
				}
				s, gone = next, nil
				o.accept(s)
			}
		}
	}
}

// drain writes what a recording that is stopped still has in its queue.
func (o *Output) drain(c connection, s *stream) {
	if !o.maker.finishes {
		return
	}
	for {
		select {
		case it := <-o.queue:
			if it.from == s && it.done == nil && c.Write(context.Background(), it.unit) == nil {
				o.taken(it)
				continue
			}
			o.drop(it)
		default:
			return
		}
	}
}

// present is the stream that there is now, and whether the output is on.
func (o *Output) present() (*stream, bool) {
	o.hub.mu.Lock()
	s := o.hub.now
	o.hub.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	return s, o.on
}
