package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/live"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr/ladder"
)

// studio is one live session: the server, the way from source to viewers, and what the page shows of it.
type studio struct {
	app         *app
	c           liveConfig
	log         *slog.Logger
	server      *live.Server
	fingerprint string
	metrics     *liveMetrics
	numbers     liveNumbers
	enhance     atomic.Bool

	mu     sync.Mutex
	ladder *ladder.Ladder // of the belt that runs now, nil between belts
	sink   *encode.Sink
	rungs  rungMaker // openLadder, but for tests
	takes  int       // recordings made so far: each belt makes a file of its own

	lostErr error   // why the source was lost, nil when it was not
	times   rtpTime // of the viewers, over all belts

	patience time.Duration // with a silent camera
}

// rungMaker makes the ladder for frames like f.
type rungMaker func(ctx context.Context, f *media.Frame, to media.Format, rate media.Rational) (*ladder.Ladder, error)

func (a *app) openStudio(c liveConfig) (*studio, error) {
	s := &studio{app: a, c: c, log: a.liveLogger(), metrics: newLiveMetrics(c.Feed), patience: cameraPatience}
	s.enhance.Store(true)
	s.rungs = s.openLadder
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	conf, print, err := c.tls()
	if err != nil {
		return nil, err
	}
	s.fingerprint = print
	s.server, err = live.New(live.Options{
		Listen: c.Listen, UDP: c.UDP, Token: token, Hosts: c.Hosts, TLS: conf, NoPublish: c.Source != "browser", Codec: s.codec(),
		MaxViewers: c.MaxViewers, MaxBitrate: int(c.BitRate), OnKeyframe: s.requestKeyframe, OnBitrate: s.setBitRate, OnEnhance: s.setEnhance, SoundDelay: s.numbers.lag,
		Status: s.status, Metrics: s.metrics.handler(s), OnEvent: s.metrics.session, OnReport: s.metrics.report, Logger: s.log,
	})
	switch {
	case errors.Is(err, live.ErrTokenNeeded):
		return nil, fault{exitUsage, err, "openssl rand -hex 16 > token; then --token-file token"}
	case err != nil:
		return nil, fault{exitDestination, err, "another program may use the port; choose one with --listen"}
	}
	return s, nil
}

// liveLogger shows state changes always: a server without a log is a riddle.
func (a *app) liveLogger() *slog.Logger {
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

// codec is what viewers get: every browser plays both, x264 looks better at the same cost.
func (s *studio) codec() string {
	if s.c.Codec == "vp8" {
		return "vp8"
	}
	return "h264"
}

func (s *studio) close() { s.server.Close() }

// serve moves pictures until ctx ends. Sources that are lost are opened again, with growing pauses; viewers stay connected.
func (s *studio) serve(ctx context.Context) error {
	if s.c.Source == "browser" {
		return s.serveBrowser(ctx)
	}
	once := !s.isLive() && !s.c.Loop
	return pipeline.Supervise(ctx, pipeline.SuperviseOptions{Permanent: s.permanent, Logger: s.log}, func(ctx context.Context) error {
		src, err := s.openSource(ctx)
		if err == nil {
			err = s.belt(ctx, src)
			s.server.Broadcast().Pause()
		}
		if err == nil && !once {
			err = errEnded // a live source never ends well, and a looped file begins again
		}
		s.setLost(err)
		return err
	})
}

// permanent tells what no new try can mend: an input that is no video, as against one that is away.
func (s *studio) permanent(err error) bool {
	var unsupported *decode.UnsupportedError
	var request *encode.RequestError
	var destination *encode.DestinationError
	var f fault
	if errors.As(err, &f) && f.code == exitInput { // a camera may be away now and come back; a file or a filter graph stays wrong
		return !s.isLive() || strings.HasPrefix(s.c.Source, "lavfi:")
	}
	return errors.As(err, &unsupported) && !s.isLive() || errors.As(err, &request) || errors.As(err, &destination) || errors.As(err, &f)
}

// serveBrowser takes one publisher after the other.
func (s *studio) serveBrowser(ctx context.Context) error {
	for {
		p, err := s.server.Accept(ctx)
		switch {
		case errors.Is(err, net.ErrClosed), ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		s.log.Info("camera connected", "room", "live", "codec", p.Codec())
		src, err := newBrowserSource(p, s.log, s.decoded)
		if err == nil {
			err = s.belt(ctx, src)
		}
		p.Close()
		s.server.Broadcast().Pause()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, errNoPicture) {
			if s.permanent(err) {
				return err
			}
			s.log.Error("camera lost", "room", "live", "err", err)
			continue
		}
		s.log.Info("camera gone", "room", "live")
	}
}

func (s *studio) requestKeyframe(cause string) {
	s.metrics.keyframes.WithLabelValues(cause).Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil {
		s.sink.RequestKeyframe()
	}
}

func (s *studio) setBitRate(bps int) {
	s.metrics.target.Set(float64(bps))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil {
		s.sink.SetBitRate(int64(bps))
	}
}

func (s *studio) setEnhance(on bool) {
	s.enhance.Store(on)
	s.log.Info("enhancement switched", "room", "live", "on", on)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ladder != nil {
		s.ladder.SetEnhance(on)
	}
}

// adopt makes a belt's ladder and sink the ones that requests reach; nil for both when the belt has ended.
func (s *studio) adopt(l *ladder.Ladder, sink *encode.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ladder, s.sink = l, sink
	if l != nil {
		s.lostErr = nil
		l.SetEnhance(s.enhance.Load())
	}
}

func (s *studio) setLost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostErr = err
}

// recording returns the name of the next recording: NAME.mkv, then NAME-2.mkv and so on, since every belt may have another size.
func (s *studio) recording() string {
	s.takes++
	if s.takes == 1 {
		return s.c.Record
	}
	ext := s.c.Record[len(s.c.Record)-4:]
	return fmt.Sprintf("%s-%d%s", s.c.Record[:len(s.c.Record)-4], s.takes, ext)
}

// onInterrupt calls stop at the first SIGINT or SIGTERM; a second one ends the program in the system's way.
func onInterrupt(stop func()) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			stop()
		case <-done:
		}
	}()
	return sync.OnceFunc(func() { signal.Stop(signals); close(done) })
}
