package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/live/webrtc"
)

// Feed is one of several feeds of a process. What is left out is as in the Options around it.
type Feed struct {
	Name          string           `yaml:"name"` // letters, digits, - and _; its pages are under /NAME/
	Source        string           `yaml:"source"`
	Loop          bool             `yaml:"loop"`
	Size          string           `yaml:"size"`
	Rate          string           `yaml:"rate"`
	VirtualCamera string           `yaml:"virtual_camera"`
	AudioDevice   string           `yaml:"audio_device"`
	Model         string           `yaml:"model"`
	Scale         int              `yaml:"scale"`
	Height        int              `yaml:"height"`
	Codec         string           `yaml:"codec"`
	BitRate       int64            `yaml:"bit_rate"`
	Record        string           `yaml:"record"`
	Push          output.Addresses `yaml:"push"`
	PushFile      string           `yaml:"push_file"`
	Weight        float64          `yaml:"weight"` // its share of the machine against that of the others; 0 is 1
}

// options are those of the feed's session.
func (f *Feed) options(o Options) Options {
	o.Feeds, o.Feed, o.Loop = nil, f.Name, f.Loop
	o.Record, o.Push, o.PushFile = f.Record, f.Push, f.PushFile
	o.Size, o.Rate, o.AudioDevice, o.VirtualCamera = f.Size, f.Rate, f.AudioDevice, f.VirtualCamera
	o.Stdout = "" // several feeds have one standard output
	fill := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	fill(&o.Source, f.Source)
	fill(&o.Model, f.Model)
	fill(&o.Codec, f.Codec)
	if f.Scale != 0 {
		o.Scale = f.Scale
	}
	if f.Height != 0 {
		o.Height = f.Height
	}
	if f.BitRate != 0 {
		o.BitRate = f.BitRate
	}
	return o
}

func (f *Feed) weight() float64 {
	if f.Weight == 0 {
		return 1
	}
	return f.Weight
}

// validateFeeds reports the first feed that cannot be right.
func (o *Options) validateFeeds() error {
	seen := map[string]bool{}
	for i := range o.Feeds {
		f := &o.Feeds[i]
		bad := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		switch {
		case f.Name == "" || len(f.Name) > 40 || strings.ContainsFunc(f.Name, bad):
			return fault.New(fault.Usage, "--feed door=rtsp://camera/stream", "feed %q: its name must be of letters, digits, - and _", f.Name)
		case seen[f.Name]:
			return fault.New(fault.Usage, "", "there are two feeds named %s", f.Name)
		case !(f.Weight >= 0 && f.Weight <= 1000):
			return fault.New(fault.Usage, "", "feed %s: weight %g: want 0 to 1000", f.Name, f.Weight)
		}
		seen[f.Name] = true
		single := f.options(*o)
		if err := single.Validate(); err != nil {
			return fmt.Errorf("feed %s: %w", f.Name, err)
		}
	}
	return nil
}

// shared is what the sessions of a group have in common, and the share of one.
type shared struct {
	front  *webrtc.Front
	conf   *tls.Config
	tokens [3]string   // empty until the first session has made them
	turn   *sync.Mutex // one measures at a time, or each would measure the others
	share  float64     // of the time of the session's threads, 1 at most
}

// Group runs one session, or several feeds behind one address.
type Group struct {
	sessions    []*Session
	front       *webrtc.Front
	fingerprint string
	log         *slog.Logger
}

// OpenAll opens the feeds of the options, or the one session that they describe. Errors are as those of Open.
func OpenAll(o Options) (*Group, error) {
	if len(o.Feeds) == 0 {
		s, err := Open(o)
		if err != nil {
			return nil, err
		}
		return &Group{sessions: []*Session{s}, fingerprint: s.fingerprint, log: s.log}, nil
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	conf, print, err := o.tls()
	if err != nil {
		return nil, err
	}
	front, err := webrtc.NewFront(o.Listen, conf)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Output, Err: err, Hint: "another program may use the port; choose one with --listen"}
	}
	g := &Group{front: front, fingerprint: print, log: o.Logger}
	common := &shared{front: front, conf: conf, turn: &sync.Mutex{}}
	if common.tokens, err = o.tokens(); err == nil {
		err = g.open(o, common)
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// open opens the feeds one after the other. They share the machine by weight: each gets its part of the threads, one at least.
func (g *Group) open(o Options, common *shared) error {
	cores, sum := o.Threads, 0.0
	if cores == 0 {
		cores = runtime.NumCPU()
	}
	for i := range o.Feeds {
		sum += o.Feeds[i].weight()
	}
	for i := range o.Feeds {
		f := &o.Feeds[i]
		single := f.options(o)
		single.Logger = o.Logger.With("feed", f.Name)
		var share float64
		single.Threads, share = part(cores, f.weight()/sum, strings.HasPrefix(o.Device, "cuda"))
		udp, err := nthPort(o.UDP, i)
		if err != nil {
			return err
		}
		single.UDP = udp
		mine := *common
		mine.share = share
		single.group = &mine
		s, err := Open(single)
		if err != nil {
			return fmt.Errorf("feed %s: %w", f.Name, err)
		}
		g.sessions = append(g.sessions, s)
		common.tokens[0], common.tokens[2] = s.server.Token(), s.server.ViewToken()
	}
	return nil
}

// alone waits until no other feed measures. The caller calls what it returns when it has measured.
func (s *Session) alone() (done func()) {
	if s.o.group == nil {
		return func() {}
	}
	s.o.group.turn.Lock()
	return s.o.group.turn.Unlock
}

// busy makes the time of a frame on threads of its own the time that it takes while the other feeds want their part.
func (s *Session) busy(t times) times {
	if s.o.group == nil || s.o.group.share <= 0 {
		return t
	}
	return times{time.Duration(float64(t.usual) / s.o.group.share), time.Duration(float64(t.slow) / s.o.group.share)}
}

// part is how many of the cores a feed with a share of the machine gets, and for which part of their time. A GPU has no threads to divide.
func part(cores int, share float64, gpu bool) (threads int, time float64) {
	if gpu {
		return cores, share
	}
	threads = max(1, int(math.Round(float64(cores)*share)))
	return threads, min(1, float64(cores)*share/float64(threads))
}

// nthPort is the media address of feed i: the named port and those after it.
func nthPort(udp string, i int) (string, error) {
	if udp == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(udp)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 0 || n+i > 65535 {
		return "", fault.New(fault.Usage, "", "udp %q: want host:port", udp)
	}
	if n > 0 {
		n += i
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

// Run runs all feeds until ctx ends or each has ended for good. One that fails does not end the others.
func (g *Group) Run(ctx context.Context) error {
	if len(g.sessions) == 1 {
		return g.sessions[0].Run(ctx)
	}
	errs := make([]error, len(g.sessions))
	var wait sync.WaitGroup
	for i, s := range g.sessions {
		wait.Go(func() {
			if errs[i] = s.Run(ctx); errs[i] != nil && ctx.Err() == nil {
				s.log.Error("the feed has ended", "stage", "live", "err", errs[i])
				s.setLost(errs[i])
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(errs...)
}

// Announce prints the addresses to open; see Session.Announce.
func (g *Group) Announce(w io.Writer, qr bool) {
	for _, s := range g.sessions {
		if g.front != nil {
			fmt.Fprintf(w, "%s:\n", s.o.Feed)
		}
		s.Announce(w, qr && g.front == nil)
	}
	if g.front != nil && g.fingerprint != "" {
		fmt.Fprintf(w, "certificate fingerprint (SHA-256): %s\n", g.fingerprint)
	}
}

// Close ends all feeds.
func (g *Group) Close() error {
	var errs []error
	for _, s := range g.sessions {
		errs = append(errs, s.Close())
	}
	if g.front != nil {
		errs = append(errs, g.front.Close())
	}
	return errors.Join(errs...)
}

// FeedFlag is the flag --feed: NAME=SOURCE adds a feed, NAME alone names the only one in the metrics.
type FeedFlag struct{ To *Options }

// String writes what Set reads, one a line.
func (f FeedFlag) String() string {
	if f.To == nil {
		return ""
	}
	var lines []string
	for _, feed := range f.To.Feeds {
		lines = append(lines, feed.Name+"="+feed.Source)
	}
	if lines == nil {
		return f.To.Feed
	}
	return strings.Join(lines, "\n")
}

// Type is what help calls the value.
func (FeedFlag) Type() string { return "name=source" }

// Set reads one feed a line. One of a name that is there already takes its place.
func (f FeedFlag) Set(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		name, source, several := strings.Cut(line, "=")
		if !several {
			f.To.Feed = line
			continue
		}
		at := -1
		for i := range f.To.Feeds {
			if f.To.Feeds[i].Name == name {
				at = i
			}
		}
		if at < 0 {
			f.To.Feeds, at = append(f.To.Feeds, Feed{Name: name}), len(f.To.Feeds)
		}
		f.To.Feeds[at].Source = source
	}
	return nil
}
