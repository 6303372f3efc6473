package encode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Sink encodes frames and hands all packets to its writers. One goroutine writes; RequestKeyframe may come from any.
type Sink struct {
	opt     Options
	codec   codec
	info    *media.Info // as the writers see it
	color   media.Color
	writers []PacketWriter
	started []PacketWriter

	encoder *astiav.CodecContext
	packet  *astiav.Packet
	pic     *avFrame
	door    *door // nil unless the encoder is fed from a GPU
	log     *av.Log

	durations map[int64]int64    // time stamp to duration of frames inside the encoder
	messages  map[int64][][]byte // by time stamp: SEI messages that the sink puts into the frame
	enlarged  av.Enlarged        // against the frames that HDR10+ metadata was made for
	last      int64              // time stamp of the frame before
	lastDTS   int64
	step      int64 // duration of the frame before
	scene     uint64
	frames    int64
	packets   int64
	actions   []StreamAction
	keyframe  atomic.Bool
	stop      atomic.Bool  // see Interrupt
	bitRate   atomic.Int64 // asked for by SetBitRate, 0 when taken over
	opened    int64        // time stamp of the first frame after the encoder was opened for another rate
	reopened  bool
	meter     meter
	err       error // sticky
	closed    bool
	drained   bool // the encoder knows that no more frames come
}

// Create opens the encoder for info.Format and starts the writers. info must describe the output: the frame at its final size.
//
// Errors are *RequestError or *DestinationError where the user can act. On error the writers are aborted.
func Create(info *media.Info, o Options, writers ...PacketWriter) (*Sink, error) {
	s := &Sink{opt: o.withDefaults(), writers: writers, durations: map[int64]int64{}, messages: map[int64][][]byte{}, lastDTS: media.NoTime}
	s.log = av.NewLog(o.Logger, "encode")
	if err := s.create(info); err != nil {
		s.err = err
		s.release()
		for _, w := range writers {
			abort(w)
		}
		return nil, fmt.Errorf("encode: %w", err)
	}
	return s, nil
}

// CreateFile is Create with one File, or with Images where the name is that of an image or of a sequence of images; then the codec follows
// from the name.
func CreateFile(path string, info *media.Info, o Options, f FileOptions) (*Sink, error) {
	if f.Logger == nil {
		f.Logger = o.Logger
	}
	if path == "-" && f.Container == StreamY4M {
		o.Codec = "y4m"
		return Create(info, o, NewY4M(os.Stdout))
	}
	if ImageCodec(path) != "" && f.Container == "" {
		o = o.ForFile(path)
		if !animated(path) {
			w, err := NewImages(path, f)
			if err != nil {
				return nil, fmt.Errorf("encode: %w", err)
			}
			return Create(info, o, w)
		}
	}
	w, err := NewFile(path, f)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return Create(info, o, w)
}

func (s *Sink) create(info *media.Info) error {
	if err := s.opt.Validate(); err != nil {
		return err
	}
	if err := info.Format.Validate(); err != nil {
		return err
	}
	s.codec, _ = findCodec(s.opt.Codec)
	if err := s.codec.checkSize(info.Format); err != nil {
		return err
	}
	s.codec = s.codec.forLossless(info.Format, s.opt)
	if err := s.open(info); err != nil {
		return err
	}
	for _, w := range s.writers {
		if err := w.Start(s.info); err != nil {
			return err
		}
		s.started = append(s.started, w)
	}
	s.log.Flush()
	return nil
}

// Actions says, per track, what became of it.
func (s *Sink) Actions() []StreamAction {
	for _, w := range s.writers {
		if a, ok := w.(actor); ok {
			list := a.Actions()
			for i := range list {
				for _, own := range s.actions {
					if own.Index == list[i].Index && own.Why != "" {
						list[i].Why = joinWhy(list[i].Why, own.Why)
					}
				}
			}
			return list
		}
	}
	return s.actions
}

func joinWhy(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// Info returns the description that the writers got.
func (s *Sink) Info() *media.Info { return s.info }

// Frames returns how many frames were taken and how many video packets came out.
func (s *Sink) Frames() (in, out int64) { return s.frames, s.packets }

// RequestKeyframe makes the next frame a keyframe.
func (s *Sink) RequestKeyframe() { s.keyframe.Store(true) }

// SetBitRate changes the cap of Options.BitRate, in bits a second. It may come from any goroutine. x264 follows from the next
// frame on. vp8, with ZeroLatency, is opened again, which makes a key frame, so small and quick changes are left out (see
// followRate). Other codecs keep the rate that they were opened with.
func (s *Sink) SetBitRate(bps int64) { s.bitRate.Store(max(bps, 1)) }

// Write takes ownership of u, also on error. Errors are sticky.
func (s *Sink) Write(ctx context.Context, u media.Unit) error {
	defer u.Release()
	switch {
	case s.err != nil:
		return s.err
	case s.closed:
		return errors.New("encode: write after close")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	s.log.Poll()
	var err error
	switch {
	case u.Frame != nil:
		err = s.frame(u.Frame)
	case u.Packet != nil:
		err = s.deliver(u.Packet)
	}
	if err != nil {
		s.err = fmt.Errorf("encode: %w", err)
	}
	return s.err
}

func (s *Sink) frame(fr *media.Frame) error {
	if s.frames > 0 && fr.PTS <= s.last {
		return fmt.Errorf("time stamp %d after %d: they must rise", fr.PTS, s.last)
	}
	pic, err := s.toAVFrame(fr)
	if err != nil {
		return err
	}
	pic.SetPts(fr.PTS)
	av.SetColor(pic, s.color)
	pic.SetSampleAspectRatio(astiav.NewRational(s.info.SampleAspect.Num, max(s.info.SampleAspect.Den, 1)))
	kind := astiav.PictureTypeNone
	if requested := s.keyframe.Swap(false); requested || fr.Scene != s.scene && s.frames > 0 {
		kind = astiav.PictureTypeI
	}
	if err := s.followRate(fr.PTS); err != nil {
		return err
	}
	s.scene = fr.Scene
	pic.SetPictureType(kind)
	if err := av.AddFrameSideData(pic, s.codec.perFrame(fr.SideData)); err != nil {
		return err
	}
	if s.frames > 0 {
		s.step = fr.PTS - s.last
		if _, inside := s.durations[s.last]; inside {
			s.durations[s.last] = s.step
		}
	}
	s.durations[fr.PTS] = fr.Duration
	if m := messages(fr.SideData, s.enlarged); m != nil && s.codec.insertsMessages() {
		s.messages[fr.PTS] = m
	}
	s.last = fr.PTS
	s.frames++
	if err := av.Explain(func() error { return s.encoder.SendFrame(pic) }); err != nil {
		return fmt.Errorf("%s: %w", s.codec.name, err)
	}
	return s.collect()
}

// perFrame leaves out the side data that describe the stream: the encoder got those once.
func (c codec) perFrame(list []media.SideData) []media.SideData {
	var out []media.SideData
	for _, sd := range list {
		if sd.Type == av.FrameCaptions || sd.Type == av.FrameHDR10Plus || sd.Type == av.FrameTimecode || sd.Type == av.FrameStereo3D || sd.Type == av.FrameICC && c.carriesICC() {
			out = append(out, sd)
		}
	}
	return out
}

// collect takes all packets out of the encoder that are ready.
func (s *Sink) collect() error {
	for {
		if s.stop.Load() {
			return context.Canceled
		}
		s.packet.Unref()
		switch err := av.Explain(func() error { return s.encoder.ReceivePacket(s.packet) }); err {
		case nil:
		case av.ErrAgain, io.EOF:
			return nil
		default:
			return fmt.Errorf("%s: %w", s.codec.name, err)
		}
		p := av.ReadPacket(s.packet)
		p.Track = s.info.Video
		if d, ok := s.durations[p.PTS]; ok {
			p.Duration = d
			delete(s.durations, p.PTS)
		}
		if p.Duration <= 0 {
			p.Duration = max(s.step, s.typicalStep())
		}
		for _, m := range s.messages[p.PTS] {
			p.Data = insertSEI(p.Data, m)
		}
		delete(s.messages, p.PTS)
		if s.codec.ordered || p.DTS == media.NoTime {
			p.DTS = p.PTS
		}
		if s.lastDTS != media.NoTime && p.DTS <= s.lastDTS {
			p.DTS = min(s.lastDTS+1, p.PTS)
		}
		s.lastDTS = p.DTS
		s.packets++
		if s.opensAgain() {
			s.meter.add(p.PTS, len(p.Data))
		}
		if err := s.deliver(p); err != nil {
			return err
		}
	}
}

// typicalStep is the length of a frame at the average rate, in ticks; 1 if unknown.
func (s *Sink) typicalStep() int64 {
	if r := s.info.FrameRate; r.Num > 0 && r.Den > 0 {
		return max(av.Rescale(1, media.Rational{Num: r.Den, Den: r.Num}, s.info.VideoTrack().TimeBase), 1)
	}
	return 1
}

func (s *Sink) deliver(p *media.Packet) error {
	for _, w := range s.writers {
		if err := w.WritePacket(p); err != nil {
			return err
		}
	}
	return nil
}

// Interrupt makes Write and Close fail at the next packet, so that a Close which would drain the encoder for long drops the output
// instead. Any goroutine may call it.
func (s *Sink) Interrupt() { s.stop.Store(true) }

// Close drains the encoder and ends the writers, which publishes the output. After an error, or with no frames, it aborts instead.
func (s *Sink) Close() error {
	if s.closed {
		return nil
	}
	if s.err == nil && s.frames == 0 {
		s.err = fmt.Errorf("encode: %w", ErrNoFrames)
	}
	if s.err == nil {
		if err := s.drain(); err != nil {
			s.err = fmt.Errorf("encode: %w", err)
		}
	}
	if s.err != nil {
		err := s.err
		_ = s.Abort()
		return err
	}
	s.closed = true
	s.release()
	var first error
	for _, w := range s.writers {
		if err := w.Close(); err != nil && first == nil {
			first = fmt.Errorf("encode: %w", err)
		}
	}
	s.log.Flush()
	return first
}

func (s *Sink) drain() error {
	s.drained = true
	if err := av.Err(s.encoder.SendFrame(nil)); err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", s.codec.name, err)
	}
	if err := s.collect(); err != nil {
		return err
	}
	if s.packets != s.frames {
		return fmt.Errorf("%s gave %d packets for %d frames", s.codec.name, s.packets, s.frames)
	}
	return nil
}

// Abort throws the output away. It may be called at any time, also after Close, when it does nothing.
func (s *Sink) Abort() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.release()
	for _, w := range s.writers {
		abort(w)
	}
	s.log.Flush()
	return nil
}

func abort(w PacketWriter) {
	if a, ok := w.(aborter); ok {
		_ = a.Abort()
		return
	}
	_ = w.Close()
}

func (s *Sink) release() {
	if s.encoder != nil {
		if s.codec.name == "svtav1" {
			s.endSVT()
		}
		s.encoder.Free()
		s.encoder = nil
	}
	if s.packet != nil {
		s.packet.Free()
		s.packet = nil
	}
	if s.pic != nil {
		s.pic.close()
		s.pic = nil
	}
	if s.door != nil {
		s.door.close()
		s.door = nil
	}
	av.Trim()
}
