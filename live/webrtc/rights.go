package webrtc

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// rights is what a token allows.
type rights uint8

const (
	mayView rights = 1 << iota
	mayPublish
	mayControl
)

// names lists rights as /status tells them.
func (r rights) names() []string {
	out := []string{}
	for _, n := range []struct {
		right rights
		name  string
	}{{mayView, "view"}, {mayPublish, "publish"}, {mayControl, "control"}} {
		if r&n.right != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// rightsOf compares the request's bearer token with all of ours, each in constant time.
func (s *Server) rightsOf(r *http.Request) (has rights) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return 0
	}
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	for _, t := range []struct {
		token string
		gives rights
	}{{s.o.Token, mayView | mayPublish | mayControl}, {s.o.PublishToken, mayView | mayPublish}, {s.o.ViewToken, mayView}} {
		want := sha256.Sum256([]byte(t.token))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && t.token != "" {
			has |= t.gives
		}
	}
	return has
}

// protected adds the bearer token (RFC 9725 section 4.7: on every request but the preflight), the right that is needed, and the rate limit.
// Wrong tokens are counted apart from right ones, so that who guesses keeps nobody out behind the same address.
func (s *Server) protected(needs rights, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			next(w, r)
			return
		}
		has := s.rightsOf(r)
		limits := s.limits
		if has == 0 {
			limits = s.guesses
		}
		switch free := has != 0 && r.Method == http.MethodGet; { // watching the numbers is free for who has a token
		case !free && !limits.allow(s.client(r)):
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusTooManyRequests, "too many requests")
		case has == 0:
			w.Header().Set("WWW-Authenticate", `Bearer realm="vsr"`)
			problem(w, http.StatusUnauthorized, "a valid token is needed: open the address that vsr printed at start")
		case has&needs == 0:
			problem(w, http.StatusForbidden, "this token does not allow that")
		default:
			next(w, r)
		}
	}
}

// client is the address that a request is counted for. X-Forwarded-For is believed as far as proxies that were named have written it.
func (s *Server) client(r *http.Request) string {
	host := hostOf(r.RemoteAddr)
	if !s.o.proxy(host) {
		return host
	}
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(list) - 1; i >= 0; i-- {
		next := hostOf(strings.TrimSpace(list[i]))
		if next == "" {
			break
		}
		if host = next; !s.o.proxy(host) {
			break
		}
	}
	return host
}
