package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"vsr/encode"
	"vsr/internal/fault"
	"vsr/live/webrtc"
	"vsr/media"
)

// connection is an output while it sends. One goroutine uses it; Bytes and Interrupt may come from any, Interrupt also after the end.
type connection interface {
	Write(ctx context.Context, u media.Unit) error // owns u
	Bytes() int64
	Failed() <-chan error // hears of an end that no Write tells; nil where there is none
	Interrupt()           // ends a call that waits
	Close() error
	Abort() error
}

// maker opens the connections of an output.
type maker struct {
	finishes bool                 // a pipeline's end waits until all of it is written, and ends the connection
	raw      func(s *stream) bool // frames instead of the shared encoder's packets
	open     func(ctx context.Context, o *Output, s *stream) (connection, error)
}

// permanentError is one that no new try can mend.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// makerOf chooses by the kind. The error is a *fault.Error.
func makerOf(t Target, o Options) (maker, error) {
	own := func(s *stream) bool { return t.BitRate > 0 || s.info.VideoTrack().Codec != "h264" }
	switch t.Kind {
	case KindStream:
		encode.HideSecrets(t.Address)
		return maker{raw: own, open: openStream}, nil
	case KindWHIP:
		encode.HideSecrets(t.Address)
		encode.HideWord(t.Token)
		return maker{raw: own, open: openWHIP}, nil
	case KindHLS:
		if o.HLS == nil {
			return maker{}, fault.New(fault.Usage, "", "HLS is not served here")
		}
		return maker{raw: own, open: func(_ context.Context, out *Output, s *stream) (connection, error) {
			return out.connect(s, &hlsWriter{to: o.HLS}, !s.silent, o.HLS.Bytes, func() {})
		}}, nil
	case KindCamera:
		if err := checkCamera(t.Address); err != nil {
			return maker{}, err
		}
		return maker{raw: func(*stream) bool { return true }, open: connectCamera}, nil
	case KindStdout:
		if !slices.Contains(encode.StreamFormats(), t.Format) {
			return maker{}, fault.New(fault.Usage, "", "--stdout %s: want one of %s", t.Format, strings.Join(encode.StreamFormats(), ", "))
		}
		return maker{raw: func(*stream) bool { return true }, open: openStdout}, nil
	case KindRecord:
		if ext := filepath.Ext(t.Address); ext != ".mkv" && ext != ".mp4" {
			return maker{}, fault.New(fault.Usage, "", "recording %s: the name must end in .mkv or .mp4", t.Address)
		}
		r := &recorder{path: t.Address}
		mp4 := filepath.Ext(t.Address) == ".mp4" // does not hold VP8
		return maker{finishes: true, raw: func(s *stream) bool { return t.BitRate > 0 || mp4 && own(s) }, open: r.open}, nil
	}
	return maker{}, fault.New(fault.Usage, "", "no output of kind %q", t.Kind)
}

// openStream connects to a server of RTMP, SRT or RTSP, or sends by UDP.
func openStream(ctx context.Context, o *Output, s *stream) (connection, error) {
	w, err := encode.NewStream(o.target.Address, encode.StreamOptions{Logger: o.hub.o.Logger})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, w.Interrupt)
	defer stop()
	// Servers of RTMP want audio, so that they get silence where there is none.
	return o.connect(s, w, !s.silent || strings.HasPrefix(o.target.Address, "rtmp"), w.Bytes, w.Interrupt)
}

// openWHIP publishes to a server of WHIP.
func openWHIP(ctx context.Context, o *Output, s *stream) (connection, error) {
	p, err := webrtc.Push(ctx, webrtc.PushOptions{URL: o.target.Address, Token: o.target.Token, Audio: !s.silent, OnKeyframe: func() { o.hub.o.Keyframe("whip") }})
	if err != nil {
		return nil, err
	}
	c, err := o.connect(s, &whipWriter{p: p}, !s.silent, p.Bytes, func() {})
	if err != nil {
		return nil, err
	}
	return &failing{c, p.Failed()}, nil
}

// failing is a connection whose end comes from beside.
type failing struct {
	connection
	failed <-chan error
}

func (c *failing) Failed() <-chan error { return c.failed }

// whipWriter is a PacketWriter that publishes.
type whipWriter struct {
	p     *webrtc.Pusher
	video int
	base  media.Rational
}

// Start implements encode.PacketWriter.
func (w *whipWriter) Start(info *media.Info) error {
	w.video, w.base = info.Video, info.VideoTrack().TimeBase
	return nil
}

// WritePacket implements encode.PacketWriter.
func (w *whipWriter) WritePacket(p *media.Packet) error {
	if p.Track != w.video {
		return w.p.WriteAudio(p.Data, uint32(p.PTS))
	}
	return w.p.Write(p.Data, uint32(int64(float64(p.PTS)*w.base.Float()*videoClock+0.5)))
}

// Close implements encode.PacketWriter.
func (w *whipWriter) Close() error { return w.p.Close() }

// openStdout writes to standard output. When the reader has gone, nobody else can read there.
func openStdout(_ context.Context, o *Output, s *stream) (connection, error) {
	if o.connections() > 0 {
		return nil, &permanentError{errors.New("a stream on standard output has one beginning; it has ended")}
	}
	if o.target.Format == encode.StreamY4M {
		return o.connect(s, &steady{PacketWriter: encode.NewY4M(os.Stdout)}, false, func() int64 { return 0 }, func() {})
	}
	w, err := encode.NewFile("-", encode.FileOptions{Container: o.target.Format, Logger: o.hub.o.Logger})
	if err != nil {
		return nil, err
	}
	size := &counted{PacketWriter: w}
	return o.connect(s, size, !s.silent, size.Bytes, func() {})
}

// steady gives every frame time of a constant rate its frame: one that is missing is the one after it, once more.
type steady struct {
	encode.PacketWriter
	rate float64 // frames in a tick of the video
	next int64   // number of the next frame
}

// Start implements encode.PacketWriter.
func (w *steady) Start(info *media.Info) error {
	rate := info.FrameRate.Float()
	if rate <= 0 {
		rate = 25 // as the header says then
	}
	w.rate = rate * info.VideoTrack().TimeBase.Float()
	return w.PacketWriter.Start(info)
}

// longestRepeat bounds how long one frame stands in for others.
const longestRepeat = 300

// WritePacket implements encode.PacketWriter.
func (w *steady) WritePacket(p *media.Packet) error {
	now := int64(float64(p.PTS)*w.rate + 0.5)
	w.next = max(w.next, now-longestRepeat)
	for ; w.next <= now; w.next++ {
		if err := w.PacketWriter.WritePacket(p); err != nil {
			return err
		}
	}
	return nil
}

// recorder gives every connection a file of its own: NAME.mkv, then NAME-2.mkv and so on.
type recorder struct {
	path string
	made int
}

func (r *recorder) open(_ context.Context, o *Output, s *stream) (connection, error) {
	for {
		name := r.path
		if r.made++; r.made > 1 {
			ext := filepath.Ext(r.path)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(r.path, ext), r.made, ext)
		}
		w, err := encode.NewFile(name, encode.FileOptions{Growing: true, Logger: o.hub.o.Logger})
		if errors.Is(err, fs.ErrExist) && r.made > 1 {
			continue
		}
		if err != nil {
			r.made--
			return nil, err
		}
		size := &counted{PacketWriter: w}
		return o.connect(s, size, !s.silent, size.Bytes, func() {})
	}
}

// connect starts a writer for s: with the shared encoder's packets, or behind an encoder of the output's own.
func (o *Output) connect(s *stream, w encode.PacketWriter, audio bool, bytes func() int64, interrupt func()) (connection, error) {
	keyframe := func() { o.hub.o.Keyframe("output") }
	r := &rebased{to: w, video: s.video, audio: -1, written: func(video bool) {
		if video {
			o.frames.Add(1)
		}
	}, keyframe: func() { keyframe() }}
	if o.target.Kind != KindRecord {
		r.most = keyframeDistance
	}
	info := s.info
	switch {
	case audio:
		r.audio = s.audio
	case s.silent: // the track of silence is the last
		info.Tracks = info.Tracks[:len(info.Tracks)-1]
	}
	link := link{bytes: bytes, interrupt: interrupt}
	if !o.raw {
		if err := r.Start(&info); err != nil {
			_ = r.Abort()
			return nil, lasting(err)
		}
		return &packets{link: link, to: r}, nil
	}
	e := o.hub.o.Encoder
	if o.target.Kind == KindStdout {
		e = encode.Options{Codec: "raw", Logger: e.Logger}
		if o.target.Format == encode.StreamY4M {
			e.Codec = "y4m"
		}
	}
	if e.Codec == "" || e.Codec == "vp8" {
		e.Codec = "x264"
	}
	if o.target.BitRate > 0 {
		e.BitRate = o.target.BitRate
	}
	sink, err := encode.Create(&info, e, r)
	if err != nil {
		return nil, lasting(err)
	}
	keyframe = sink.RequestKeyframe
	return &encoder{link: link, Sink: sink}, nil
}

// link is what all connections share.
type link struct {
	bytes     func() int64
	interrupt func()
}

func (l link) Bytes() int64       { return l.bytes() }
func (l link) Interrupt()         { l.interrupt() }
func (link) Failed() <-chan error { return nil }

// packets is a connection that sends the shared encoder's packets.
type packets struct {
	link
	to *rebased
}

func (c *packets) Write(_ context.Context, u media.Unit) error {
	if u.Packet == nil {
		u.Release()
		return nil
	}
	return c.to.WritePacket(u.Packet)
}
func (c *packets) Close() error { return c.to.Close() }
func (c *packets) Abort() error { return c.to.Abort() }

// encoder is a connection with an encoder of its own.
type encoder struct {
	link
	*encode.Sink
}

// Close ends the connection also where no frame has come.
func (c *encoder) Close() error {
	if err := c.Sink.Close(); !errors.Is(err, encode.ErrNoFrames) {
		return err
	}
	return nil
}

func (c *encoder) Interrupt() { c.link.Interrupt(); c.Sink.Interrupt() }

// counted counts what goes into a writer.
type counted struct {
	encode.PacketWriter
	bytes atomic.Int64
}

func (c *counted) WritePacket(p *media.Packet) error {
	c.bytes.Add(int64(len(p.Data)))
	return c.PacketWriter.WritePacket(p)
}

// GlobalHeader asks as the writer does.
func (c *counted) GlobalHeader() bool {
	h, ok := c.PacketWriter.(interface{ GlobalHeader() bool })
	return ok && h.GlobalHeader()
}

// Abort is the writer's.
func (c *counted) Abort() error {
	if a, ok := c.PacketWriter.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return c.PacketWriter.Close()
}

func (c *counted) Bytes() int64 { return c.bytes.Load() }

// lasting marks errors that the next try would meet again: what was asked for cannot be, or the place to write to is taken.
func lasting(err error) error {
	var request *encode.RequestError
	if errors.As(err, &request) || errors.Is(err, fs.ErrExist) {
		return &permanentError{err}
	}
	return err
}

// plain says in a sentence why an output is away, without addresses and without the words of a library.
func plain(err error) string {
	var request *encode.RequestError
	is := func(list ...error) bool {
		for _, e := range list {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	if why, ok := plainCamera(err); ok {
		return why
	}
	text := err.Error()
	if status := (*webrtc.StatusError)(nil); errors.As(err, &status) {
		switch status.Status {
		case http.StatusConflict:
			return "somebody is publishing there already"
		case http.StatusNotFound:
			return "the server knows no such place"
		}
	}
	switch {
	case errors.As(err, &request):
		return request.Reason
	case is(fs.ErrExist):
		return "the file is there already"
	case is(fs.ErrNotExist):
		return "the folder or device is not there"
	case is(fs.ErrPermission):
		return "writing there is not allowed"
	case is(syscall.ENOSPC):
		return "the disk is full"
	case is(encode.ErrPatience, syscall.ETIMEDOUT, context.DeadlineExceeded):
		return "the server does not answer"
	case is(syscall.ECONNREFUSED):
		return "nobody answers at that address"
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return "the network does not reach that address"
	case strings.Contains(text, "resolve hostname"), strings.Contains(text, "no such host"):
		return "there is no host of that name"
	case strings.Contains(text, "nauthorized"), strings.Contains(text, "orbidden"):
		return "the server refuses the key or password"
	case is(syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ENOTCONN, io.EOF, io.ErrUnexpectedEOF):
		return "the server ended the connection"
	case is(syscall.EIO), is(syscall.EINVAL):
		return "the server does not take the stream, or is not there"
	}
	return "the connection failed; the log says more"
}

// hide is an error's text for the log.
func hide(t Target, err error) string {
	text := encode.Hidden(err.Error())
	for _, secret := range []string{t.Address, t.Token} {
		if secret != "" && t.secret() {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}
