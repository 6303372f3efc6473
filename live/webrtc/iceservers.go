package webrtc

import (
	"fmt"
	"net/http"
	"strings"
)

// ICEServer is a STUN or TURN server for clients that cannot be reached directly. The server itself asks none.
type ICEServer struct {
	URL        string `yaml:"url" json:"urls"` // stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp], turns:...
	Username   string `yaml:"username" json:"username,omitempty"`
	Credential string `yaml:"credential" json:"credential,omitempty"`
}

// Validate reports what is wrong with the entry.
func (i ICEServer) Validate() error {
	scheme, rest, _ := strings.Cut(i.URL, ":")
	switch {
	case scheme != "stun" && scheme != "stuns" && scheme != "turn" && scheme != "turns" || rest == "" || strings.ContainsAny(i.URL, "<> \"\r\n"):
		return fmt.Errorf("ICE server %q: want stun:HOST:PORT or turn:HOST:PORT", i.URL)
	case (i.Username == "") != (i.Credential == "") || strings.ContainsAny(i.Username+i.Credential, "\"\\\r\n"):
		return fmt.Errorf("ICE server %s: username and credential belong together, without quotes", i.URL)
	case strings.HasPrefix(scheme, "turn") && i.Username == "":
		return fmt.Errorf("ICE server %s: a TURN server needs username and credential", i.URL)
	}
	return nil
}

// link adds the servers to an answer to who has a token, as RFC 9725 section 4.6 says.
func (s *Server) link(h http.Header) {
	for _, i := range s.o.ICEServers {
		l := fmt.Sprintf(`<%s>; rel="ice-server"`, i.URL)
		if i.Username != "" {
			l += fmt.Sprintf(`; username="%s"; credential="%s"; credential-type="password"`, i.Username, i.Credential)
		}
		h.Add("Link", l)
	}
}
