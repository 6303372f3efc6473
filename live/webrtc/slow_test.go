package webrtc

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// TestSlowViewerHurtsNobodyElse joins a viewer that never takes a frame.
func TestSlowViewerHurtsNobodyElse(t *testing.T) {
	var wantKey atomic.Bool
	causes := make(chan string, 100)
	s := start(t, Options{Codec: "vp8", OnKeyframe: func(_, cause string) { wantKey.Store(true); causes <- cause }})
	stuck, err := s.newViewer("vp8")
	if err != nil {
		t.Fatal(err)
	}
	s.feed.join(stuck)
	wantKey.Store(true)
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	_, got := watch(t, s)
	waitFor(t, "frames for the viewer who takes them", func() bool { return got.Load() >= 2*viewerQueue })
	if n := s.feed.Dropped(); n < viewerQueue {
		t.Errorf("the stuck viewer has lost %d frames, want at least its queue of %d", n, viewerQueue)
	}
	if n := len(stuck.ring.waiting); n > viewerQueue {
		t.Errorf("%d frames wait for the stuck viewer, want at most %d", n, viewerQueue)
	}
	s.feed.leave(stuck)
	var heard []string
	for len(causes) > 0 {
		heard = append(heard, <-causes)
	}
	if !slices.Contains(heard, "slow viewer") || !slices.Contains(heard, "connect") {
		t.Errorf("key frames were asked for because of %v; want connect and slow viewer", heard)
	}
}

// TestViewerThatLeftHoldsNobodyDown: its estimator speaks once more after it has gone.
func TestViewerThatLeftHoldsNobodyDown(t *testing.T) {
	s := start(t, Options{Codec: "vp8"})
	var viewers [2]*viewer
	for i := range viewers {
		v, err := s.newViewer("vp8")
		if err != nil {
			t.Fatal(err)
		}
		s.feed.join(v)
		viewers[i] = v
	}
	s.feed.estimate(viewers[0], 300_000)
	s.feed.estimate(viewers[1], 900_000)
	if n := s.feed.Estimate(); n != 300_000 {
		t.Errorf("the lowest estimate is %d, want 300000", n)
	}
	s.feed.leave(viewers[0])
	s.feed.estimate(viewers[0], 250_000)
	if n := s.feed.Estimate(); n != 900_000 {
		t.Errorf("the lowest estimate is %d after the slow viewer left, want 900000", n)
	}
}

// TestETagOfAnotherSession replays one session's ETag on another.
func TestETagOfAnotherSession(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8"})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	a, _ := watch(t, s)
	b, _ := watch(t, s)
	if a.etag == b.etag {
		t.Fatalf("two sessions have the ETag %s", a.etag)
	}
	fragment := "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
	if resp, _ := do(t, s, "PATCH", b.location, fragmentType, fragment, "If-Match", a.etag); resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("the ETag of another session: %s, want 412", resp.Status)
	}
	if resp, _ := do(t, s, "DELETE", a.location, "", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s", resp.Status)
	}
	if resp, _ := do(t, s, "PATCH", a.location, fragmentType, fragment, "If-Match", a.etag); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the ETag of a session that ended: %s, want 404", resp.Status)
	}
}

// TestPlayoutDelay: a viewer that knows the extension is told to show each frame at once.
func TestPlayoutDelay(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", OnKeyframe: func(string, string) { wantKey.Store(true) }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelay}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	found := make(chan []byte, 1)
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		packet, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		for _, e := range r.GetParameters().HeaderExtensions {
			if e.URI == playoutDelay {
				found <- packet.GetExtension(uint8(e.ID))
			}
		}
	})
	connect(t, s, "/whep", pc)
	select {
	case v := <-found:
		if !slices.Equal(v, []byte{0, 0, 0}) {
			t.Errorf("playout delay %v, want 0 0 0", v)
		}
	case <-time.After(10 * time.Second):
		t.Error("no packet with the extension came")
	}
}

// FuzzHTTP sends anything to any address, with the right token: every answer is a proper status, and none is our own fault.
func FuzzHTTP(f *testing.F) {
	s, err := New(Options{Listen: "127.0.0.1:0", RateLimit: 1e9, Handshake: 50 * time.Millisecond, MaxPending: 2, Codec: "vp8", Silence: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	if err := s.feed.Write("vp8", vp8Frame(true, 100), 0, true); err != nil {
		f.Fatal(err)
	}
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n" +
		"a=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n" +
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AA:", 32), ":") + "\r\n"
	known, _, err := s.createViewer(context.Background(), offer)
	if err != nil {
		f.Fatal(err)
	}
	s.table.establish(known) // or it would time out
	f.Add("POST", "/whep", sdpType, "", offer)
	f.Add("PATCH", "/session/known", fragmentType, "*", "a=ice-ufrag:efgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwy\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Add("PATCH", "/session/known", fragmentType, "tag", "a=ice-ufrag:efgh\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Add("POST", "/whip", sdpType, "", strings.Replace(offer, "recvonly", "sendonly", 1))
	f.Add("PATCH", "/session/x", fragmentType, `"e"`, "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Add("POST", "/control", "application/json", "", `{"enhance":true}`)
	f.Add("GET", "/status", "", "", "")
	f.Add("OPTIONS", "/whip", "", "", "")
	handler := s.routes()
	f.Fuzz(func(t *testing.T, method, path, contentType, match, body string) {
		if !validMethod(method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \x7f") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' }) {
			return // no client can send this
		}
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if err != nil {
			return // no client can send this
		}
		r.RemoteAddr = "127.0.0.1:1"
		if path == "/session/known" && method != http.MethodDelete {
			r.URL.Path = "/session/" + known.id
			match = strings.ReplaceAll(match, "tag", known.tag())
		}
		r.Header.Set("Authorization", "Bearer "+s.Token())
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("If-Match", match)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	})
}

func validMethod(m string) bool {
	return m != "" && !strings.ContainsFunc(m, func(r rune) bool { return r < 'A' || r > 'Z' })
}
