package live

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/live/webrtc"
	"vsr/media"
)

// errNoFrame is the end of a publisher that never sent a frame that decodes.
var errNoFrame = errors.New("no frame came")

// sourceFault says that the source cannot be opened.
func sourceFault(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	hint := ""
	if u := (*decode.UnsupportedError)(nil); errors.As(err, &u) {
		hint = u.Hint
	}
	return &fault.Error{Kind: fault.Input, Err: err, Hint: hint}
}

// errEnded is the end of a source that has none of itself.
var errEnded = errors.New("the source has ended")

// source is a source whose frames carry the time at which they were captured. first looks at the first frame.
type source interface {
	Next(ctx context.Context) (media.Unit, error)
	Close() error
	first(ctx context.Context) (*media.Frame, media.Info, error)
}

// sourceKind is what Options.Source names.
type sourceKind uint8

const (
	kindFile    sourceKind = iota
	kindBrowser            // a publisher of WHIP
	kindDevice             // Video4Linux, or an X screen
	kindFilter             // a filter graph of FFmpeg
	kindNetwork            // an address
)

// schemes are the network protocols that a source may use.
var schemes = []string{"rtsp", "rtsps", "rtmp", "rtmps", "rtmpt", "http", "https", "tcp", "udp", "rtp", "srt", "tls"}

// kindOf finds the kind of a source by its name. The error is a *fault.Error of kind Usage.
func kindOf(source string) (sourceKind, error) {
	scheme, _, address := strings.Cut(source, "://")
	switch {
	case source == "browser":
		return kindBrowser, nil
	case strings.HasPrefix(source, "v4l2:"), strings.HasPrefix(source, "x11:"):
		return kindDevice, nil
	case strings.HasPrefix(source, "listen:"):
		if scheme = strings.TrimPrefix(scheme, "listen:"); address && slices.Contains(listenSchemes, scheme) {
			return kindNetwork, nil
		}
		return 0, fault.New(fault.Usage, "use one of "+strings.Join(listenSchemes, ", "), "source %s: nobody can be waited for by %s", sourceName(source), scheme)
	case strings.HasPrefix(source, "lavfi:"):
		return kindFilter, nil
	case !address || scheme == "file":
		return kindFile, nil
	case slices.Contains(schemes, scheme):
		return kindNetwork, nil
	}
	return 0, fault.New(fault.Usage, "use one of "+strings.Join(schemes, ", ")+"; v4l2: for a camera, x11: for a screen; or a file", "source %s: %s is no protocol for a live source", sourceName(source), scheme)
}

// cameraPatience is how long a network camera may be silent. Tests shorten Session.patience.
const cameraPatience = 5 * time.Second

// openSource opens what FFmpeg reads.
func (s *Session) openSource(ctx context.Context) (source, error) {
	in := s.o.inputOf(s.kind, s.patience)
	name, o := in.name, in.options
	o.Logger = s.log
	begin := time.Now()
	src, err := decode.Open(ctx, name, o)
	if silent := time.Since(begin); err != nil && ctx.Err() == nil && o.Network && !in.listens && silent > s.patience-100*time.Millisecond {
		err = silentFor(silent)
	}
	if err != nil {
		return nil, sourceFault(err)
	}
	f := &fileSource{src: src, paced: s.kind == kindFile || s.kind == kindFilter, openAudio: s.audioOf, captured: func() { s.metrics.frame("captured") }}
	if s.o.Loop && s.kind == kindFile {
		f.again = func(ctx context.Context) (*decode.Source, error) { return decode.Open(ctx, name, o) }
	}
	if s.o.AudioDevice != "" {
		f.openAudio, f.microphone = func(*media.Info) *audioTrack { return nil }, s.openMicrophone()
	}
	return f, nil
}

// fileSource gives a decode.Source's frames, files at their own speed.
type fileSource struct {
	src   *decode.Source
	paced bool
	begin time.Time // wall time of the first frame
	start int64
	held  *media.Frame
	// again opens a looped file once more, nil for other sources. shift is added to the times of this round, so that they go on rising;
	// last is the time of the last frame and step the time from the one before it, both in ticks.
	again      func(ctx context.Context) (*decode.Source, error)
	shift      int64
	last, step int64
	frames     int         // of this round
	audio      *audioTrack // nil without
	openAudio  func(info *media.Info) *audioTrack
	ready      []media.Unit // audio to be given before the next frame
	microphone *microphone  // nil without
	// captured hears of every frame that is given.
	captured func()
}

// describe is the video of a source, and its audio as it is given.
func (f *fileSource) describe() media.Info {
	info := *f.src.Info()
	info.Tracks, info.Video, info.Chapters = []media.Track{*info.VideoTrack()}, 0, nil
	info.Tracks[0].Index = 0
	if f.microphone != nil {
		t := encode.OpusTrack(2)
		t.Index = 1
		info.Tracks = append(info.Tracks, t)
	}
	if f.audio != nil {
		t := f.audio.opus.Track()
		t.Index = 1
		info.Tracks = append(info.Tracks, t)
	}
	return info
}

func (f *fileSource) first(ctx context.Context) (*media.Frame, media.Info, error) {
	f.audio = f.openAudio(f.src.Info())
	for {
		u, err := f.pull(ctx)
		if u.Packet != nil { // audio before the first frame: nobody hears it
			continue
		}
		f.held = u.Frame
		return u.Frame, f.describe(), err
	}
}

// pull gives the next frame or packet of audio, of the next round when a looped file is at its end.
func (f *fileSource) pull(ctx context.Context) (media.Unit, error) {
	for {
		if len(f.ready) > 0 {
			u := f.ready[0]
			f.ready = f.ready[1:]
			return u, nil
		}
		u, err := f.src.Next(ctx)
		switch {
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case errors.Is(err, io.EOF) && f.again != nil && f.frames > 0:
			if err := f.rewind(ctx); err != nil {
				return u, err
			}
			continue
		case err != nil:
			return u, err
		case u.Frame == nil:
			if f.audio != nil {
				f.ready = append(f.ready, f.audio.convert(u.Packet, float64(f.shift)*f.src.Info().VideoTrack().TimeBase.Float())...)
			}
			u.Release()
			continue
		}
		u.Frame.PTS += f.shift
		if f.frames > 0 {
			f.step = u.Frame.PTS - f.last
		}
		f.last = u.Frame.PTS
		f.frames++
		return u, nil
	}
}

// rewind begins the next round of a looped file, one frame's time after the last.
func (f *fileSource) rewind(ctx context.Context) error {
	src, err := f.again(ctx)
	if err != nil {
		return sourceFault(err)
	}
	if src.Info().VideoTrack().TimeBase != f.src.Info().VideoTrack().TimeBase {
		src.Close()
		return errEnded // the file is another one now
	}
	step := max(f.step, 1)
	if r, base := f.src.Info().FrameRate, f.src.Info().VideoTrack().TimeBase; f.step <= 0 && r.Num > 0 { // a single frame
		step = max(int64(1/(r.Float()*base.Float())), 1)
	}
	f.src.Close()
	f.src, f.shift, f.frames = src, f.last+step, 0
	if f.audio != nil {
		last := f.audio.last
		f.audio.close()
		if f.audio = f.openAudio(src.Info()); f.audio != nil {
			f.audio.last, f.audio.given = last, true
		}
	}
	return nil
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
	base := f.src.Info().VideoTrack().TimeBase.Float()
	var seconds float64 // on the line of the video
	if u.Packet != nil {
		seconds = float64(u.Packet.PTS) * encode.OpusClock.Float()
	} else {
		seconds = float64(u.Frame.PTS) * base
	}
	if f.begin.IsZero() { // with the first frame
		f.begin, f.start = time.Now(), u.Frame.PTS
	}
	if f.paced {
		at := f.begin.Add(time.Duration((seconds - float64(f.start)*base) * float64(time.Second)))
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			u.Release()
			return media.Unit{}, ctx.Err()
		}
	}
	if u.Frame != nil {
		u.Frame.Captured = time.Now()
		f.captured()
		if f.microphone != nil {
			f.ready = append(f.ready, f.microphone.units(int64(seconds/encode.OpusClock.Float()), u.Frame.Captured)...)
		}
	}
	return u, nil
}

func (f *fileSource) Close() error {
	if f.held != nil {
		f.held.Release()
		f.held = nil
	}
	f.audio.close()
	f.audio = nil
	f.microphone.close()
	f.microphone = nil
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
	feed, err := decode.NewFeed(p.Codec(), decode.Options{Plain420: true, Logger: log, PoolSize: 12, Threads: 1})
	if err != nil {
		return nil, err
	}
	return &browserSource{pub: p, feed: feed, decoded: decoded}, nil
}

func (b *browserSource) first(ctx context.Context) (*media.Frame, media.Info, error) {
	var u media.Unit
	for u.Frame == nil { // audio before the first frame: nobody hears it
		var err error
		if u, err = b.Next(ctx); errors.Is(err, io.EOF) {
			return nil, media.Info{}, errNoFrame
		} else if err != nil {
			return nil, media.Info{}, err
		}
	}
	b.ready = append([]*media.Frame{u.Frame}, b.ready...)
	info := media.Info{Tracks: []media.Track{{Type: media.TrackVideo, Codec: b.pub.Codec(), TimeBase: decode.FeedTimeBase}},
		Format: u.Frame.Format, FrameRate: media.Rational{Num: 30, Den: 1}}
	if b.pub.Audio() {
		t := encode.OpusTrack(2)
		t.Index = 1
		info.Tracks = append(info.Tracks, t)
	}
	return u.Frame, info, nil
}

// audio is a packet of audio on the line of the frames.
func (b *browserSource) audio(u webrtc.AccessUnit) *media.Packet {
	at := int64(float64(b.clock.at(u.Time)) * decode.FeedTimeBase.Float() / encode.OpusClock.Float())
	return &media.Packet{Track: 1, PTS: at, DTS: at, Duration: encode.OpusDuration(u.Data), Key: true, Data: u.Data}
}

func (b *browserSource) Next(ctx context.Context) (media.Unit, error) {
	for len(b.ready) == 0 {
		pic, err := b.pub.Next(ctx)
		if err != nil {
			return media.Unit{}, err
		}
		if pic.Audio {
			if b.clock.started {
				return media.Unit{Packet: b.audio(pic)}, nil
			}
			continue
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

// at is the place of a time near the last one of extend.
func (c *rtpClock) at(t uint32) int64 { return c.ticks + int64(int32(t-c.last)) }

func (c *rtpClock) extend(t uint32) int64 {
	if !c.started {
		c.started, c.last = true, t
	}
	c.ticks += int64(int32(t - c.last))
	c.last = t
	return c.ticks
}
