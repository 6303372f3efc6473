package webrtc

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// TestStatusTable walks through the conformance list of RFC 9725 and the WHEP draft.
func TestStatusTable(t *testing.T) {
	s := start(t, Options{Codec: "vp8"})
	viewer := newClient(t)
	video := webrtc.RTPCodecTypeVideo
	if _, err := viewer.AddTransceiverFromKind(video, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, viewer)
	two := strings.Replace(offer, "a=recvonly", "a=inactive", 1)
	data := newClient(t)
	if _, err := data.CreateDataChannel("d", nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, ctype, body string
		headers                         []string
		want                            int
		header, value                   string
	}{
		{"nothing live yet", "POST", "/whep", sdpType, offer, nil, 409, "Retry-After", "1"},
		{"wrong type", "POST", "/whep", "text/plain", offer, nil, 415, "Content-Type", "application/problem+json"},
		{"no type", "POST", "/whip", "", offer, nil, 415, "", ""},
		{"bad SDP", "POST", "/whep", sdpType, "v=0\r\nnonsense", nil, 400, "", ""},
		{"empty SDP", "POST", "/whip", sdpType, "", nil, 400, "", ""},
		{"publisher that only receives", "POST", "/whip", sdpType, offer, nil, 422, "", ""},
		{"inactive", "POST", "/whep", sdpType, two, nil, 422, "", ""},
		{"data channel", "POST", "/whep", sdpType, offerOf(t, data), nil, 422, "", ""},
		{"body too large", "POST", "/whep", sdpType, strings.Repeat("a", maxBody+1), nil, 413, "", ""},
		{"GET", "GET", "/whep", "", "", nil, 204, "", ""},
		{"HEAD", "HEAD", "/whep", "", "", nil, 200, "Content-Type", sdpType},
		{"OPTIONS", "OPTIONS", "/whip", "", "", nil, 200, "Accept-Post", sdpType},
		{"OPTIONS without token", "OPTIONS", "/whep", "", "", []string{"Authorization", "", "Origin", "http://" + s.Addr()}, 200, "Access-Control-Allow-Origin", ""},
		{"PUT", "PUT", "/whip", "", "", nil, 405, "Allow", "POST, GET, HEAD, OPTIONS"},
		{"unknown session", "DELETE", "/session/0123", "", "", nil, 404, "", ""},
		{"unknown session PATCH", "PATCH", "/session/0123", fragmentType, "", nil, 404, "", ""},
		{"wrong token", "POST", "/whep", sdpType, offer, []string{"Authorization", "Bearer nope"}, 401, "WWW-Authenticate", `Bearer realm="vsr"`},
		{"no token", "POST", "/whep", sdpType, offer, []string{"Authorization", ""}, 401, "", ""},
		{"token as basic", "GET", "/status", "", "", []string{"Authorization", "Basic " + s.Token()}, 401, "", ""},
		{"metrics absent", "GET", "/metrics", "", "", nil, 404, "", ""},
		{"foreign host", "GET", "/", "", "", []string{"Host", "evil.example"}, 403, "", ""},
		{"foreign origin", "POST", "/whep", sdpType, offer, []string{"Origin", "https://evil.example"}, 403, "", ""},
		{"own origin", "GET", "/whep", "", "", []string{"Origin", "http://" + s.Addr()}, 204, "Access-Control-Allow-Origin", ""},
		{"page", "GET", "/", "", "", nil, 200, "Content-Type", "text/html; charset=utf-8"},
		{"page without token", "GET", "/", "", "", []string{"Authorization", ""}, 200, "", ""},
		{"control", "POST", "/control", "application/json", `{"enhance": false}`, nil, 204, "", ""},
		{"bad control", "POST", "/control", "application/json", `{"enhance": 1}`, nil, 400, "", ""},
		{"health", "GET", "/healthz", "", "", []string{"Authorization", ""}, 200, "", ""},
	} {
		resp, body := do(t, s, c.method, c.path, c.ctype, c.body, c.headers...)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, resp.StatusCode, c.want, body)
		}
		if c.header != "" && resp.Header.Get(c.header) != c.value {
			t.Errorf("%s: header %s is %q, want %q", c.name, c.header, resp.Header.Get(c.header), c.value)
		}
	}
}

func TestSessionLifecycle(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8"})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	p, _ := watch(t, s)
	frag := "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
	ufrag, pwd := "a=ice-ufrag:"+strings.Repeat("u", 8)+"\r\n", "a=ice-pwd:"+strings.Repeat("p", 24)+"\r\n"
	same := "a=ice-ufrag:" + attribute(p.pc.LocalDescription().SDP, "ice-ufrag") + "\r\n"
	for _, c := range []struct {
		method, ctype, body, match string
		want                       int
	}{
		{"PATCH", fragmentType, frag, "", 428},
		{"PATCH", fragmentType, frag, `"stale"`, 412},
		{"PATCH", fragmentType, frag, "*", 422},
		{"PATCH", fragmentType, ufrag, "*", 422},
		{"PATCH", fragmentType, same + pwd, "*", 422},
		{"PATCH", fragmentType, ufrag + "a=ice-pwd:short\r\n", "*", 422},
		{"PATCH", fragmentType, "a=ice-ufrag:b a d\r\n" + pwd, "*", 422},
		{"PATCH", fragmentType, ufrag + frag, p.etag, 422}, // of another ICE session
		{"PATCH", fragmentType, same + frag + "a=end-of-candidates\r\n", p.etag, 204},
		{"PATCH", "text/plain", frag, p.etag, 415},
		{"PATCH", fragmentType, strings.Repeat(" ", maxBody+1), p.etag, 413},
		{"PATCH", fragmentType, "a=candidate:rubbish\r\n", p.etag, 400},
		{"PATCH", fragmentType, "a=candidate:1 1 udp x 127.0.0.1 9 typ host\r\n", p.etag, 400},
		{"PATCH", fragmentType, strings.Repeat(frag, maxCandidates+1), p.etag, 400},
		{"PATCH", fragmentType, frag, p.etag, 204},
		{"GET", "", "", "", 204},
		{"OPTIONS", "", "", "", 200},
		{"POST", "", "", "", 405},
		{"DELETE", "", "", `"stale"`, 200}, // RFC 9725: the ETag is ignored on DELETE
		{"DELETE", "", "", "", 404},
	} {
		resp, body := do(t, s, c.method, p.location, c.ctype, c.body, "If-Match", c.match)
		if resp.StatusCode != c.want {
			t.Errorf("%s %q If-Match %s %.60q: %d, want %d: %s", c.method, c.ctype, c.match, c.body, resp.StatusCode, c.want, body)
		}
		if c.method == "PATCH" && resp.Header.Get("ETag") != "" {
			t.Errorf("%s If-Match %s: an ETag comes with %d", c.method, c.match, resp.StatusCode)
		}
	}
}

// TestTrickleIsBounded sends fragment after fragment.
func TestTrickleIsBounded(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8"})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	p, _ := watch(t, s)
	frag := strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", maxCandidates)
	for i := range maxTrickled/maxCandidates + 1 {
		want := http.StatusNoContent
		if i == maxTrickled/maxCandidates {
			want = http.StatusUnprocessableEntity
		}
		if resp, body := do(t, s, "PATCH", p.location, fragmentType, frag, "If-Match", p.etag); resp.StatusCode != want {
			t.Errorf("fragment %d: %d, want %d: %s", i, resp.StatusCode, want, body)
		}
	}
}

func TestSecondPublisherIsRefused(t *testing.T) {
	s := start(t, Options{})
	for i, want := range []int{http.StatusCreated, http.StatusConflict} {
		pc := newClient(t)
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		if resp, body := do(t, s, "POST", "/whip", sdpType, offerOf(t, pc)); resp.StatusCode != want {
			t.Errorf("publisher %d: %s, want %d: %s", i, resp.Status, want, body)
		}
	}
}

func TestViewerCapAndCodec(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", MaxViewers: 1})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	watch(t, s)
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	if resp, _ := do(t, s, "POST", "/whep", sdpType, offer); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("second viewer: %s, Retry-After %q, want 503 with a time", resp.Status, resp.Header.Get("Retry-After"))
	}
}

func TestOpenAddressNeedsToken(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80"} {
		if s, err := New(Options{Listen: listen}); err == nil || !strings.Contains(err.Error(), ErrTokenNeeded.Error()) {
			t.Errorf("listen %s without a token: error %v", listen, err)
			if s != nil {
				s.Close()
			}
		}
	}
}

func TestRateLimit(t *testing.T) {
	s := start(t, Options{RateLimit: 0.001})
	codes := map[int]int{}
	offers := func(want int) {
		t.Helper()
		for range 10 {
			if resp, _ := do(t, s, "POST", "/whep", "text/plain", "x"); resp.StatusCode != want {
				t.Fatalf("an offer with the right token: %s, want %d", resp.Status, want)
			}
		}
	}
	for range burst + 5 {
		resp, _ := do(t, s, "GET", "/status", "", "", "Authorization", "Bearer guess")
		codes[resp.StatusCode]++
	}
	if codes[401] != burst || codes[429] != 5 {
		t.Errorf("answers to guesses %v, want %d times 401 and 5 times 429", codes, burst)
	}
	for range burst {
		if resp, _ := do(t, s, "GET", "/status", "", ""); resp.StatusCode != 200 {
			t.Fatalf("reading the status with the token: %s", resp.Status)
		}
	}
	for range 60 {
		do(t, s, "POST", "/whep", "text/plain", "x", "Authorization", "Bearer guess")
	}
	offers(http.StatusUnsupportedMediaType) // who guesses keeps nobody out behind the same address
	offers(http.StatusUnsupportedMediaType)
	offers(http.StatusTooManyRequests)
}

func FuzzOffer(f *testing.F) {
	f.Add("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n")
	f.Add("m=video")
	f.Fuzz(func(t *testing.T, offer string) {
		checkOffer(offer, "whip")
		checkOffer(offer, "whep")
	})
}

// TestUnfinishedSessions: offers without a handshake take places only for a while, a publisher's too.
func TestUnfinishedSessions(t *testing.T) {
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", MaxPending: 3, Handshake: 400 * time.Millisecond})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	offers := map[string]string{}
	for path, direction := range map[string]webrtc.RTPTransceiverDirection{"/whip": webrtc.RTPTransceiverDirectionSendonly, "/whep": webrtc.RTPTransceiverDirectionRecvonly} {
		pc := newClient(t)
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: direction}); err != nil {
			t.Fatal(err)
		}
		offers[path] = offerOf(t, pc)
	}
	for round := range 2 {
		for i, path := range []string{"/whip", "/whep", "/whep", "/whep", "/whip"} {
			want := []int{201, 201, 201, 503, 409}[i]
			resp, body := do(t, s, "POST", path, sdpType, offers[path])
			if resp.StatusCode != want {
				t.Errorf("round %d, offer %d to %s: %d, want %d: %s", round, i, path, resp.StatusCode, want, body)
			}
			if retry := resp.Header.Get("Retry-After"); want >= 400 && retry == "" {
				t.Errorf("offer %d to %s: %d without Retry-After", i, path, want)
			}
		}
		waitFor(t, "the places to come free", func() bool { return s.table.count("whip")+s.table.count("whep") == 0 })
	}
}

// TestStatusNamesItsSchema: other programs read /status.
func TestStatusNamesItsSchema(t *testing.T) {
	s := start(t, Options{Status: func(bool) any { return map[string]int{"fps": 30} }})
	resp, body := do(t, s, "GET", "/status", "", "")
	var st struct {
		Schema   int `json:"schema_version"`
		Pipeline struct {
			FPS int `json:"fps"`
		} `json:"pipeline"`
	}
	if err := json.Unmarshal([]byte(body), &st); err != nil || resp.StatusCode != 200 || st.Schema != statusSchema || st.Pipeline.FPS != 30 {
		t.Errorf("%s: %s (%v)", resp.Status, body, err)
	}
}
