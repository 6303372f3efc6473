package webrtc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
)

// viewer is one WHEP session's sender.
type viewer struct {
	encoding *encoding
	ring     *ring
	track    *webrtc.TrackLocalStaticRTP
	packet   rtp.Packetizer
	sender   *webrtc.RTPSender
	audio    *webrtc.TrackLocalStaticRTP // nil when the offer has none
	atOnce   uint8                       // number of the playout delay extension, 0 for none
	offset   uint32                      // RFC 3550 section 5.1: each stream's RTP time starts at random
}

// viewerQueue is how many frames may wait for one viewer: one second at 30 fps.
const viewerQueue = 30

// createViewer opens a WHEP session. While nothing is live the answer is 409 with Retry-After, as the draft says.
func (s *Server) createViewer(ctx context.Context, offer string) (*session, string, error) {
	if !s.feed.live() {
		return nil, "", &refusal{status: http.StatusConflict, detail: "nothing is live yet", retryAfter: "1"}
	}
	if !s.table.reserve("whep", s.o.MaxViewers, s.o.MaxPending) {
		return nil, "", &refusal{status: http.StatusServiceUnavailable, detail: "no place for another viewer", retryAfter: "5"}
	}
	sess, answer, err := s.setUpViewer(ctx, offer)
	if err != nil {
		s.table.cancel("whep")
	}
	return sess, answer, err
}

// setUpViewer tries the codecs in turn: the first that the offer takes is the viewer's.
func (s *Server) setUpViewer(ctx context.Context, offer string) (sess *session, answer string, err error) {
	codecs := s.o.codecs()
	for i, codec := range codecs {
		if sess, answer, err = s.setUpCodec(ctx, offer, codec); !errors.Is(err, errNoCodec) {
			return sess, answer, err
		}
		if i == len(codecs)-1 {
			err = unprocessable("the offer has no " + strings.Join(codecs, " and no ") + ", which is what this feed is in")
		}
	}
	return sess, answer, err
}

// errNoCodec is an offer without the codec that was tried.
var errNoCodec = errors.New("the offer has no such codec")

func (s *Server) setUpCodec(ctx context.Context, offer, codec string) (*session, string, error) {
	v, err := s.newViewer(codec)
	if err != nil {
		return nil, "", err
	}
	pc, err := s.newPeer(codec, func(bps int) { s.feed.estimate(v, bps) })
	if err != nil {
		return nil, "", err
	}
	answer, err := s.attach(ctx, v, pc, offer)
	if err != nil {
		pc.Close()
		return nil, "", err
	}
	sess := s.table.add("whep", pc, s.o.Handshake, func() { s.startViewer(v) }, func() { s.feed.leave(v) })
	s.run(func() { s.readReports(v) })
	return sess, answer, nil
}

// attach gives the connection its track and negotiates.
func (s *Server) attach(ctx context.Context, v *viewer, pc *webrtc.PeerConnection, offer string) (answer string, err error) {
	if v.sender, err = pc.AddTrack(v.track); err != nil {
		return "", err
	}
	if err := s.attachAudio(v, pc, offer); err != nil {
		return "", err
	}
	answer, err = negotiate(ctx, pc, offer)
	if errors.Is(err, webrtc.ErrSenderWithNoCodecs) || err == nil && !carries(answer) {
		return "", errNoCodec
	}
	if err != nil {
		return "", err
	}
	v.atOnce = extensionID(v.sender, playoutDelay)
	return answer, nil
}

// attachAudio adds a track for audio when the offer asks for one. Whether any comes is the publisher's affair.
func (s *Server) attachAudio(v *viewer, pc *webrtc.PeerConnection, offer string) error {
	if !strings.Contains(offer, "\nm=audio ") {
		return nil
	}
	var err error
	if v.audio, err = webrtc.NewTrackLocalStaticRTP(codecOpus.RTPCodecCapability, "audio", streamName); err != nil {
		return err
	}
	sender, err := pc.AddTrack(v.audio)
	if err != nil {
		return err
	}
	s.run(func() { // reading feeds the interceptors
		buf := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(buf); err != nil {
				return
			}
		}
	})
	return nil
}

// streamName is shared by audio and frame: browsers keep tracks of one stream in step.
const streamName = "vsr"

func (s *Server) newViewer(codec string) (*viewer, error) {
	mimeType, payloader := webrtc.MimeTypeH264, rtp.Payloader(&codecs.H264Payloader{})
	if codec == "vp8" {
		mimeType, payloader = webrtc.MimeTypeVP8, &codecs.VP8Payloader{EnablePictureID: true}
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType, ClockRate: clockRate}, "video", streamName)
	if err != nil {
		return nil, err
	}
	const mtu = 1200 // what browsers use: fits every path with space for SRTP
	return &viewer{encoding: s.feed.encodings[codec], ring: newRing(viewerQueue), track: track, offset: rand.Uint32(),
		packet: rtp.NewPacketizer(mtu, 0, 0, payloader, rtp.NewRandomSequencer(), clockRate)}, nil
}

// carries reports whether the answer accepted the video: a rejected m-line has port 0 (RFC 8843).
func carries(answer string) bool {
	return strings.Contains(answer, "m=video ") && !strings.Contains(answer, "m=video 0 ")
}

// startViewer begins to send. The first frame must be a key frame: it is asked for at once, not when a PLI comes,
// because some players never send one.
func (s *Server) startViewer(v *viewer) {
	if s.feed.join(v) {
		s.run(v.send)
		s.feed.requestKeyframe(v.encoding, "connect")
	}
}

// send writes frames as packets, in bursts with a short pause so that a key frame does not leave in one clump.
func (v *viewer) send() {
	const clump, pause = 24, time.Millisecond
	for {
		p, ok := v.ring.pull(context.Background())
		if !ok {
			return
		}
		for i, packet := range v.packet.Packetize(p.data, 0) {
			packet.Timestamp = p.time + v.offset
			if v.atOnce != 0 && packet.SetExtension(v.atOnce, []byte{0, 0, 0}) != nil {
				v.atOnce = 0
			}
			if v.track.WriteRTP(packet) != nil {
				return
			}
			if i%clump == clump-1 {
				time.Sleep(pause)
			}
		}
	}
}

// readReports handles key frame requests. Reading also feeds the interceptors (NACK, bandwidth estimation).
func (s *Server) readReports(v *viewer) {
	for {
		packets, _, err := v.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication:
				s.o.OnReport("pli")
				s.feed.requestKeyframe(v.encoding, "pli")
			case *rtcp.FullIntraRequest:
				s.o.OnReport("fir")
				s.feed.requestKeyframe(v.encoding, "fir")
			case *rtcp.TransportLayerNack: // the interceptor sends the packets again
				s.o.OnReport("nack")
			}
		}
	}
}
