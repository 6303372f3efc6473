package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"vsr/decode"
	"vsr/live/webrtc"
	"vsr/media"
)

// errNoFrame is the end of a publisher that never sent a frame that decodes.
var errNoFrame = errors.New("no frame came")

// SourceError reports a source that cannot be opened.
type SourceError struct{ Err error }

// Error implements error.
func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *SourceError) Unwrap() error { return e.Err }

// errEnded is the end of a source that has none of itself.
var errEnded = errors.New("the source has ended")

// source is a source whose frames carry the time at which they were captured. first looks at the first frame.
type source interface {
	Next(ctx context.Context) (media.Unit, error)
	Close() error
	first(ctx context.Context) (*media.Frame, media.Info, error)
}

// isLive reports whether the source is a device, an address or a generator, as against a file.
func (s *Session) isLive() bool {
	name := s.o.Source
	return strings.Contains(name, "://") || strings.HasPrefix(name, "v4l2:") || strings.HasPrefix(name, "lavfi:") || name == "browser"
}

// cameraPatience is how long a network camera may be silent. Tests shorten Session.patience.
const cameraPatience = 5 * time.Second

// openSource opens what FFmpeg reads.
func (s *Session) openSource(ctx context.Context) (source, error) {
	o := decode.Options{LowDelay: true, Network: true, Logger: s.log, PoolSize: 12, Threads: 1}
	name := s.o.Source
	if rest, ok := strings.CutPrefix(name, "v4l2:"); ok {
		name, o.Format = rest, "v4l2"
	} else if rest, ok := strings.CutPrefix(name, "lavfi:"); ok {
		name, o.Format = rest, "lavfi"
	} else if strings.HasPrefix(name, "rtsp://") {
		o.FFmpeg = map[string]string{"rtsp_transport": "tcp", "timeout": strconv.FormatInt(s.patience.Microseconds(), 10)}
	} else if !s.isLive() {
		o.LowDelay, o.Network = false, false
	}
	begin := time.Now()
	src, err := decode.Open(ctx, name, o)
	if silent := time.Since(begin); err != nil && ctx.Err() == nil && o.Network && silent > s.patience-100*time.Millisecond {
		// FFmpeg calls it invalid data.
		err = fmt.Errorf("the source does not answer: nothing came in %.0f s", silent.Seconds())
	}
	if err != nil {
		return nil, &SourceError{err}
	}
	paced := !s.isLive() || o.Format == "lavfi"
	return &fileSource{src: src, paced: paced, captured: func() { s.metrics.frame("captured") }}, nil
}

// fileSource gives a decode.Source's frames, files at their own speed.
type fileSource struct {
	src   *decode.Source
	paced bool
	begin time.Time // wall time of the first frame
	start int64
	held  *media.Frame
	// captured hears of every frame that is given.
	captured func()
}

func (f *fileSource) first(ctx context.Context) (*media.Frame, media.Info, error) {
	u, err := f.pull(ctx)
	f.held = u.Frame
	return u.Frame, *f.src.Info(), err
}

// pull skips packets: a live feed is video only.
func (f *fileSource) pull(ctx context.Context) (media.Unit, error) {
	for {
		u, err := f.src.Next(ctx)
		if errors.Is(err, media.ErrFormatChanged) || err == nil && u.Frame == nil {
			continue
		}
		return u, err
	}
}

func (f *fileSource) Next(ctx context.Context) (media.Unit, error) {
	u := media.Unit{Frame: f.held}
	f.held = nil
	if u.Frame == nil {
		var err error
		if u, err = f.pull(ctx); err != nil {
			return u, err
		}
	}
	if f.begin.IsZero() {
		f.begin, f.start = time.Now(), u.Frame.PTS
	}
	if f.paced {
		at := f.begin.Add(time.Duration(float64(u.Frame.PTS-f.start) * f.src.Info().VideoTrack().TimeBase.Float() * float64(time.Second)))
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			u.Release()
			return media.Unit{}, ctx.Err()
		}
	}
	u.Frame.Captured = time.Now()
	f.captured()
	return u, nil
}

func (f *fileSource) Close() error {
	if f.held != nil {
		f.held.Release()
		f.held = nil
	}
	return f.src.Close()
}

// browserSource decodes a publisher's frames.
type browserSource struct {
	pub     *webrtc.Publication
	feed    *decode.Feed
	ready   []*media.Frame
	clock   rtpClock
	last    int64
	started bool
	decoded func(took time.Duration)
}

// newBrowserSource decodes p. decoded hears how long each frame took.
func newBrowserSource(p *webrtc.Publication, log *slog.Logger, decoded func(time.Duration)) (*browserSource, error) {
	feed, err := decode.NewFeed(p.Codec(), decode.Options{Logger: log, PoolSize: 12, Threads: 1})
	if err != nil {
		return nil, err
	}
	return &browserSource{pub: p, feed: feed, decoded: decoded}, nil
}

func (b *browserSource) first(ctx context.Context) (*media.Frame, media.Info, error) {
	u, err := b.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, media.Info{}, errNoFrame
	}
	if err != nil {
		return nil, media.Info{}, err
	}
	b.ready = append([]*media.Frame{u.Frame}, b.ready...)
	info := media.Info{Tracks: []media.Track{{Type: media.TrackVideo, Codec: b.pub.Codec(), TimeBase: decode.FeedTimeBase}},
		Format: u.Frame.Format, FrameRate: media.Rational{Num: 30, Den: 1}}
	return u.Frame, info, nil
}

func (b *browserSource) Next(ctx context.Context) (media.Unit, error) {
	for len(b.ready) == 0 {
		pic, err := b.pub.Next(ctx)
		if err != nil {
			return media.Unit{}, err
		}
		begin := time.Now()
		frames, lost, err := b.feed.Decode(ctx, pic.Data, b.clock.extend(pic.Time))
		b.decoded(time.Since(begin))
		if err != nil {
			return media.Unit{}, err
		}
		if lost {
			b.pub.RequestKeyframe()
		}
		for _, f := range frames {
			if b.started && f.PTS <= b.last { // a sender that repeats a time: the encoder needs rising ones
				f.PTS = b.last + 1
			}
			b.last, b.started = f.PTS, true
			f.Captured = pic.Arrival
			b.ready = append(b.ready, f)
		}
	}
	f := b.ready[0]
	b.ready = b.ready[1:]
	return media.Unit{Frame: f}, nil
}

func (b *browserSource) Close() error {
	for _, f := range b.ready {
		f.Release()
	}
	b.ready = nil
	return b.feed.Close()
}

// rtpClock makes the 32-bit RTP time, which wraps every 13 hours and starts anywhere, into ticks from 0 on.
type rtpClock struct {
	last    uint32
	ticks   int64
	started bool
}

func (c *rtpClock) extend(t uint32) int64 {
	if !c.started {
		c.started, c.last = true, t
	}
	c.ticks += int64(int32(t - c.last))
	c.last = t
	return c.ticks
}
