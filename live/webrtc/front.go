package webrtc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Front is one address at which several servers are found, each under its name: /NAME/, /NAME/watch, /NAME/whip and so on. / leads to the
// first of them.
type Front struct {
	ln     net.Listener
	http   *http.Server
	served chan error

	mu      sync.Mutex
	names   []string
	servers map[string]http.Handler // by name
}

// NewFront listens at host:port and serves, with TLS when conf is not nil.
func NewFront(listen string, conf *tls.Config) (*Front, error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("webrtc: page address: %w", err)
	}
	f := &Front{ln: ln, served: make(chan error, 1), servers: map[string]http.Handler{}}
	f.http = newHTTP(f, conf)
	go func() { f.served <- serve(f.http, ln) }()
	return f, nil
}

// newHTTP bounds what a client may send and for how long it may take.
func newHTTP(h http.Handler, conf *tls.Config) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, TLSConfig: conf}
}

// serve runs until the server is shut down.
func serve(s *http.Server, ln net.Listener) error {
	if s.TLSConfig != nil {
		ln = tls.NewListener(ln, s.TLSConfig)
	}
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shutDown lets requests end for a moment.
func shutDown(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		s.Close()
	}
}

// mount puts a server under its name.
func (f *Front) mount(name string, h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names = append(f.names, name)
	f.servers[name] = http.StripPrefix("/"+name, h)
}

// list names the servers in the order in which they came.
func (f *Front) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.names...)
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, rest := splitPath(r.URL.Path)
	f.mu.Lock()
	h := f.servers[first]
	names := f.names
	f.mu.Unlock()
	switch {
	case h != nil && rest == "": // the pages' addresses are relative
		http.Redirect(w, r, "/"+first+"/", http.StatusTemporaryRedirect)
	case h != nil:
		h.ServeHTTP(w, r)
	case len(names) > 0 && r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/watch" || r.URL.Path == "/obs"):
		http.Redirect(w, r, "/"+names[0]+r.URL.Path, http.StatusTemporaryRedirect)
	case r.URL.Path == "/healthz":
		fmt.Fprintln(w, "ok")
	default:
		problem(w, http.StatusNotFound, "no such feed")
	}
}

// splitPath takes the first element off a path: "/a/b" gives "a" and "/b".
func splitPath(path string) (first, rest string) {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			return path[1:i], path[i:]
		}
	}
	if path == "" {
		return "", ""
	}
	return path[1:], ""
}

// Close stops serving. The servers behind it are closed by themselves, before.
func (f *Front) Close() error {
	shutDown(f.http)
	return <-f.served
}
