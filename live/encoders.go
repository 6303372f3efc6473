package live

import (
	"context"
	"sync"
	"time"

	"vsr/encode"
	"vsr/media"
)

// encoders encodes each frame: in the first codec, which the outputs get too, and beside it in the second while viewers watch that
// do not take the first. It is a pipeline.Sink.
type encoders struct {
	session *Session
	info    *media.Info // of the frames
	first   *encode.Sink
	wrote   bool // the first has got a frame
	// always means that the first runs whoever watches, for outputs.
	always bool

	mu     sync.Mutex
	second *sideEncoder
	unused time.Time // since when nobody watches the second
	failed bool      // the second: it is not tried again in this pipeline
}

// openEncoders opens the encoder of the first codec for frames as info says, with all that takes its packets.
func (s *Session) openEncoders(info *media.Info) (*encoders, error) {
	e := &encoders{session: s, info: info}
	e.always = s.hub.Any()
	var err error
	e.first, err = encode.Create(info, s.encoderOptions(s.o.codec()), s.broadcaster(s.o.codec()), s.hub)
	return e, err
}

func (s *Session) broadcaster(codec string) *broadcaster {
	return &broadcaster{codec: codec, to: s.server.Broadcast(), metrics: s.metrics, times: s.times[codec], audio: s.kind != kindBrowser}
}

// encoderOptions are those of an encoder for viewers.
func (s *Session) encoderOptions(codec string) encode.Options {
	o := encode.Options{Codec: "vp8", ZeroLatency: true, BitRate: s.o.BitRate, KeyframeSeconds: 4, Threads: 1, Logger: s.log}
	if s.hub != nil && s.hub.Streams() { // servers and HLS want a key frame every two seconds
		o.KeyframeSeconds = 2
	}
	if codec == "h264" {
		o.Codec, o.Preset, o.FFmpeg = "x264", "superfast", map[string]string{"profile": "baseline"}
	}
	return o
}

// of is the encoder of a codec that runs now, nil for none.
func (e *encoders) of(codec string) *encode.Sink {
	if e == nil {
		return nil
	}
	if codec == e.session.o.codec() {
		return e.first
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.second != nil {
		return e.second.sink
	}
	return nil
}

// Write implements pipeline.Sink. Frames that nobody takes from the first encoder are not encoded there.
func (e *encoders) Write(ctx context.Context, u media.Unit) error {
	if u.Frame == nil {
		return e.first.Write(ctx, u)
	}
	e.session.hub.Frame(u.Frame)
	second, aside := e.session.o.fallback(), false
	if second != "" {
		aside = e.aside(u.Frame, second)
	}
	if aside && e.wrote && !e.always && e.session.server.Broadcast().Watched(e.session.o.codec()) == 0 {
		u.Release()
		return nil
	}
	captured, begin := u.Frame.Captured, time.Now()
	err := e.first.Write(ctx, u)
	if err == nil {
		e.wrote = true
		e.session.frameEncoded(captured, begin)
	}
	return err
}

// aside gives a frame to the second encoder as well, while somebody watches it, and tells whether it did.
func (e *encoders) aside(f *media.Frame, codec string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.session.server.Broadcast().Watched(codec) > 0 {
		e.unused = now
	}
	wanted := now.Sub(e.unused) < secondLinger
	switch {
	case wanted && e.second == nil && !e.failed:
		side, err := newSideEncoder(e, codec)
		if err != nil {
			e.session.log.Error("no second encoder", "stage", stageEncode, "codec", codec, "err", err)
			e.failed = true
			return false
		}
		e.second = side
	case !wanted && e.second != nil:
		e.second.close()
		e.second = nil
	}
	if e.second == nil {
		return false
	}
	e.second.offer(f)
	return true
}

// secondLinger is how long the second encoder runs on without viewers: one that reloads its page is soon back.
const secondLinger = 5 * time.Second

// Interrupt implements pipeline.Interrupter.
func (e *encoders) Interrupt() { e.first.Interrupt() }

// Close implements pipeline.Sink.
func (e *encoders) Close() error {
	e.closeSecond()
	return e.first.Close()
}

// Abort implements pipeline.Aborter.
func (e *encoders) Abort() error {
	e.closeSecond()
	return e.first.Abort()
}

func (e *encoders) closeSecond() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.second != nil {
		e.second.close()
		e.second = nil
	}
}

// sideEncoder encodes on a goroutine of its own, the newest frame first, so that it never holds up the first encoder.
type sideEncoder struct {
	sink   *encode.Sink
	frames chan *media.Frame // of one
	done   chan struct{}
}

func newSideEncoder(e *encoders, codec string) (*sideEncoder, error) {
	video := *e.info // its audio goes out with the first
	video.Tracks, video.Video = []media.Track{*e.info.VideoTrack()}, 0
	sink, err := encode.Create(&video, e.session.encoderOptions(codec), e.session.broadcaster(codec))
	if err != nil {
		return nil, err
	}
	s := &sideEncoder{sink: sink, frames: make(chan *media.Frame, 1), done: make(chan struct{})}
	go s.run(e)
	return s, nil
}

func (s *sideEncoder) run(e *encoders) {
	defer close(s.done)
	for f := range s.frames {
		captured, begin := f.Captured, time.Now()
		if err := s.sink.Write(context.Background(), media.Unit{Frame: f}); err != nil { // sticky: all later ones fail too
			e.session.log.Error("second encoder", "stage", stageEncode, "err", err)
			for f := range s.frames {
				f.Release()
			}
			break
		}
		if e.session.server.Broadcast().Watched(e.session.o.codec()) == 0 && !e.always {
			e.session.frameEncoded(captured, begin)
		}
	}
	_ = s.sink.Abort() // viewers have got all there is
}

// offer hands over a frame, which stays the caller's too. One that still waits is dropped. It is for one goroutine.
func (s *sideEncoder) offer(f *media.Frame) {
	f.Retain()
	for {
		select {
		case s.frames <- f:
			return
		default:
		}
		select {
		case old := <-s.frames:
			old.Release()
		default:
		}
	}
}

// close waits for the frame under way.
func (s *sideEncoder) close() {
	close(s.frames)
	<-s.done
}

// frameEncoded counts a frame whose encoding began at the given time.
func (s *Session) frameEncoded(captured, begin time.Time) {
	s.metrics.stage.WithLabelValues(stageEncode).Observe(time.Since(begin).Seconds())
	s.numbers.encoded(time.Since(captured))
	s.metrics.frame("encoded")
	s.metrics.age.Observe(time.Since(captured).Seconds())
}
