package webrtc

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Options configures a Server. The zero value listens on 127.0.0.1:8080 with a random token and publishing allowed.
type Options struct {
	Listen string // HTTP address, host:port; default 127.0.0.1:8080
	// Front serves the pages and endpoints under /NAME/; Listen and TLS are then those of the Front. Nil: the server serves itself, at /.
	Front *Front
	Name  string // letters, digits, - and _
	UDP   string // media address, host:port; default the host of Listen with a free port
	Token string // bearer token for everything; default random. Required when Listen is not loopback
	// PublishToken allows to publish and to view, ViewToken to view alone. Default: no publish token, and a random view token.
	PublishToken, ViewToken string
	// Proxies are the addresses and prefixes (CIDR) of reverse proxies, whose X-Forwarded-For is believed.
	Proxies []string
	// ICEServers are STUN and TURN servers that clients are told of.
	ICEServers []ICEServer
	// External is the address under which clients reach the media socket, behind a NAT; "" means the socket's own.
	External   string
	Hosts      []string // further Host header values to accept, besides Listen's own, localhost and loopback addresses
	TLS        *tls.Config
	NoPublish  bool          // refuse WHIP: the source is not the browser
	Codec      string        // what Broadcast carries: h264 or vp8; default h264
	Fallback   string        // what it carries for viewers that do not take Codec; empty: they are refused
	MaxViewers int           // default 32
	MaxPending int           // sessions whose handshake has not finished; default 8
	Handshake  time.Duration // how long a session may stay unfinished; default 10 s
	Silence    time.Duration // how long a connected peer may be silent before it counts as gone; default 8 s
	RateLimit  float64       // requests a second a client may make to the endpoints; default 5, burst 20

	// OnKeyframe is called, at most once in 300 ms for a codec, when a viewer needs a key frame. cause is connect, pli or fir.
	OnKeyframe func(codec, cause string)
	// OnBitrate is called when the bit rate that every viewer of a codec can take changes, in bit/s.
	OnBitrate func(codec string, bps int)
	// MinBitrate and MaxBitrate clamp what OnBitrate hears. Defaults 250 kbit/s and 20 Mbit/s.
	MinBitrate, MaxBitrate int
	// AudioDelay tells for how long a frame is on its way through the server, so that audio is held back as long. Nil means 0.
	AudioDelay func() time.Duration
	// OnEnhance is called when a person at the page switches enhancement on or off.
	OnEnhance func(on bool)
	// OnOutput starts or stops the output of a name. The error's text goes to the client. Nil means that there are none.
	OnOutput func(name string, run bool) error
	// HLS is served at /hls/, and at /hls/TOKEN/ for players that send no header. Nil means no such place.
	HLS http.Handler
	// Status returns what the page shows of the pipeline; it must encode as JSON. Nil means nothing.
	// With control it may tell what is for the owner of the server alone.
	Status func(control bool) any
	// Metrics is served at /metrics behind the token. Nil means no such page.
	Metrics http.Handler
	// OnEvent hears of every session that ends or fails to begin, for metrics. kind is whip or whep.
	OnEvent func(kind, outcome string)
	// OnReport hears of every request in the viewers' RTCP: pli, fir or nack.
	OnReport func(kind string)
	Logger   *slog.Logger

	proxies []netip.Prefix
}

// Errors of New that a caller explains to the user.
var (
	ErrTokenNeeded = errors.New("an address other than loopback needs a token of its own")
	ErrCodec       = errors.New("codec must be h264 or vp8")
)

func (o *Options) fill() error {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.Listen, "127.0.0.1:8080")
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", o.Listen, err)
	}
	def(&o.UDP, net.JoinHostPort(host, "0"))
	def(&o.Codec, "h264")
	if o.Codec != "h264" && o.Codec != "vp8" {
		return fmt.Errorf("%w, not %q", ErrCodec, o.Codec)
	}
	if o.Fallback != "" && o.Fallback != "h264" && o.Fallback != "vp8" {
		return fmt.Errorf("%w, not %q", ErrCodec, o.Fallback)
	}
	if o.Token == "" {
		if !isLoopback(host) {
			return fmt.Errorf("%w: %s", ErrTokenNeeded, o.Listen)
		}
		o.Token = randomID()
	}
	if o.ViewToken == "" {
		o.ViewToken = randomID()
	}
	if err := o.fillProxies(); err != nil {
		return err
	}
	if o.External != "" && net.ParseIP(o.External) == nil {
		return fmt.Errorf("external address %q: want an IP address", o.External)
	}
	for _, i := range o.ICEServers {
		if err := i.Validate(); err != nil {
			return err
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.fillLimits()
	return nil
}

// fillProxies reads the proxies' addresses.
func (o *Options) fillProxies() error {
	for _, p := range o.Proxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			addr, err := netip.ParseAddr(p)
			if err != nil {
				return fmt.Errorf("proxy %q: want an IP address or a prefix such as 10.0.0.0/8", p)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		o.proxies = append(o.proxies, prefix)
	}
	return nil
}

// proxy reports whether a host is one of the proxies.
func (o *Options) proxy(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(o.proxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// codecs are those of the viewers, the preferred one first.
func (o *Options) codecs() []string {
	if o.Fallback == "" || o.Fallback == o.Codec {
		return []string{o.Codec}
	}
	return []string{o.Codec, o.Fallback}
}

func (o *Options) fillLimits() {
	positive(&o.MaxViewers, 32)
	positive(&o.MaxPending, 8)
	positive(&o.Handshake, 10*time.Second)
	positive(&o.Silence, 8*time.Second)
	positive(&o.RateLimit, 5)
	positive(&o.MinBitrate, 250_000)
	positive(&o.MaxBitrate, 20_000_000)
	if o.OnKeyframe == nil {
		o.OnKeyframe = func(string, string) {}
	}
	if o.OnBitrate == nil {
		o.OnBitrate = func(string, int) {}
	}
	if o.AudioDelay == nil {
		o.AudioDelay = func() time.Duration { return 0 }
	}
	if o.OnEnhance == nil {
		o.OnEnhance = func(bool) {}
	}
	if o.OnEvent == nil {
		o.OnEvent = func(string, string) {}
	}
	if o.OnReport == nil {
		o.OnReport = func(string) {}
	}
}

func positive[T int | float64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// sessionEvent tells and logs what became of a session.
func (o *Options) sessionEvent(kind, outcome string) {
	o.Logger.Info("session", "stage", "webrtc", "kind", kind, "outcome", outcome)
	o.OnEvent(kind, outcome)
}

// isLoopback reports whether a host part of an address stays on this machine. The empty host means all addresses.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// randomID returns 128 random bits in hexadecimal (RFC 9725 section 4.2: session URLs must not be guessable).
func randomID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand crashes the program instead
	return hex.EncodeToString(b[:])
}
