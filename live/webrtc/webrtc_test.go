package webrtc

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
)

// start runs a server on free loopback ports.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	if o.RateLimit == 0 {
		o.RateLimit = 1e6
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// do sends a request with the right token and returns the response, its body read.
func do(t *testing.T, s *Server, method, path, contentType, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token())
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// peer is a WHIP or WHEP client made of pion.
type peer struct {
	pc       *webrtc.PeerConnection
	location string
	etag     string
}

func newClient(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	return pc.LocalDescription().SDP
}

func connect(t *testing.T, s *Server, path string, pc *webrtc.PeerConnection) peer {
	t.Helper()
	resp, body := do(t, s, "POST", path, sdpType, offerOf(t, pc))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %s: %s", path, resp.Status, body)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		t.Fatal(err)
	}
	return peer{pc: pc, location: resp.Header.Get("Location"), etag: resp.Header.Get("ETag")}
}

// watch joins as a viewer and counts frames by their marker bit.
func watch(t *testing.T, s *Server) (p peer, frames *atomic.Int64) {
	t.Helper()
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	frames = &atomic.Int64{}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			if packet.Marker {
				frames.Add(1)
			}
		}
	})
	return connect(t, s, "/whep", pc), frames
}

// vp8Frame is a made-up VP8 frame: only the first bit of its tag (RFC 6386 section 9.1) matters to the transport.
func vp8Frame(key bool, size int) []byte {
	b := make([]byte, max(size, 10))
	if !key {
		b[0] = 1
	}
	return b
}

// play writes frames at 100 a second until the test ends, and a key frame whenever one is asked for.
func play(t *testing.T, s *Server, wantKey *atomic.Bool) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				key := wantKey.Swap(false)
				s.Broadcast().Write(s.o.Codec, vp8Frame(key, 3000), n*900, key)
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestBroadcastReachesEveryViewer(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", OnKeyframe: func(string, string) { wantKey.Store(true) }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	_, a := watch(t, s)
	_, b := watch(t, s)
	waitFor(t, "20 frames for both", func() bool { return a.Load() >= 20 && b.Load() >= 20 })
}

func TestPublisherFramesArriveWhole(t *testing.T) {
	s := start(t, Options{})
	pc := newClient(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: clockRate}, "video", "cam")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	connect(t, s, "/whip", pc)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go func() {
		p := rtp.NewPacketizer(1200, 0, 0, &codecs.VP8Payloader{EnablePictureID: true}, rtp.NewRandomSequencer(), clockRate)
		for ctx.Err() == nil {
			for _, packet := range p.Packetize(vp8Frame(true, 5000), 3000) {
				track.WriteRTP(packet)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	pub, err := s.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		pic, err := pub.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(pic.Data) != 5000 {
			t.Errorf("frame of %d bytes, want 5000", len(pic.Data))
		}
	}
	if pub.Codec() != "vp8" {
		t.Errorf("codec %q, want vp8", pub.Codec())
	}
	pub.Close()
	waitFor(t, "the end of the publication", func() bool { _, err := pub.Next(ctx); return err == io.EOF })
}

func TestAbandonedSessionsLeaveNothing(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", Handshake: 200 * time.Millisecond, MaxPending: 50})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	opened := 0
	for opened < 200 {
		resp, body := do(t, s, "POST", "/whep", sdpType, offer)
		switch resp.StatusCode {
		case http.StatusCreated:
			opened++
		case http.StatusServiceUnavailable: // the bound on sessions: wait until the oldest time out
			time.Sleep(20 * time.Millisecond)
		default:
			t.Fatalf("%s: %s", resp.Status, body)
		}
	}
	waitFor(t, "the sessions to end", func() bool { return s.table.count("whep") == 0 })
	waitFor(t, "the goroutines to end", func() bool {
		http.DefaultClient.CloseIdleConnections()
		return runtime.NumGoroutine() <= before+3
	})
}

var sendonly = webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}

// newVP8Client is a peer that knows no H.264, as Firefox without its plug-in.
func newVP8Client(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(codecVP8, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// TestFallbackCodec: a viewer that does not take the first codec gets the second, and only frames of that; without a second it is refused.
func TestFallbackCodec(t *testing.T) {
	asked := make(chan string, 16)
	s := start(t, Options{Codec: "h264", Fallback: "vp8", OnKeyframe: func(codec, _ string) { asked <- codec }})
	if err := s.Broadcast().Write("h264", []byte{0, 0, 0, 1, 0x65, 1}, 0, true); err != nil {
		t.Fatal(err)
	}
	pc := newVP8Client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 64)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			if len(packet.Payload) > 0 {
				got <- tr.Codec().MimeType
			}
		}
	})
	connect(t, s, "/whep", pc)
	select {
	case codec := <-asked:
		if codec != "vp8" {
			t.Errorf("a key frame of %s was asked for, want vp8", codec)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no key frame was asked for")
	}
	if v, h := s.Broadcast().Watched("vp8"), s.Broadcast().Watched("h264"); v != 1 || h != 0 {
		t.Errorf("%d viewers of vp8 and %d of h264, want 1 and 0", v, h)
	}
	for n := range uint32(3) {
		if err := s.Broadcast().Write("vp8", vp8Frame(true, 100), n*3000, true); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case mime := <-got:
		if mime != webrtc.MimeTypeVP8 {
			t.Errorf("frames of %s", mime)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no frame came")
	}
	pc.Close()

	only := start(t, Options{Codec: "h264"})
	if err := only.Broadcast().Write("h264", []byte{0, 0, 0, 1, 0x65, 1}, 0, true); err != nil {
		t.Fatal(err)
	}
	other := newVP8Client(t)
	if _, err := other.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	if resp, body := do(t, only, "POST", "/whep", sdpType, offerOf(t, other)); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a second codec: %s: %s, want 422", resp.Status, body)
	}
}
