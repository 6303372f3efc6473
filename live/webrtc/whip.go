package webrtc

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"
)

// Publication is one publisher's video and audio while it lasts. Its audio goes to the viewers by itself, too.
type Publication struct {
	codec string
	sound bool // the offer sends audio
	sync  sync90
	units chan AccessUnit
	done  chan struct{}
	once  sync.Once
	pc    *webrtc.PeerConnection
	ssrc  atomic.Uint32
	audio atomic.Bool // a track of audio has come
	end   func()
}

// AccessUnit is one encoded frame as it arrived, or a packet of audio.
type AccessUnit struct {
	Data    []byte    // one VP8 frame, or one H.264 access unit with start codes; or one Opus packet
	Time    uint32    // RTP time of the video, 90 kHz, of audio too
	Arrival time.Time // when its last packet came
	Audio   bool
}

// Codec is h264 or vp8.
func (p *Publication) Codec() string { return p.codec }

// Audio reports whether the publisher has announced audio.
func (p *Publication) Audio() bool { return p.sound }

// Next waits for the next frame or packet of audio. io.EOF means that the publisher is gone.
func (p *Publication) Next(ctx context.Context) (AccessUnit, error) {
	select {
	case u := <-p.units:
		return u, nil
	case <-p.done:
		return AccessUnit{}, io.EOF
	case <-ctx.Done():
		return AccessUnit{}, ctx.Err()
	}
}

// RequestKeyframe asks the publisher for a key frame, for a decoder that has lost its way.
func (p *Publication) RequestKeyframe() {
	if ssrc := p.ssrc.Load(); ssrc != 0 {
		p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
	}
}

// Close ends the publisher's session.
func (p *Publication) Close() {
	if p.end != nil {
		p.end()
	}
	p.finish()
}

func (p *Publication) finish() { p.once.Do(func() { close(p.done) }) }

// createPublisher opens a WHIP session. There is one publisher at a time.
func (s *Server) createPublisher(ctx context.Context, offer string) (*session, string, error) {
	if s.o.NoPublish {
		return nil, "", &refusal{status: http.StatusForbidden, detail: "this server takes its video from another source"}
	}
	p := &Publication{units: make(chan AccessUnit, 64), done: make(chan struct{})}
	if !s.claim(p) {
		return nil, "", &refusal{status: http.StatusConflict, detail: "somebody is publishing already", retryAfter: "2"}
	}
	if !s.table.reserve("whip", 1, s.o.MaxPending) {
		s.unclaim(p)
		return nil, "", &refusal{status: http.StatusServiceUnavailable, detail: "too many unfinished sessions", retryAfter: "5"}
	}
	sess, answer, err := s.setUpPublisher(ctx, p, offer)
	if err != nil {
		s.table.cancel("whip")
		s.unclaim(p)
	}
	return sess, answer, err
}

func (s *Server) setUpPublisher(ctx context.Context, p *Publication, offer string) (*session, string, error) {
	pc, err := s.newPeer("", nil)
	if err != nil {
		return nil, "", err
	}
	p.pc = pc
	p.sound = strings.Contains(offer, "\nm=audio ")
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		if !s.begin() {
			return
		}
		defer s.running.Done()
		s.run(func() { p.readClock(r, t.Kind() == webrtc.RTPCodecTypeAudio) })
		switch {
		case t.Kind() == webrtc.RTPCodecTypeVideo && p.ssrc.CompareAndSwap(0, uint32(t.SSRC())):
			s.receive(p, t)
		case t.Kind() == webrtc.RTPCodecTypeAudio && p.audio.CompareAndSwap(false, true):
			s.receiveAudio(p, t)
		}
	})
	answer, err := negotiate(ctx, pc, offer)
	if err != nil {
		pc.Close()
		return nil, "", err
	}
	sess := s.table.add("whip", pc, s.o.Handshake, nil, func() { p.finish(); s.unclaim(p) })
	p.end = func() { s.table.remove(sess.id, "closed by us") }
	return sess, answer, nil
}

func (s *Server) claim(p *Publication) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != nil {
		return false
	}
	s.publisher = p
	return true
}

func (s *Server) unclaim(p *Publication) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == p {
		s.publisher = nil
	}
}

// receive reassembles frames from packets until the track ends. It runs on the goroutine that pion gives to a track.
// Every packet is read and every frame handed on: a decoder needs all references. What is dropped is dropped decoded.
func (s *Server) receive(p *Publication, t *webrtc.TrackRemote) {
	defer p.finish()
	p.codec = "vp8"
	if t.Codec().MimeType == webrtc.MimeTypeH264 {
		p.codec = "h264"
	}
	select {
	case s.accept <- p:
	case <-p.done:
		return
	case <-s.done:
		return
	}
	p.RequestKeyframe()
	s.inbound.restart()
	frames := NewAssembler(p.codec)
	for {
		packet, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		gone, now := false, time.Now()
		lost, wantKey := frames.Push(packet, now, func(pic AccessUnit) {
			p.sync.frame(pic.Time, now)
			select {
			case p.units <- pic:
			case <-p.done:
				gone = true
			}
		})
		if gone {
			return
		}
		s.inbound.count(packet.Timestamp, now, lost)
		if wantKey {
			p.RequestKeyframe()
		}
	}
}
