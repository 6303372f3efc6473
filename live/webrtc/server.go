package webrtc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/pion/webrtc/v3"
)

// Server is the HTTP and media front of one feed.
type Server struct {
	o       Options
	setting webrtc.SettingEngine
	udp     net.PacketConn
	sockets []net.PacketConn // udp, and one for Firefox on this machine
	mux     io.Closer
	http    *http.Server // nil behind a Front
	ln      net.Listener
	prefix  string   // of the paths as clients see them, behind a Front
	limits  *limiter // of those with a token
	guesses *limiter // of those without
	table   *sessions
	feed    *Broadcast
	inbound inbound
	id      string // names this server in the status

	mu        sync.Mutex
	running   sync.WaitGroup // goroutines of sessions; begin adds to it
	publisher *Publication
	accept    chan *Publication
	done      chan struct{}
	served    chan error
}

// New binds both addresses and starts to serve. The error names the address that could not be bound.
func New(o Options) (*Server, error) {
	if err := o.fill(); err != nil {
		return nil, fmt.Errorf("webrtc: %w", err)
	}
	s := &Server{o: o, id: randomID()[:8], limits: newLimiter(o.RateLimit), guesses: newLimiter(o.RateLimit), table: newSessions(o.sessionEvent),
		accept: make(chan *Publication), done: make(chan struct{}), served: make(chan error, 1)}
	s.feed = newBroadcast(s)
	var err error
	if s.udp, err = net.ListenPacket("udp", o.UDP); err != nil {
		return nil, fmt.Errorf("webrtc: media address: %w", err)
	}
	if o.Front != nil {
		s.ln = o.Front.ln
	} else if s.ln, err = net.Listen("tcp", o.Listen); err != nil {
		s.udp.Close()
		return nil, fmt.Errorf("webrtc: page address: %w", err)
	}
	s.configureMedia()
	if o.Front != nil {
		s.prefix = "/" + o.Name
		o.Front.mount(o.Name, s.routes())
		return s, nil
	}
	s.http = newHTTP(s.routes(), o.TLS)
	go func() { s.served <- serve(s.http, s.ln) }()
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for path, name := range pages {
		mux.HandleFunc("GET "+path, s.servePage(name))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/whip", s.protected(mayPublish, s.endpoint("whip")))
	mux.HandleFunc("/whep", s.protected(mayView, s.endpoint("whep")))
	mux.HandleFunc("/session/{id}", s.protected(mayView, s.serveSession))
	mux.HandleFunc("GET /status", s.protected(mayView, s.serveStatus))
	mux.HandleFunc("POST /control", s.protected(mayControl, s.serveControl))
	if s.o.HLS != nil {
		mux.HandleFunc("GET /hls/{name}", s.protected(mayView, s.o.HLS.ServeHTTP))
		mux.HandleFunc("GET /hls/{token}/{name}", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+r.PathValue("token")) // of a player that sends no header; its playlists name what lies beside them
			s.protected(mayView, s.o.HLS.ServeHTTP)(w, r)
		})
	}
	if s.o.Metrics != nil {
		mux.HandleFunc("GET /metrics", s.protected(mayControl, s.o.Metrics.ServeHTTP))
	}
	return s.guard(mux)
}

// statusSchema rises when a key of /status changes its meaning or goes.
const statusSchema = 1

// Status is what /status tells the page.
type Status struct {
	Schema  int    `json:"schema_version"`
	Live    bool   `json:"live"`     // frames flow to the viewers
	Publish bool   `json:"publish"`  // the page may send a camera
	Audio   bool   `json:"audio"`    // comes from the publisher
	BitRate int    `json:"bit_rate"` // asked of the encoder, 0 before anybody watches
	Viewers int    `json:"viewers"`
	Run     string `json:"run"` // another one after a restart, which knows no session of the one before
	// Rights are what the token of the request allows: view, publish, control.
	Rights     []string    `json:"rights"`
	ICEServers []ICEServer `json:"ice_servers,omitempty"`
	// Feeds are the names of all feeds at this address, and Feed that of this one, where there are several.
	Feeds []string `json:"feeds,omitempty"`
	Feed  string   `json:"feed,omitempty"`
	// ViewToken is for the addresses that the page gives to viewers; only who may control sees it.
	ViewToken string `json:"view_token,omitempty"`
	Pipeline  any    `json:"pipeline,omitempty"`
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	has := s.rightsOf(r)
	st := Status{Schema: statusSchema, Live: s.feed.flowing(), Publish: !s.o.NoPublish, Viewers: s.table.count("whep"), Run: s.id, Audio: s.feed.audio.flows(), BitRate: s.feed.BitRate()}
	st.Rights, st.ICEServers, st.Publish = has.names(), s.o.ICEServers, st.Publish && has&mayPublish != 0
	if has&mayControl != 0 {
		st.ViewToken = s.o.ViewToken
		if s.o.Front != nil {
			st.Feeds, st.Feed = s.o.Front.list(), s.o.Name
		}
	}
	if s.o.Status != nil {
		st.Pipeline = s.o.Status(has&mayControl != 0)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(st)
}

// serveControl switches enhancement on or off, {"enhance": true}, or starts or stops an output, {"output": "NAME", "run": false}.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Enhance *bool   `json:"enhance"`
		Output  *string `json:"output"`
		Run     *bool   `json:"run"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&c)
	switch {
	case err == nil && c.Output != nil && c.Run != nil && c.Enhance == nil && s.o.OnOutput != nil:
		if err := s.o.OnOutput(*c.Output, *c.Run); err != nil {
			problem(w, http.StatusNotFound, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	case err != nil || c.Enhance == nil || c.Output != nil:
		problem(w, http.StatusBadRequest, `want {"enhance": true} or {"enhance": false}, or {"output": "NAME", "run": true}`)
		return
	}
	s.o.OnEnhance(*c.Enhance)
	w.WriteHeader(http.StatusNoContent)
}

// URL is the address of the streamer's page. The token stands in the fragment, which browsers neither send nor log.
func (s *Server) URL() string { return s.Addresses()[0].Streamer }

// Addresses are those of the pages under one host.
type Addresses struct {
	Streamer    string // with the token for everything
	Watch, OBS  string // with the token that only lets watch
	HLS         string // for players, with that token in the path; "" when it is not served
	ThisMachine bool   // nobody else can open them
}

// Addresses lists where the pages can be opened, the likeliest first: listening on all addresses, that is each of this machine's.
func (s *Server) Addresses() (list []Addresses) {
	scheme := "http"
	if s.o.TLS != nil {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(s.Addr())
	hosts := []string{host}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		hosts = append(networkHosts(), "localhost")
	}
	for _, h := range hosts {
		base := scheme + "://" + net.JoinHostPort(h, port) + s.prefix
		hls := ""
		if s.o.HLS != nil {
			hls = base + "/hls/" + url.PathEscape(s.o.ViewToken) + "/index.m3u8"
		}
		list = append(list, Addresses{HLS: hls, Streamer: base + "/#token=" + s.o.Token, Watch: base + "/watch#token=" + s.o.ViewToken,
			OBS: base + "/obs#token=" + s.o.ViewToken, ThisMachine: isLoopback(h)})
	}
	return list
}

// Addr is the bound page address, host:port.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Token is the bearer token that allows everything.
func (s *Server) Token() string { return s.o.Token }

// ViewToken is the bearer token that allows to watch.
func (s *Server) ViewToken() string { return s.o.ViewToken }

// Viewers returns how many WHEP sessions are open.
func (s *Server) Viewers() int { return s.table.count("whep") }

// Audio reports whether audio came from a publisher lately.
func (s *Server) Audio() bool { return s.feed.audio.flows() }

// Inbound tells how well the publishers' packets arrive.
func (s *Server) Inbound() Inbound { return s.inbound.stats() }

// Broadcast is the way out: what is written there goes to all viewers.
func (s *Server) Broadcast() *Broadcast { return s.feed }

// Accept waits for the next publisher. It returns net.ErrClosed after Close.
func (s *Server) Accept(ctx context.Context) (*Publication, error) {
	select {
	case p := <-s.accept:
		return p, nil
	case <-s.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin counts a goroutine for which Close waits. It reports false, and counts nothing, when the server is closed. The goroutine
// calls s.running.Done at its end.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
		s.running.Add(1)
		return true
	}
}

// run starts f on a goroutine for which Close waits, unless the server is closed.
func (s *Server) run(f func()) {
	if s.begin() {
		go func() {
			defer s.running.Done()
			f()
		}()
	}
}

// Close ends every session and both listeners, and waits until they and all goroutines of theirs are gone.
func (s *Server) Close() error {
	s.mu.Lock()
	select {
	case <-s.done:
		s.mu.Unlock()
		return nil
	default:
		close(s.done)
	}
	s.mu.Unlock()
	if s.http != nil {
		shutDown(s.http)
	}
	s.table.closeAll()
	s.feed.close()
	s.mux.Close()
	for _, c := range s.sockets {
		c.Close()
	}
	s.running.Wait()
	if s.http == nil {
		return nil
	}
	return <-s.served
}
