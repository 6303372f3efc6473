package webrtc

import (
	"crypto/sha256"
	"crypto/subtle"
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
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
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

// protected adds the rate limit and the bearer token (RFC 9725 section 4.7: on every request but the preflight).
func (s *Server) protected(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions {
			ok := s.authorized(r)
			// Watching the numbers is free for who has the token; changing things, and guessing tokens, is not.
			if free := ok && r.Method == http.MethodGet; !free && !s.limits.allow(r) {
				w.Header().Set("Retry-After", "1")
				problem(w, http.StatusTooManyRequests, "too many requests")
				return
			}
			if !ok {
				w.Header().Set("WWW-Authenticate", `Bearer realm="vsr"`)
				problem(w, http.StatusUnauthorized, "a valid token is needed: open the address that vsr printed at start")
				return
			}
		}
		next(w, r)
	}
}

func (s *Server) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(s.o.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && strings.EqualFold(scheme, "bearer")
}

func (s *Server) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
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

func (l *limiter) allow(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
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
