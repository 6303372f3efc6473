package live

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/live/webrtc"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/sr/adaptive"
	"vsr/sr/kdsr"
)

// Session is one live session: the server, the way from source to viewers, and what the page shows of it.
type Session struct {
	o           Options
	kind        sourceKind
	log         *slog.Logger
	server      *webrtc.Server
	fingerprint string
	metrics     *metrics
	numbers     numbers
	enhance     atomic.Bool
	hub         *output.Hub

	mu       sync.Mutex
	upscaler *adaptive.Upscaler // of the pipeline that runs now, nil between two
	encoders *encoders
	// droppedBefore are the frames dropped before this source began, by reason.
	droppedBefore map[string]int64
	lostErr       error // why the source was lost, nil when it was not
	levels        []Level
	readers       map[string]func() *kdsr.Reading // of the levels that are networks, by name
	reason        string                          // why frames are not enhanced, "" when they are
	choice        string                          // why this source began with the level that it began with

	runs   sync.WaitGroup // Run
	closed chan struct{}  // closed under mu

	times      map[string]*rtpTime                                        // of the viewers of a codec, over all pipelines
	openEngine func(ctx context.Context, model string) (sr.Engine, error) // Tests replace it.
	makeLevels levelMaker
	measured   map[measurement]times // by Run alone
	calibrated media.Format          // frames on which levels were measured before a publisher came
	patience   time.Duration         // with a silent camera
}

// Open binds the addresses and begins to serve the page. The error is a *fault.Error: of kind Usage for an
// option, of kind Output for an address that cannot be bound.
func Open(o Options) (*Session, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Session{o: o, log: o.Logger, metrics: newMetrics(o.Feed), closed: make(chan struct{}), measured: map[measurement]times{}, patience: cameraPatience,
		times: map[string]*rtpTime{"h264": {}, "vp8": {}}}
	s.kind, _ = kindOf(o.Source)
	s.enhance.Store(true)
	s.openEngine, s.makeLevels = s.o.openEngine, s.chooseLevels
	targets, err := o.targets()
	if err != nil {
		return nil, err
	}
	tokens, conf, err := s.credentials()
	if err != nil {
		return nil, err
	}
	own := s.encoderOptions("h264")
	own.KeyframeSeconds = 2
	segments := output.NewHLS()
	s.hub = output.NewHub(output.Options{HLS: segments, Keyframe: func(cause string) { s.requestKeyframe(o.codec(), cause) }, Encoder: own, Logger: o.Logger})
	var hls http.Handler
	if o.HLS {
		hls = segments
	}
	var front *webrtc.Front
	if o.group != nil {
		front = o.group.front
	}
	s.server, err = webrtc.New(webrtc.Options{
		HLS:    hls,
		Listen: o.Listen, UDP: o.UDP, Token: tokens[0], PublishToken: tokens[1], ViewToken: tokens[2], Hosts: o.Hosts,
		Proxies: o.Proxies, ICEServers: o.ICEServers, External: o.External, TLS: conf, NoPublish: s.kind != kindBrowser, Codec: o.codec(), Fallback: o.fallback(),
		MaxViewers: o.MaxViewers, MaxBitrate: int(o.BitRate), OnKeyframe: s.requestKeyframe, OnBitrate: s.setBitRate, OnEnhance: s.setEnhance,
		AudioDelay: s.numbers.lag, Status: func(control bool) any { return s.Status().forRole(control) }, Metrics: s.metrics.handler(s), OnEvent: s.metrics.session,
		Front: front, Name: o.Feed, OnReport: s.metrics.report, Logger: o.Logger, OnOutput: func(name string, run bool) error { return s.hub.Control(name, run) },
	})
	switch {
	case errors.Is(err, webrtc.ErrTokenNeeded):
		return nil, &fault.Error{Kind: fault.Usage, Err: err, Hint: "openssl rand -hex 16 > token; then --token-file token"}
	case err != nil:
		return nil, &fault.Error{Kind: fault.Output, Err: err, Hint: "another program may use the port; choose one with --listen"}
	}
	if err := s.openOutputs(targets); err != nil {
		s.server.Close()
		return nil, err
	}
	return s, nil
}

// credentials are the tokens and the certificate: those of the group, where the session is one of several feeds.
func (s *Session) credentials() (tokens [3]string, conf *tls.Config, err error) {
	if g := s.o.group; g != nil {
		return g.tokens, g.conf, nil
	}
	if tokens, err = s.o.tokens(); err != nil {
		return tokens, nil, err
	}
	conf, s.fingerprint, err = s.o.tls()
	return tokens, conf, err
}

// Close ends Run and the server, and waits for everything that they started. It may be called twice.
func (s *Session) Close() error {
	s.mu.Lock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	s.runs.Wait()
	return s.server.Close()
}

// Run moves frames until ctx ends or the source has ended for good. A source that is lost is opened again, with growing pauses;
// viewers stay connected. After Close it returns net.ErrClosed.
func (s *Session) Run(parent context.Context) error {
	if !s.begin() {
		return net.ErrClosed
	}
	defer s.runs.Done()
	ctx, cancel := context.WithCancelCause(parent)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.closed:
			cancel(net.ErrClosed)
		case <-ctx.Done():
		}
	}()
	err := s.run(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, net.ErrClosed) {
		err = cause
	}
	cancel(nil)
	<-watched
	return err
}

// begin counts a Run for which Close waits. It reports false when the session is closed.
func (s *Session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
		s.runs.Add(1)
		return true
	}
}

// sourcePause is the longest between two tries to open a source, so that one that is back is soon noticed.
const sourcePause = time.Second

func (s *Session) run(ctx context.Context) error {
	if s.kind == kindBrowser {
		return s.runBrowser(ctx)
	}
	once := s.kind == kindFile
	return pipeline.Supervise(ctx, pipeline.SuperviseOptions{Max: sourcePause, Permanent: s.permanent, Logger: s.log}, func(ctx context.Context) error {
		src, err := s.openSource(ctx)
		if err == nil {
			err = s.stream(ctx, src)
			s.server.Broadcast().Pause()
		}
		if err == nil && !once {
			err = errEnded // a live source never ends well
		}
		s.setLost(err)
		return err
	})
}

// permanent tells what no new try can mend: an input that is no video, a model that is none; as against a camera that is away.
func (s *Session) permanent(err error) bool {
	var (
		unsupported *decode.UnsupportedError
		request     *encode.RequestError
		destination *encode.DestinationError
	)
	if errors.As(err, &unsupported) && !unsupported.Retry || errors.As(err, &request) || errors.As(err, &destination) {
		return true
	}
	f, known := fault.As(err)
	return known && (f.Kind != fault.Input || s.kind != kindDevice && s.kind != kindNetwork)
}

// runBrowser takes one publisher after the other.
func (s *Session) runBrowser(ctx context.Context) error {
	if err := s.calibrate(ctx); err != nil {
		return err
	}
	for {
		p, err := s.accept(ctx)
		switch {
		case errors.Is(err, net.ErrClosed), ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		s.log.Info("camera connected", "stage", "live", "codec", p.Codec())
		src, err := newBrowserSource(p, s.log, s.decoded)
		if err == nil {
			err = s.stream(ctx, src)
		}
		p.Close()
		s.server.Broadcast().Pause()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, errNoFrame) {
			if s.permanent(err) {
				return err
			}
			s.log.Error("camera lost", "stage", "live", "err", err)
			continue
		}
		s.log.Info("camera gone", "stage", "live")
	}
}

// accept waits for the next publisher. Meanwhile, if the one before was too much for this machine, the levels are measured again: it may have
// been busy with something else.
func (s *Session) accept(ctx context.Context) (p *webrtc.Publication, err error) {
	s.mu.Lock()
	again := s.reason != ""
	s.mu.Unlock()
	if !again {
		return s.server.Accept(ctx)
	}
	idle, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan struct{})
	go func() {
		defer close(came)
		p, err = s.server.Accept(ctx)
		cancel() // nobody waits for a measurement
	}()
	if failed := s.calibrate(idle); failed != nil && idle.Err() == nil {
		s.log.Warn("the levels were not measured again", "stage", "sr", "err", failed)
	}
	<-came
	return p, err
}

func (s *Session) requestKeyframe(codec, cause string) {
	s.metrics.keyframes.WithLabelValues(cause).Inc()
	if e := s.running().of(codec); e != nil {
		e.RequestKeyframe()
	}
}

func (s *Session) setBitRate(codec string, bps int) {
	s.metrics.target.Set(float64(bps))
	if e := s.running().of(codec); e != nil {
		e.SetBitRate(int64(bps))
	}
}

// running are the encoders of the present pipeline, nil between two.
func (s *Session) running() *encoders {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoders
}

func (s *Session) setEnhance(on bool) {
	s.enhance.Store(on)
	s.log.Info("enhancement switched", "stage", "live", "on", on)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upscaler != nil {
		s.upscaler.SetEnhance(on)
	}
}

// adopt makes a pipeline's upscaler and encoders the ones that requests reach; nil for both when the pipeline has ended.
func (s *Session) adopt(u *adaptive.Upscaler, e *encoders) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upscaler, s.encoders = u, e
	if u != nil {
		s.lostErr, s.droppedBefore = nil, map[string]int64{}
		for reason, count := range s.dropped() {
			s.droppedBefore[reason] = count()
		}
		u.SetEnhance(s.enhance.Load())
	}
}

// setLevels tells the status of the levels that there are, why frames are not enhanced, "" when they are, and why it began as it did.
func (s *Session) setLevels(levels []Level, reason, choice string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.levels, s.reason, s.choice = levels, reason, choice
}

func (s *Session) setLost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostErr = err
}
