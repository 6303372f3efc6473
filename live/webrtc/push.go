package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
)

// PushOptions says where a Pusher sends.
type PushOptions struct {
	URL        string // of a WHIP endpoint, http or https
	Token      string // bearer token, empty for none
	Audio      bool   // Opus goes along
	OnKeyframe func() // hears of each request for a key frame
	Patience   time.Duration
}

// Pusher publishes H.264 and Opus to a server by WHIP (RFC 9725), as a client.
type Pusher struct {
	pc           *webrtc.PeerConnection
	video, audio *webrtc.TrackLocalStaticRTP
	packetize    rtp.Packetizer
	offset       uint32 // of the RTP times of both (RFC 3550 section 5.1)
	number       uint16 // of the audio packets
	session      string // to DELETE
	token        string
	bytes        atomic.Int64
	failed       chan error
	connected    chan struct{}
	once         sync.Once
	readers      sync.WaitGroup
}

// StatusError is an answer of a WHIP server other than 201.
type StatusError struct{ Status int }

// Error gives the status in words.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Push opens a WHIP session and waits until it is connected. Errors do not show the address.
func Push(ctx context.Context, o PushOptions) (*Pusher, error) {
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	p := &Pusher{token: o.Token, offset: rand.Uint32(), failed: make(chan error, 1), connected: make(chan struct{}),
		packetize: rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), clockRate)}
	if err := p.open(o); err != nil {
		return nil, err
	}
	err := p.negotiate(ctx, o.URL)
	if err == nil {
		select {
		case <-p.connected:
			return p, nil
		case err = <-p.failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	p.Close()
	return nil, err
}

// open makes the connection with its tracks.
func (p *Pusher) open(o PushOptions) error {
	m, reg := &webrtc.MediaEngine{}, &interceptor.Registry{}
	for _, c := range codecsFor("h264") {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	if err := errors.Join(m.RegisterCodec(codecOpus, webrtc.RTPCodecTypeAudio), addReports(m, reg)); err != nil {
		return err
	}
	set := webrtc.SettingEngine{}
	set.SetIncludeLoopbackCandidate(true)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	set.SetICETimeouts(3*time.Second, 5*time.Second, time.Second)
	var err error
	if p.pc, err = webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(set)).NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	p.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		switch st {
		case webrtc.PeerConnectionStateConnected:
			p.once.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateClosed:
			select {
			case p.failed <- io.ErrUnexpectedEOF:
			default:
			}
		}
	})
	if p.video, err = p.add(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: clockRate}, "video", o.OnKeyframe); err != nil {
		return errors.Join(err, p.pc.Close())
	}
	if o.Audio {
		if p.audio, err = p.add(codecOpus.RTPCodecCapability, "audio", nil); err != nil {
			return errors.Join(err, p.pc.Close())
		}
	}
	return nil
}

// add adds a track, and a goroutine that reads what the server says of it.
func (p *Pusher) add(c webrtc.RTPCodecCapability, name string, onKeyframe func()) (*webrtc.TrackLocalStaticRTP, error) {
	t, err := webrtc.NewTrackLocalStaticRTP(c, name, streamName)
	if err != nil {
		return nil, err
	}
	tr, err := p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	p.readers.Add(1)
	go func() {
		defer p.readers.Done()
		for {
			list, _, err := tr.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, r := range list {
				switch r.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					if onKeyframe != nil {
						onKeyframe()
					}
				}
			}
		}
	}()
	return t, nil
}

// maxAnswer bounds what is read of a server's answer, in bytes.
const maxAnswer = 256 << 10

// negotiate posts the offer with all its candidates.
func (p *Pusher) negotiate(ctx context.Context, endpoint string) error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	resp, err := p.request(ctx, http.MethodPost, endpoint, p.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return &StatusError{resp.StatusCode}
	}
	if at, err := resp.Request.URL.Parse(resp.Header.Get("Location")); err == nil && resp.Header.Get("Location") != "" {
		p.session = at.String()
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		return fmt.Errorf("the server's answer cannot be used: %w", err)
	}
	return nil
}

// request sends a request with the token. Errors leave out the address, which may hold a key.
func (p *Pusher) request(ctx context.Context, method, address, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	if body != "" {
		req.Header.Set("Content-Type", sdpType)
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return resp, err
}

// Write sends an access unit with start codes, at ticks of 90 kHz. One goroutine writes.
func (p *Pusher) Write(data []byte, ticks uint32) error {
	for i, packet := range p.packetize.Packetize(data, 0) {
		packet.Timestamp = ticks + p.offset
		if err := p.video.WriteRTP(packet); err != nil {
			return err
		}
		if i%24 == 23 { // a key frame does not leave in one clump
			time.Sleep(time.Millisecond)
		}
	}
	p.bytes.Add(int64(len(data)))
	return nil
}

// WriteAudio sends a packet of Opus, at ticks of 48 kHz.
func (p *Pusher) WriteAudio(data []byte, ticks uint32) error {
	if p.audio == nil {
		return nil
	}
	p.number++
	p.bytes.Add(int64(len(data)))
	return p.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.number, Timestamp: ticks + p.offset}, Payload: data})
}

// Bytes is how many bytes of media were sent.
func (p *Pusher) Bytes() int64 { return p.bytes.Load() }

// Failed hears of the end of the connection.
func (p *Pusher) Failed() <-chan error { return p.failed }

// Close ends the session at the server and here.
func (p *Pusher) Close() error {
	if p.session != "" {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if resp, err := p.request(ctx, http.MethodDelete, p.session, ""); err == nil {
			resp.Body.Close()
		}
		cancel()
	}
	err := p.pc.Close()
	p.readers.Wait()
	return err
}
