package webrtc

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// restartICE does what a client does: a new offer's credentials and candidates go out in a fragment, and what comes back goes
// into the old answer. It returns the new ETag.
func restartICE(t *testing.T, s *Server, p peer) (etag string) {
	t.Helper()
	old := p.pc.RemoteDescription().SDP
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	resp, body := do(t, s, "PATCH", p.location, fragmentType, answerFragment(p.pc.LocalDescription().SDP), "If-Match", `"*"`)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != fragmentType {
		t.Fatalf("ICE restart: %s, %s: %s", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	frag, err := parseFragment(body)
	if err != nil || len(frag.candidates) == 0 {
		t.Fatalf("the answer's fragment: %v, %d candidates:\n%s", err, len(frag.candidates), body)
	}
	if err := frag.restarts(old); err != nil {
		t.Fatalf("the server's side of the restart: %v", err)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: frag.apply(old)}); err != nil {
		t.Fatal(err)
	}
	if err := frag.addTo(p.pc); err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("ETag")
}

// TestICERestartOfAViewer: the frames go on over the new ICE session, twice, and the ETag before is worth nothing.
func TestICERestartOfAViewer(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", OnKeyframe: func(string, string) { wantKey.Store(true) }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	p, frames := watch(t, s)
	waitFor(t, "frames", func() bool { return frames.Load() > 5 })
	local := func() string { return selected(p.pc) }
	for range 2 {
		before, path := frames.Load(), local()
		etag := restartICE(t, s, p)
		if etag == "" || etag == p.etag {
			t.Errorf("ETag %q after the restart, %q before", etag, p.etag)
		}
		waitFor(t, "frames after the restart", func() bool { return frames.Load() > before+20 && local() != "" && local() != path })
		fragment := "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
		if resp, _ := do(t, s, "PATCH", p.location, fragmentType, fragment, "If-Match", p.etag); resp.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("the ETag from before the restart: %s, want 412", resp.Status)
		}
		if resp, _ := do(t, s, "PATCH", p.location, fragmentType, fragment, "If-Match", etag); resp.StatusCode != http.StatusNoContent {
			t.Errorf("the ETag of the restart: %s, want 204", resp.Status)
		}
		p.etag = etag
	}
	// One that cannot work leaves the session as it is.
	before := frames.Load()
	if resp, _ := do(t, s, "PATCH", p.location, fragmentType, "a=ice-ufrag:x\r\na=ice-pwd:y\r\n", "If-Match", "*"); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a restart with bad credentials: %s, want 422", resp.Status)
	}
	waitFor(t, "frames after a restart that failed", func() bool { return frames.Load() > before+20 })
}

// selected names the local address of the pair in use.
func selected(pc *webrtc.PeerConnection) string {
	pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return ""
	}
	return pair.Local.String()
}

// TestTrickle connects a viewer whose offer has no candidates and that cannot be found but by those it sends later.
func TestTrickle(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", OnKeyframe: func(string, string) { wantKey.Store(true) }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{})
	pc.OnICEConnectionStateChange(func(st webrtc.ICEConnectionState) {
		if st == webrtc.ICEConnectionStateConnected {
			close(connected)
		}
	})
	offer := offerOf(t, pc)
	var bare strings.Builder
	for l := range strings.Lines(offer) {
		if !strings.HasPrefix(l, "a=candidate") && !strings.HasPrefix(l, "a=end-of-candidates") {
			bare.WriteString(l)
		}
	}
	resp, body := do(t, s, "POST", "/whep", sdpType, bare.String())
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	// The client learns nothing of where the server is: only the server's own checks can find a way.
	answer := fragment{ufrag: attribute(body, "ice-ufrag"), pwd: attribute(body, "ice-pwd")}.apply(body)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	if resp, body := do(t, s, "PATCH", resp.Header.Get("Location"), fragmentType, answerFragment(offer), "If-Match", resp.Header.Get("ETag")); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		t.Error("the server did not use the candidates")
	}
}

func TestFragments(t *testing.T) {
	offer := "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 x 1\r\na=mid:0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\na=rtpmap:1 x\r\n" +
		"m=video 9 x 1\r\na=mid:1\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\n"
	f := fragment{ufrag: "new1", pwd: strings.Repeat("n", 22)}
	want := "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 x 1\r\na=mid:0\r\na=ice-ufrag:new1\r\na=ice-pwd:" + f.pwd + "\r\na=rtpmap:1 x\r\nm=video 9 x 1\r\na=mid:1\r\na=ice-ufrag:new1\r\na=ice-pwd:" + f.pwd + "\r\n"
	if got := f.apply(offer); got != want {
		t.Errorf("offer with new credentials:\n%s\nwant\n%s", got, want)
	}
	want = "a=group:BUNDLE 0 1\r\nm=audio 9 x 1\r\na=mid:0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n"
	if got := answerFragment(offer); got != want {
		t.Errorf("fragment:\n%s\nwant\n%s", got, want)
	}
	if got, err := parseFragment(want); err != nil || got.ufrag != "old1" || got.pwd != "oldpassword" || len(got.candidates) != 1 {
		t.Errorf("read back: %+v, %v", got, err)
	}
}

func TestBundleOnlyLinesAreOpen(t *testing.T) {
	offer := "v=0\r\nm=video 9 x 1\r\na=bundle-only\r\nm=audio 0 x 0\r\na=mid:1\r\na=bundle-only\r\nm=audio 0 x 1\r\na=mid:2\r\n"
	want := strings.Replace(offer, "m=audio 0 x 0", "m=audio 9 x 0", 1)
	if got := openBundled(offer); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzFragment: whatever a fragment says, it is refused, or every credential of the offer is replaced by a valid one.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", "v=0\r\nm=video 9 x 1\r\na=ice-ufrag:efgh\r\na=ice-pwd:x\r\n")
	f.Add("a=ice-ufrag:ab\ncd\r\n", "a=ice-ufrag:\r\n")
	f.Fuzz(func(t *testing.T, text, offer string) {
		frag, err := parseFragment(text)
		if err != nil || frag.restarts(offer) != nil {
			return
		}
		got := frag.apply(offer)
		for _, l := range strings.Split(got, "\n") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(l), "a=ice-ufrag:"); ok && v != frag.ufrag {
				t.Errorf("ufrag %q is left in %q", v, got)
			}
		}
		answerFragment(got)
	})
}
