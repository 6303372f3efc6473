package encode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// StreamOptions of a Stream. The zero value gives up after ten seconds of silence.
type StreamOptions struct {
	Patience time.Duration // how long connecting, or handing one packet over, may take; default 10 s
	Logger   *slog.Logger  // nil discards
}

// StreamSchemes lists the protocols that a Stream speaks.
func StreamSchemes() []string { return []string{"rtmp", "rtmps", "srt", "rtsp", "rtsps", "udp"} }

// Stream is a PacketWriter that sends H.264 and AAC to an address: RTMP, RTSP, or MPEG-TS by SRT or UDP. Start connects. Audio of another
// codec becomes AAC. Nothing of it is on a goroutine of its own but the watch that ends calls which take too long.
type Stream struct {
	address   string
	opt       StreamOptions
	fc        *astiav.FormatContext
	interrupt *av.Interrupt
	packet    *astiav.Packet
	info      *media.Info
	tracks    []streamTrack
	log       *av.Log
	bytes     atomic.Int64

	begun   atomic.Int64 // when the call under way began, Unix nanoseconds; 0 between two
	ended   atomic.Bool  // by Interrupt
	done    chan struct{}
	watched sync.WaitGroup
	header  bool // is written
	closed  bool
}

type streamTrack struct {
	stream   *astiav.Stream // nil when the track is not sent
	from, to media.Rational
	convert  *av.AudioConverter // nil for packets that go as they are
	last     int64
	started  bool
}

// NewStream prepares a stream to an address. Nothing is sent before Start. An error is a *RequestError.
func NewStream(address string, o StreamOptions) (*Stream, error) {
	scheme, _, _ := strings.Cut(address, "://")
	muxer := map[string]string{"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "rtsp": "rtsp", "rtsps": "rtsp"}[scheme]
	if muxer == "" {
		return nil, &RequestError{Reason: fmt.Sprintf("%q is no protocol to stream by", scheme), Hint: "use one of " + strings.Join(StreamSchemes(), ", ")}
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	s := &Stream{address: address, opt: o, done: make(chan struct{}), log: av.NewLog(o.Logger, "output")}
	var err error
	if s.fc, err = astiav.AllocOutputFormatContext(nil, muxer, address); err != nil {
		return nil, &RequestError{Reason: "this FFmpeg has no muxer " + muxer}
	}
	HideSecrets(address)
	s.interrupt = av.NewInterrupt(s.fc)
	s.packet = astiav.AllocPacket()
	s.watched.Add(1)
	go s.watch()
	return s, nil
}

// HideSecrets keeps the stream key, the password and all else of an address that opens a door out of every log line and error of FFmpeg's, and
// out of Hidden, from now on.
func HideSecrets(address string) { av.Hide(secretsOf(address)...) }

// HideWord does so with one word, as a token.
func HideWord(word string) { av.Hide(word) }

// Hidden is a text without what HideSecrets and HideWord named.
func Hidden(text string) string { return av.Hidden(text) }

// Headers are the codec's headers of a track that encode or decode described, nil without.
func Headers(t *media.Track) []byte {
	if p, ok := t.Params.(*av.Params); ok {
		return p.ExtraData()
	}
	return nil
}

// secretsOf lists what of an address nobody may read: the password, the query, and the path, whose last part is the stream key.
func secretsOf(address string) (list []string) {
	const shortest = 4 // shorter words stand in many lines
	add := func(w string) {
		if len(w) >= shortest {
			list = append(list, w)
		}
	}
	scheme, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/")
	if u, err := url.Parse(address); err == nil && u.User != nil {
		p, _ := u.User.Password()
		add(p)
		add(u.User.Username())
	}
	if _, query, ok := strings.Cut(rest, "?"); ok {
		add(query)
		for _, pair := range strings.Split(query, "&") {
			if k, v, _ := strings.Cut(pair, "="); k == "streamid" || k == "passphrase" || k == "key" || k == "token" {
				add(v)
				if plain, err := url.QueryUnescape(v); err == nil {
					add(plain)
				}
			}
		}
	}
	path, _, _ = strings.Cut(path, "?")
	add(path)
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		add(path[i+1:])
	}
	if strings.HasPrefix(scheme, "rtmp") {
		add(address)
	}
	return list
}

// GlobalHeader says that headers are wanted in front of the stream.
func (s *Stream) GlobalHeader() bool { return true }

// watch ends a call that takes longer than it may.
func (s *Stream) watch() {
	defer s.watched.Done()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case now := <-tick.C:
			if t := s.begun.Load(); t != 0 && now.Sub(time.Unix(0, t)) > s.opt.Patience || s.ended.Load() {
				s.interrupt.Set(true)
			}
		}
	}
}

// Interrupt ends the call under way, and makes all later ones fail at once. Any goroutine may call it at any time.
func (s *Stream) Interrupt() { s.ended.Store(true) }

// ErrPatience is in the error of a call that took longer than StreamOptions.Patience.
var ErrPatience = errors.New("no answer in time")

// bounded runs f, which may wait for the network.
func (s *Stream) bounded(f func() error) error {
	s.begun.Store(time.Now().UnixNano())
	err := av.Explain(f)
	s.begun.Store(0)
	switch {
	case err == nil:
		return nil
	case s.ended.Load():
		return context.Canceled
	case av.Interrupted(err):
		return ErrPatience
	}
	return err
}

// Start connects and sends the headers.
func (s *Stream) Start(info *media.Info) error {
	s.info = info
	s.tracks = make([]streamTrack, len(info.Tracks))
	for i := range info.Tracks {
		if err := s.add(i); err != nil {
			return err
		}
	}
	options := map[string]string{"flush_packets": "1", "max_interleave_delta": "300000"} // microseconds: who waits for audio that does not come is late
	switch av.OutputName(s.fc) {
	case "flv":
		options["flvflags"] = "no_duration_filesize"
	case "rtsp":
		options["rtsp_transport"] = "tcp"
	case "mpegts":
		options["pat_period"] = "0.5"
	}
	if !av.OwnsConnection(s.fc) {
		if err := s.bounded(func() error { return av.OpenOutput(s.fc, s.address, s.connection()) }); err != nil {
			return err
		}
	}
	dict := astiav.NewDictionary()
	defer dict.Free()
	for k, v := range options {
		_ = dict.Set(k, v, astiav.NewDictionaryFlags())
	}
	if err := s.bounded(func() error { return s.fc.WriteHeader(dict) }); err != nil {
		return err
	}
	s.header = true
	for i := range s.tracks {
		if t := &s.tracks[i]; t.stream != nil {
			tb := t.stream.TimeBase()
			t.to = media.Rational{Num: tb.Num(), Den: tb.Den()}
		}
	}
	s.log.Flush()
	return nil
}

// connection are the options of the protocol.
func (s *Stream) connection() map[string]string {
	o := map[string]string{}
	switch scheme, _, _ := strings.Cut(s.address, "://"); scheme {
	case "rtmp", "rtmps":
		o["rw_timeout"], o["rtmp_live"] = fmt.Sprint(s.opt.Patience.Microseconds()), "live"
	case "srt":
		o["pkt_size"], o["transtype"] = "1316", "live" // seven packets of MPEG-TS
	case "udp":
		o["pkt_size"] = "1316"
	}
	return o
}

// add makes the stream of a track: the video as it is, the first audio as AAC.
func (s *Stream) add(i int) error {
	in, t := &s.info.Tracks[i], &s.tracks[i]
	p, ok := in.Params.(*av.Params)
	if !ok || i != s.info.Video && in.Type != media.TrackAudio {
		return nil
	}
	t.from = in.TimeBase
	if i == s.info.Video && p.CodecName() != "h264" {
		return &RequestError{Reason: "the stream is " + p.CodecName() + ", and only H.264 goes out so"}
	}
	if i != s.info.Video && p.CodecName() != "aac" {
		c, err := av.NewAudioConverter(p, in.TimeBase, "aac", 64_000, 0, 2)
		if err != nil {
			return &RequestError{Reason: "the audio cannot become AAC", Err: err}
		}
		t.convert, p, t.from = c, c.Params(), c.TimeBase()
	}
	st := s.fc.NewStream(nil)
	if st == nil {
		return errors.New("out of memory")
	}
	if err := p.Apply(s.fc, st); err != nil {
		return err
	}
	st.SetTimeBase(astiav.NewRational(t.from.Num, t.from.Den))
	t.stream = st
	return nil
}

// WritePacket sends a packet.
func (s *Stream) WritePacket(p *media.Packet) error {
	s.log.Poll()
	t := &s.tracks[p.Track]
	switch {
	case t.stream == nil:
		return nil
	case t.convert == nil:
		return s.send(t, p)
	}
	list, _ := t.convert.Convert(p) // a packet that does not decode is left out
	for _, q := range list {
		if err := s.send(t, q); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) send(t *streamTrack, p *media.Packet) error {
	q := *p
	q.PTS, q.DTS, q.Duration = av.Rescale(p.PTS, t.from, t.to), av.Rescale(p.DTS, t.from, t.to), av.Rescale(p.Duration, t.from, t.to)
	if t.started && q.DTS <= t.last {
		q.DTS = t.last + 1
	}
	q.PTS = max(q.PTS, q.DTS)
	t.last, t.started = q.DTS, true
	s.packet.Unref()
	if err := av.WritePacket(s.packet, &q, t.stream.Index()); err != nil {
		return err
	}
	err := s.bounded(func() error { return s.fc.WriteInterleavedFrame(s.packet) })
	if err == nil {
		err = av.WriteError(s.fc)
	}
	if n := av.Written(s.fc); n > 0 {
		s.bytes.Store(n)
	} else {
		s.bytes.Add(int64(len(p.Data)))
	}
	return err
}

// Bytes is how many were sent; for RTSP only those of the packets themselves count. Any goroutine may call it.
func (s *Stream) Bytes() int64 { return s.bytes.Load() }

// Close says goodbye and ends the connection. It may be called twice.
func (s *Stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.header {
		err = s.bounded(s.fc.WriteTrailer)
	}
	s.free()
	return err
}

// Abort ends the connection without a goodbye.
func (s *Stream) Abort() error {
	if s.closed {
		return nil
	}
	s.Interrupt()
	return s.Close()
}

func (s *Stream) free() {
	s.begun.Store(time.Now().UnixNano())
	_ = av.CloseOutput(s.fc)
	s.begun.Store(0)
	close(s.done)
	s.watched.Wait()
	for i := range s.tracks {
		if c := s.tracks[i].convert; c != nil {
			c.Close()
		}
	}
	s.packet.Free()
	s.fc.Free()
	s.interrupt.Free()
	s.log.Flush()
}
