package webrtc

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pion/webrtc/v3"
)

// TestTokensHaveRights: each token allows what it is for and nothing more.
func TestTokensHaveRights(t *testing.T) {
	s := start(t, Options{PublishToken: "publish-0123456789", ViewToken: "view-0123456789", Status: func(control bool) any { return map[string]bool{"control": control} }})
	for _, c := range []struct {
		token, method, path string
		want                int
	}{
		{"publish-0123456789", "POST", "/whip", 415}, {"publish-0123456789", "POST", "/whep", 415}, {"publish-0123456789", "POST", "/control", 403},
		{"publish-0123456789", "GET", "/status", 200}, {"publish-0123456789", "GET", "/metrics", 404},
		{"view-0123456789", "POST", "/whip", 403}, {"view-0123456789", "POST", "/whep", 415}, {"view-0123456789", "POST", "/control", 403},
		{"view-0123456789", "GET", "/status", 200}, {s.Token(), "POST", "/control", 400}, {s.Token(), "POST", "/whip", 415}, {"other", "GET", "/status", 401}, {"", "GET", "/status", 401},
	} {
		if resp, body := do(t, s, c.method, c.path, "", "", "Authorization", "Bearer "+c.token); resp.StatusCode != c.want {
			t.Errorf("%s %s with %q: %s, want %d: %s", c.method, c.path, c.token, resp.Status, c.want, body)
		}
	}
	_, mine := do(t, s, "GET", "/status", "", "")
	_, theirs := do(t, s, "GET", "/status", "", "", "Authorization", "Bearer view-0123456789")
	if !strings.Contains(mine, `"view_token":"view-0123456789"`) || !strings.Contains(mine, `"control":true`) || !strings.Contains(mine, `"publish":true`) {
		t.Errorf("the owner's status: %s", mine)
	}
	if strings.Contains(theirs, "0123456789") || !strings.Contains(theirs, `"control":false`) || !strings.Contains(theirs, `"publish":false`) {
		t.Errorf("a viewer's status: %s", theirs)
	}
}

// TestViewersCannotEndThePublisher, even if they learned its session.
func TestViewersCannotEndThePublisher(t *testing.T) {
	s := start(t, Options{})
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, sendonly); err != nil {
		t.Fatal(err)
	}
	p := connect(t, s, "/whip", pc)
	if resp, _ := do(t, s, "DELETE", p.location, "", "", "Authorization", "Bearer "+s.o.ViewToken); resp.StatusCode != 403 {
		t.Errorf("a viewer's DELETE: %s", resp.Status)
	}
	if resp, _ := do(t, s, "DELETE", p.location, "", ""); resp.StatusCode != 200 {
		t.Errorf("the owner's DELETE: %s", resp.Status)
	}
}

// TestForwardedFor is believed from proxies that were named, from the right, and from nobody else.
func TestForwardedFor(t *testing.T) {
	s := start(t, Options{Proxies: []string{"10.0.0.0/8", "192.0.2.9"}})
	for _, c := range []struct{ remote, header, want string }{
		{"203.0.113.5:1", "198.51.100.7", "203.0.113.5"},
		{"192.0.2.9:1", "198.51.100.7", "198.51.100.7"},
		{"192.0.2.9:1", "1.2.3.4, 198.51.100.7, 10.1.2.3", "198.51.100.7"},
		{"10.9.9.9:1", "", "10.9.9.9"},
		{"[::1]:5", "198.51.100.7", "::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.header)
		if got := s.client(r); got != c.want {
			t.Errorf("from %s with %q: counted for %s, want %s", c.remote, c.header, got, c.want)
		}
	}
	if s, err := New(Options{Listen: "127.0.0.1:0", Proxies: []string{"proxy.local"}}); err == nil {
		s.Close()
		t.Error("a proxy that is no address is taken")
	}
}

// TestICEServersAreTold to who has a token, by Link and by the status; the server's own answer does not need them.
func TestICEServersAreTold(t *testing.T) {
	s := start(t, Options{ICEServers: []ICEServer{{URL: "stun:stun.example:3478"}, {URL: "turn:turn.example:3478?transport=udp", Username: "u", Credential: "secret"}}})
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, sendonly); err != nil {
		t.Fatal(err)
	}
	resp, _ := do(t, s, "POST", "/whip", sdpType, offerOf(t, pc))
	want := []string{`<stun:stun.example:3478>; rel="ice-server"`, `<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="u"; credential="secret"; credential-type="password"`}
	if got := resp.Header.Values("Link"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("Link headers %q, want %q", got, want)
	}
	if resp, _ := do(t, s, "OPTIONS", "/whip", "", "", "Authorization", ""); len(resp.Header.Values("Link")) != 0 {
		t.Errorf("credentials for who has no token: %q", resp.Header.Values("Link"))
	}
	for _, bad := range []ICEServer{{URL: "http://x"}, {URL: "turn:x"}, {URL: "stun:"}, {URL: "stun:a>b"}, {URL: "turn:x", Username: "u\"", Credential: "c"}, {URL: "stun:x", Username: "u"}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestCandidatesInAnOfferAreBounded as those in a fragment.
func TestCandidatesInAnOfferAreBounded(t *testing.T) {
	line := "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\n"
	if err := checkOffer(offer+strings.Repeat(line, maxCandidates), "whip"); err != nil {
		t.Errorf("%d candidates: %v", maxCandidates, err)
	}
	for name, more := range map[string]string{"one too many": strings.Repeat(line, maxCandidates+1), "no candidate": "a=candidate:1 1 udp x y\r\n"} {
		if err := checkOffer(offer+more, "whip"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPagesHoldTogether: every page has its script and style, and none a mark that was to be replaced.
func TestPagesHoldTogether(t *testing.T) {
	s := start(t, Options{})
	for path, want := range map[string]string{"/": "Allow camera and start", "/watch": "Full screen", "/obs": "background: transparent"} {
		resp, body := do(t, s, "GET", path, "", "", "Authorization", "")
		if resp.StatusCode != 200 || !strings.Contains(body, want) || !strings.Contains(body, "function watchFeed") || !strings.Contains(body, "data:image/svg+xml") {
			t.Errorf("%s: %s, %d bytes", path, resp.Status, len(body))
		}
		for _, mark := range []string{"NONCE", "/*SHARED", `"ICON"`} {
			if strings.Contains(body, mark) {
				t.Errorf("%s has %s", path, mark)
			}
		}
		if path != "/" && (strings.Contains(body, "'control'") || strings.Contains(body, "getUserMedia")) {
			t.Errorf("%s changes things for others", path)
		}
	}
}
