package webrtc

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v3"
)

// session is one WHIP or WHEP connection, from the 201 to its DELETE, failure or timeout.
type session struct {
	id, kind    string
	pc          *webrtc.PeerConnection
	established bool
	onConnect   func()
	onClose     func()
	deadline    *time.Timer

	ice  sync.Mutex // one change of the ICE session at a time
	etag string     // of the ICE session; a restart makes another
	// trickled counts the candidates that came after the offer.
	trickled int
}

// tag is the present ETag.
func (s *session) tag() string {
	s.ice.Lock()
	defer s.ice.Unlock()
	return s.etag
}

func newETag() string { return `"` + randomID()[:16] + `"` }

// sessions is the table of open sessions. All its limits are checked under one lock.
type sessions struct {
	mu     sync.Mutex
	open   map[string]*session
	coming map[string]int // sessions being set up, by kind
	events func(kind, outcome string)
	wait   sync.WaitGroup // closers still at work
	closed bool
}

func newSessions(events func(kind, outcome string)) *sessions {
	return &sessions{open: map[string]*session{}, coming: map[string]int{}, events: events}
}

// reserve reserves a place for one more session of this kind; add or cancel gives the reservation back.
func (t *sessions) reserve(kind string, maxKind, maxPending int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	same, pending := 0, 0
	for k, n := range t.coming {
		pending += n
		if k == kind {
			same += n
		}
	}
	for _, s := range t.open {
		if s.kind == kind {
			same++
		}
		if !s.established {
			pending++
		}
	}
	if t.closed || same >= maxKind || pending >= maxPending {
		return false
	}
	t.coming[kind]++
	return true
}

// cancel gives up a reservation.
func (t *sessions) cancel(kind string) {
	t.mu.Lock()
	t.coming[kind]--
	t.mu.Unlock()
}

// add enters a reserved session and closes it if it is not established within the given time. Both hooks may be nil; each runs once.
func (t *sessions) add(kind string, pc *webrtc.PeerConnection, handshake time.Duration, onConnect, onClose func()) *session {
	s := &session{id: randomID(), etag: newETag(), kind: kind, pc: pc, onConnect: onConnect, onClose: onClose}
	t.mu.Lock()
	t.coming[kind]--
	t.open[s.id] = s
	s.deadline = time.AfterFunc(handshake, func() {
		if !t.isEstablished(s) {
			t.remove(s.id, "timeout")
		}
	})
	t.mu.Unlock()
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		switch st {
		case webrtc.PeerConnectionStateConnected:
			t.establish(s)
		case webrtc.PeerConnectionStateFailed:
			t.remove(s.id, "failed")
		case webrtc.PeerConnectionStateClosed:
			t.remove(s.id, "closed")
		}
	})
	return s
}

func (t *sessions) isEstablished(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.established
}

func (t *sessions) establish(s *session) {
	t.mu.Lock()
	_, open := t.open[s.id]
	first := open && !s.established
	s.established = true
	t.mu.Unlock()
	if !first {
		return
	}
	if s.onConnect != nil {
		s.onConnect()
	}
	t.events(s.kind, "connected")
}

func (t *sessions) get(id string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[id]
}

// remove takes a session out. When it returns, onClose has run, so a publisher's place is free; the connection is closed in
// the background, since pion calls our state handler from inside Close.
func (t *sessions) remove(id, outcome string) {
	t.mu.Lock()
	s := t.open[id]
	delete(t.open, id)
	if s != nil {
		t.wait.Add(1)
	}
	t.mu.Unlock()
	if s == nil {
		return
	}
	s.deadline.Stop()
	t.events(s.kind, outcome)
	if s.onClose != nil {
		s.onClose()
	}
	go func() {
		defer t.wait.Done()
		s.pc.Close()
	}()
}

func (t *sessions) count(kind string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, s := range t.open {
		if s.kind == kind {
			n++
		}
	}
	return n
}

// closeAll ends every session and waits until the last one is gone.
func (t *sessions) closeAll() {
	t.mu.Lock()
	t.closed = true
	ids := make([]string, 0, len(t.open))
	for id := range t.open {
		ids = append(ids, id)
	}
	t.mu.Unlock()
	for _, id := range ids {
		t.remove(id, "shutdown")
	}
	t.wait.Wait()
}
