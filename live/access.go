package live

import (
	"os"
	"slices"
	"strings"

	"vsr/internal/fault"
	"vsr/live/webrtc"
)

// Access is the part of Options that says who may do what, and from where.
type Access struct {
	PublishTokenFile string             `yaml:"publish_token_file"` // of a token to publish and watch; empty is none
	ViewTokenFile    string             `yaml:"view_token_file"`    // of a token to watch; empty makes a random one
	Proxies          []string           `yaml:"proxies"`            // reverse proxies whose X-Forwarded-For counts: addresses or prefixes
	ICEServers       []webrtc.ICEServer `yaml:"ice_servers"`        // STUN and TURN servers that clients are told of
	External         string             `yaml:"external"`           // IP address of the media for clients, behind a NAT
}

// tokens reads the token files: for everything, to publish, to watch. "" is where none is named.
func (o *Options) tokens() (list [3]string, err error) {
	for i, file := range []string{o.TokenFile, o.PublishTokenFile, o.ViewTokenFile} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return list, fault.New(fault.Usage, "", "token file: %w", err)
		}
		t := strings.TrimSpace(string(b))
		if len(t) < 16 || strings.ContainsAny(t, " \t\r\n") {
			return list, fault.New(fault.Usage, "openssl rand -hex 16 makes a good one", "token file %s: want one word of at least 16 characters", file)
		}
		if slices.Contains(list[:], t) {
			return list, fault.New(fault.Usage, "", "token file %s: the same token stands in another file", file)
		}
		list[i] = t
	}
	return list, nil
}
