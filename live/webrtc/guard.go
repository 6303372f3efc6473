package webrtc

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBody bounds an SDP offer or fragment. Real offers are below 10 KiB.
const maxBody = 64 << 10

// problem answers with an RFC 9457 problem document.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}

// guard is the door of every request: host and origin (against DNS rebinding and foreign pages), rate, then the token.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		switch {
		case !s.hostAllowed(r.Host):
			problem(w, http.StatusForbidden, "this server does not answer for host "+r.Host)
		case !sameOrigin(r):
			problem(w, http.StatusForbidden, "requests from other sites are refused")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) hostAllowed(hostport string) bool {
	host := hostOf(hostport)
	if isLoopback(host) {
		return true
	}
	if own, _, _ := net.SplitHostPort(s.o.Listen); host == own && own != "" {
		return true
	}
	for _, h := range s.o.Hosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	// Listening on a real address: a client that names an IP address cannot be the victim of DNS rebinding.
	own, _, _ := net.SplitHostPort(s.o.Listen)
	return !isLoopback(own) && net.ParseIP(host) != nil
}

// sameOrigin accepts requests without an Origin header (programs) and those from a page of this very server.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// limiter holds a token bucket per client address, at most maxClients of them.
type limiter struct {
	mu      sync.Mutex
	perSec  float64
	clients map[string]*client
}

type client struct {
	bucket *rate.Limiter
	seen   time.Time
}

const (
	maxClients = 1024
	burst      = 20
)

func newLimiter(perSec float64) *limiter {
	return &limiter{perSec: perSec, clients: map[string]*client{}}
}

// hostOf is an address without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// allow takes one request of a client.
func (l *limiter) allow(host string) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[host]
	if c == nil {
		l.evict(now)
		c = &client{bucket: rate.NewLimiter(rate.Limit(l.perSec), burst)}
		l.clients[host] = c
	}
	c.seen = now
	return c.bucket.AllowN(now, 1)
}

// evict makes space: clients silent for a minute go, and if that is not enough all go.
func (l *limiter) evict(now time.Time) {
	if len(l.clients) < maxClients {
		return
	}
	for k, c := range l.clients {
		if now.Sub(c.seen) > time.Minute {
			delete(l.clients, k)
		}
	}
	if len(l.clients) >= maxClients {
		clear(l.clients)
	}
}
