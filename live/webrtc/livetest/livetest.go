// Package livetest is a WHIP publisher and a WHEP viewer made of pion, for tests and measurements of live video without a browser.
package livetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"

	server "vsr/live/webrtc"
)

const clockRate = 90000

// Client talks to one server.
type Client struct {
	Base  string // http://host:port
	Token string
	// Relay, when not nil, carries the media of every session that this client opens.
	Relay *Relay
	// VP8 offers no other video codec, as Firefox does where it has no H.264.
	VP8 bool
}

// session is an open WHIP or WHEP session.
type session struct {
	pc     *webrtc.PeerConnection
	client Client
	url    string
}

// Close ends the session at the server and here.
func (s *session) Close() error {
	req, err := http.NewRequest(http.MethodDelete, s.url, nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+s.client.Token)
		if resp, derr := http.DefaultClient.Do(req); derr == nil {
			resp.Body.Close()
		}
	}
	return s.pc.Close()
}

func (c Client) newPeer() (*webrtc.PeerConnection, error) {
	m := &webrtc.MediaEngine{}
	if c.VP8 {
		video := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: clockRate, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}
		audio := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
		if err := errors.Join(m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 120, RTPCodecCapability: video}, webrtc.RTPCodecTypeVideo),
			m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 109, RTPCodecCapability: audio}, webrtc.RTPCodecTypeAudio)); err != nil {
			return nil, err
		}
	} else if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	reg := &interceptor.Registry{}
	// What pion registers by default, but packets are asked for again after 20 ms and not 100, as browsers do.
	ask, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(20 * time.Millisecond))
	if err != nil {
		return nil, err
	}
	answer, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, err
	}
	reg.Add(answer)
	reg.Add(ask)
	if err := errors.Join(webrtc.ConfigureRTCPReports(reg), webrtc.ConfigureTWCCSender(m, reg)); err != nil {
		return nil, err
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(se)).
		NewPeerConnection(webrtc.Configuration{})
}

var anyCandidate = regexp.MustCompile(`(?m)^a=candidate:.*\n`)

// Refused is an answer other than 201.
type Refused struct{ Status int }

// Error gives the status.
func (r Refused) Error() string { return fmt.Sprintf("livetest: the server answered %d", r.Status) }

// open posts an offer. With a relay the offer says nothing of where the client is, and the answer points to the relay.
func (c Client) open(ctx context.Context, path string, pc *webrtc.PeerConnection) (*session, error) {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	<-done
	text := pc.LocalDescription().SDP
	if c.Relay != nil {
		text = anyCandidate.ReplaceAllString(text, "")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, Refused{resp.StatusCode}
	}
	answer := string(body)
	if c.Relay != nil {
		answer = c.Relay.Rewrite(answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return nil, err
	}
	base, err := url.Parse(c.Base)
	if err != nil {
		return nil, err
	}
	location, err := base.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	return &session{pc: pc, client: c, url: location.String()}, nil
}

// Publisher sends frames.
type Publisher struct {
	*session
	track     *webrtc.TrackLocalStaticRTP
	packetize rtp.Packetizer
	// Keyframe hears of each request for a key frame.
	Keyframe chan struct{}
}

// Publish opens a WHIP session for h264 or vp8 and waits until it is connected.
func (c Client) Publish(ctx context.Context, codec string) (*Publisher, error) {
	mimeType, payloader := webrtc.MimeTypeVP8, rtp.Payloader(&codecs.VP8Payloader{EnablePictureID: true})
	if codec == "h264" {
		mimeType, payloader = webrtc.MimeTypeH264, &codecs.H264Payloader{}
	}
	pc, err := c.newPeer()
	if err != nil {
		return nil, err
	}
	p := &Publisher{Keyframe: make(chan struct{}, 1), packetize: rtp.NewPacketizer(1200, 0, 0, payloader, rtp.NewRandomSequencer(), clockRate)}
	if p.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType, ClockRate: clockRate}, "video", "cam"); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	t, err := pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	up := connected(pc)
	if p.session, err = c.open(ctx, "/whip", pc); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	go p.listen(t.Sender())
	return p, wait(ctx, up, p.session)
}

func (p *Publisher) listen(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, r := range packets {
			if _, ok := r.(*rtcp.PictureLossIndication); ok {
				select {
				case p.Keyframe <- struct{}{}:
				default:
				}
			}
		}
	}
}

// Send writes one frame with its RTP time in 90 kHz ticks.
func (p *Publisher) Send(data []byte, ticks uint32) error {
	for _, packet := range p.packetize.Packetize(data, 0) {
		packet.Timestamp = ticks
		if err := p.track.WriteRTP(packet); err != nil {
			return err
		}
	}
	return nil
}

// Viewer takes frames.
type Viewer struct {
	*session
	// Units gets every access unit that arrived whole. When nobody takes them the newest are lost.
	Units chan AccessUnit
	Audio chan AccessUnit        // packets of Opus, with Listen
	pc    *webrtc.PeerConnection // known before the session is
	mu    sync.Mutex
	codec string
}

// AccessUnit is one encoded frame as a viewer got it.
type AccessUnit struct {
	Data    []byte
	Ticks   uint32
	Arrival time.Time
}

// Codec is h264 or vp8, known from the first frame on.
func (v *Viewer) Codec() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.codec
}

// Watch opens a WHEP session and waits until it is connected. While the server says 409 it tries again until ctx ends.
func (c Client) Watch(ctx context.Context) (*Viewer, error) { return c.watchUntil(ctx, false) }

// Listen is Watch with the audio, which comes on Viewer.Audio.
func (c Client) Listen(ctx context.Context) (*Viewer, error) { return c.watchUntil(ctx, true) }

func (c Client) watchUntil(ctx context.Context, audio bool) (*Viewer, error) {
	for {
		v, err := c.watch(ctx, audio)
		var no Refused
		if !errors.As(err, &no) || no.Status != http.StatusConflict {
			return v, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

func (c Client) watch(ctx context.Context, audio bool) (*Viewer, error) {
	pc, err := c.newPeer()
	if err != nil {
		return nil, err
	}
	v := &Viewer{pc: pc, Units: make(chan AccessUnit, 256), Audio: make(chan AccessUnit, 1024)}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if t.Kind() == webrtc.RTPCodecTypeAudio {
			v.hear(t)
			return
		}
		v.receive(t)
	})
	init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, init); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	if audio {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, init); err != nil {
			return nil, errors.Join(err, pc.Close())
		}
	}
	up := connected(pc)
	if v.session, err = c.open(ctx, "/whep", pc); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return v, wait(ctx, up, v.session)
}

// Report sends RTCP to the server: pli, fir or nack.
func (v *Viewer) Report(kind string) error {
	ssrc := uint32(0)
	for _, r := range v.pc.GetReceivers() {
		if t := r.Track(); t != nil && t.Kind() == webrtc.RTPCodecTypeVideo {
			ssrc = uint32(t.SSRC())
		}
	}
	p := map[string]rtcp.Packet{
		"pli":  &rtcp.PictureLossIndication{MediaSSRC: ssrc},
		"fir":  &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}},
		"nack": &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{}}},
	}[kind]
	return v.pc.WriteRTCP([]rtcp.Packet{p})
}

// hear passes on the packets of the audio. Those that nobody takes are dropped.
func (v *Viewer) hear(t *webrtc.TrackRemote) {
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		select {
		case v.Audio <- AccessUnit{Data: p.Payload, Ticks: p.Timestamp}:
		default:
		}
	}
}

func (v *Viewer) receive(t *webrtc.TrackRemote) {
	codec := "vp8"
	if t.Codec().MimeType == webrtc.MimeTypeH264 {
		codec = "h264"
	}
	v.mu.Lock()
	v.codec = codec
	v.mu.Unlock()
	frames := server.NewAssembler(codec)
	for {
		packet, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		_, wantKey := frames.Push(packet, time.Now(), func(p server.AccessUnit) {
			select {
			case v.Units <- AccessUnit{Data: p.Data, Ticks: p.Time, Arrival: p.Arrival}:
			default:
			}
		})
		if wantKey {
			v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
		}
	}
}

// connected is closed once the connection stands.
func connected(pc *webrtc.PeerConnection) <-chan struct{} {
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	return up
}

func wait(ctx context.Context, up <-chan struct{}, s *session) error {
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Close())
	}
}
