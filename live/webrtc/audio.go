package webrtc

import (
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// A publisher's audio goes to the viewers as it comes: Opus packets (RFC 7587), never decoded. It is held back for as long as a
// frame takes to pass the server, so that audio and video that came together leave together. The sender reports of both streams
// (RFC 3550 section 6.4.1) tell the time at which they leave, so a viewer that follows them plays both in step.

// audioRate is Opus's RTP clock, always 48 kHz (RFC 7587 section 4.1).
const audioRate = 48000

var codecOpus = webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
	MimeType: webrtc.MimeTypeOpus, ClockRate: audioRate, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
}}

const (
	audioQueue = 256                    // packets held back, five seconds of the usual 20 ms
	longestLag = 500 * time.Millisecond // audio is never held back for longer
)

// held is a packet and when it may go.
type held struct {
	packet *rtp.Packet
	due    time.Time
}

// audioTimes makes the packets of one publisher after the other into one stream: its numbers and times go on rising, since
// viewers stay connected.
type audioTimes struct {
	mu       sync.Mutex
	number   uint16 // added to a packet's sequence number
	time     uint32 // added to a packet's RTP time
	last     rtp.Header
	sent     time.Time // of last, zero before the first packet
	newTimes bool
}

// restart says that the next packet is of another publisher.
func (s *audioTimes) restart() {
	s.mu.Lock()
	s.newTimes = true
	s.mu.Unlock()
}

// next is the header under which viewers get a packet that goes out now.
func (s *audioTimes) next(h rtp.Header, now time.Time) rtp.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newTimes && !s.sent.IsZero() {
		s.number = s.last.SequenceNumber + 1 - h.SequenceNumber
		s.time = s.last.Timestamp + uint32(max(now.Sub(s.sent).Seconds(), 0.02)*audioRate) - h.Timestamp
	}
	s.newTimes = false
	out := rtp.Header{Version: 2, Marker: h.Marker, SequenceNumber: h.SequenceNumber + s.number, Timestamp: h.Timestamp + s.time}
	if s.sent.IsZero() || int16(out.SequenceNumber-s.last.SequenceNumber) > 0 {
		s.last = out
	}
	s.sent = now
	return out
}

// flows reports whether audio came lately.
func (s *audioTimes) flows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.sent.IsZero() && time.Since(s.sent) < stillAfter
}

// receiveAudio hands a publisher's audio on until its track ends. It runs on the goroutine that pion gives to a track.
func (s *Server) receiveAudio(p *Publication, t *webrtc.TrackRemote) {
	waiting := make(chan held, audioQueue)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.sendAudio(p, waiting)
	}()
	defer func() { close(waiting); <-done }()
	for {
		packet, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		p.hear(packet, time.Now())
		lag := min(max(s.o.AudioDelay(), 0), longestLag)
		select {
		case waiting <- held{packet, time.Now().Add(lag)}:
		default: // the queue is longer than the longest lag: only a burst gets here
		}
	}
}

// sendAudio gives each packet to all viewers when it is due.
func (s *Server) sendAudio(p *Publication, waiting <-chan held) {
	s.feed.audio.restart()
	for h := range waiting {
		select {
		case <-time.After(time.Until(h.due)):
		case <-p.done:
			continue // empty the queue
		}
		header := s.feed.audio.next(h.packet.Header, time.Now())
		for _, v := range s.feed.listeners() {
			v.audio.WriteRTP(&rtp.Packet{Header: header, Payload: h.packet.Payload})
		}
	}
}

// RestartAudio says that what WriteAudio gets next is of another source.
func (b *Broadcast) RestartAudio() { b.audio.restart() }

// WriteAudio gives all viewers a packet of Opus of the server's own source, at ticks of Opus's clock, now. One goroutine writes.
func (b *Broadcast) WriteAudio(data []byte, ticks uint32) {
	b.number++
	header := b.audio.next(rtp.Header{SequenceNumber: b.number, Timestamp: ticks}, time.Now())
	for _, v := range b.listeners() {
		v.audio.WriteRTP(&rtp.Packet{Header: header, Payload: data})
	}
}

// listeners are the viewers that asked for audio.
func (b *Broadcast) listeners() (out []*viewer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for v := range b.viewers {
		if v.audio != nil {
			out = append(out, v)
		}
	}
	return out
}
