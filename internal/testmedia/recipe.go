package testmedia

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Recipe is a file of kinds that package encode does not write: FFmpeg's own sources, filters, encoders and muxers make it.
type Recipe struct {
	Streams []Stream
	Muxer   string            // FFmpeg's name; empty follows from the file's
	Options map[string]string // of the muxer
	Tags    map[string]string // of the file
}

// Stream is one stream of a Recipe: of a source, or of packets as they are.
type Stream struct {
	// Source is a graph of the device lavfi with one output, as in testsrc2=s=64x48:r=25:d=1,format=yuv440p. Its time base is that of the stream.
	Source  string
	Encoder string            // FFmpeg's name
	Options map[string]string // of the encoder
	Tags    map[string]string
	Flags   int     // AV_DISPOSITION
	Shift   float64 // seconds that are added to all times

	SideData []media.SideData // of the stream

	// Without Source: packets in ticks of a millisecond, of the codec that a decoder of FFmpeg's (Decoder, by name) reads; or an attachment.
	Decoder    string
	Extra      []byte
	Packets    []*media.Packet
	Attachment []byte
}

// Rotated is the display matrix of a phone held upright.
func Rotated() media.SideData {
	var b [36]byte
	for i, v := range []int32{0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30} {
		binary.NativeEndian.PutUint32(b[4*i:], uint32(v))
	}
	return media.SideData{Type: av.PacketDisplayMatrix, Data: b[:]}
}

// SideBySide is FFmpeg's AVStereo3D, with space for what later versions add.
func SideBySide() media.SideData {
	b := make([]byte, 64)
	binary.NativeEndian.PutUint32(b, 1)
	return media.SideData{Type: av.PacketStereo3D, Data: b}
}

// Sphere is FFmpeg's AVSphericalMapping.
func Sphere() media.SideData {
	return media.SideData{Type: av.PacketSpherical, Data: make([]byte, 64)}
}

// DolbyVision is the configuration of profile 7 for the base layer, or for a track of the enhancement layer alone.
func DolbyVision(base bool) media.SideData {
	b := make([]byte, 16) // version 1.0, profile, level, metadata, enhancement, base, compatible with Blu-ray
	copy(b, []byte{1, 0, 7, 6, 1, 1, 0, 6})
	if base {
		b[5], b[6] = 0, 1
	}
	return media.SideData{Type: av.PacketDolbyVision, Data: b}
}

var devices sync.Once

// Write makes the file. It fails if an encoder is not in this FFmpeg: see Has.
func (r Recipe) Write(path string) error {
	av.NewLog(nil, "") // encoders would print on stderr
	if err := r.write(path); err != nil {
		return fmt.Errorf("testmedia: %s: %w", path, err)
	}
	return nil
}

// Has reports whether this FFmpeg has an encoder.
func Has(encoder string) bool { return astiav.FindEncoderByName(encoder) != nil }

func (r Recipe) write(path string) error {
	out, err := astiav.AllocOutputFormatContext(nil, r.Muxer, path)
	if err != nil {
		return err
	}
	defer out.Free()
	var packets []*media.Packet
	var bases []media.Rational
	for i, s := range r.Streams {
		m, err := s.make(av.GlobalHeader(out))
		if err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
		st := out.NewStream(nil)
		if err := m.params.Apply(out, st); err != nil {
			return err
		}
		st.SetTimeBase(astiav.NewRational(m.base.Num, m.base.Den))
		for _, sd := range s.SideData {
			if err := av.AddStreamSideData(st, sd); err != nil {
				return err
			}
		}
		av.SetStreamMetadata(st, s.Tags)
		av.SetDisposition(st, s.Flags)
		bases = append(bases, m.base)
		for _, p := range m.packets {
			p.Track = i
			by := int64(s.Shift / m.base.Float())
			p.PTS, p.DTS = p.PTS+by, p.DTS+by
		}
		packets = append(packets, m.packets...)
	}
	slices.SortStableFunc(packets, func(a, b *media.Packet) int { return av.Compare(a.DTS, bases[a.Track], b.DTS, bases[b.Track]) })
	return r.mux(out, path, packets, bases)
}

// mux writes header, packets and trailer.
func (r Recipe) mux(out *astiav.FormatContext, path string, packets []*media.Packet, bases []media.Rational) error {
	av.SetMetadata(out, r.Tags)
	av.SetStrict(out, true)
	if r.Muxer != "image2" { // which opens files of its own
		_ = os.Remove(path)
		pb, err := astiav.OpenIOContext("file:"+path, astiav.NewIOContextFlags(astiav.IOContextFlagWrite))
		if err != nil {
			return err
		}
		out.SetPb(pb)
		defer pb.Close()
	}
	dict := dictionary(r.Options)
	defer dict.Free()
	if err := av.Explain(func() error { return out.WriteHeader(dict) }); err != nil {
		return err
	}
	pkt := astiav.AllocPacket()
	defer pkt.Free()
	for _, p := range packets {
		tb := out.Streams()[p.Track].TimeBase()
		q, to := *p, media.Rational{Num: tb.Num(), Den: tb.Den()}
		q.PTS, q.DTS, q.Duration = av.Rescale(p.PTS, bases[p.Track], to), av.Rescale(p.DTS, bases[p.Track], to), av.Rescale(p.Duration, bases[p.Track], to)
		pkt.Unref()
		if err := av.WritePacket(pkt, &q, p.Track); err != nil {
			return err
		}
		if err := av.Explain(func() error { return out.WriteInterleavedFrame(pkt) }); err != nil {
			return err
		}
	}
	return out.WriteTrailer()
}

func dictionary(m map[string]string) *astiav.Dictionary {
	d := astiav.NewDictionary()
	for k, v := range m {
		_ = d.Set(k, v, astiav.NewDictionaryFlags())
	}
	return d
}

// made is a stream with all its packets.
type made struct {
	params  *av.Params
	base    media.Rational
	packets []*media.Packet
}

func (s Stream) make(global bool) (m made, err error) {
	switch {
	case s.Attachment != nil:
		return made{params: av.NewAttachmentParams(astiav.CodecIDTtf, s.Attachment), base: media.Rational{Num: 1, Den: 1000}}, nil
	case s.Source == "":
		d := astiav.FindDecoderByName(s.Decoder)
		if d == nil {
			return m, fmt.Errorf("no decoder %s", s.Decoder)
		}
		m = made{params: av.NewTextParams(d.ID(), s.Extra), base: media.Rational{Num: 1, Den: 1000}}
		for _, p := range s.Packets {
			q := *p
			q.Key = true
			m.packets = append(m.packets, &q)
		}
		return m, nil
	}
	devices.Do(astiav.RegisterAllDevices)
	in := astiav.AllocFormatContext()
	if err := in.OpenInput(s.Source, astiav.FindInputFormat("lavfi"), nil); err != nil { // it frees the context
		return m, err
	}
	defer in.CloseInput()
	if err := in.FindStreamInfo(nil); err != nil {
		return m, err
	}
	c := coder{packet: astiav.AllocPacket(), frame: astiav.AllocFrame(), global: global, stream: s}
	defer c.free()
	return c.all(in)
}

// coder brings a source through an encoder.
type coder struct {
	stream   Stream
	global   bool // headers go in front
	packet   *astiav.Packet
	frame    *astiav.Frame
	dec, enc *astiav.CodecContext
	base     media.Rational
	rate     astiav.Rational // of frames
	out      []*media.Packet
}

func (c *coder) free() {
	c.packet.Free()
	c.frame.Free()
	for _, x := range []*astiav.CodecContext{c.dec, c.enc} {
		if x != nil {
			x.Free()
		}
	}
}

// all reads to the end of the source. What lavfi gives is uncompressed, so each packet is one frame.
func (c *coder) all(in *astiav.FormatContext) (m made, err error) {
	st := in.Streams()[0]
	d := astiav.FindDecoder(st.CodecParameters().CodecID())
	c.dec = astiav.AllocCodecContext(d)
	if err := st.CodecParameters().ToCodecContext(c.dec); err != nil {
		return m, err
	}
	if err := c.dec.Open(d, nil); err != nil {
		return m, err
	}
	tb := st.TimeBase()
	c.rate = in.GuessFrameRate(st, nil)
	c.base = media.Rational{Num: tb.Num(), Den: tb.Den()}
	for {
		c.packet.Unref()
		err := av.Err(in.ReadFrame(c.packet))
		if err == io.EOF {
			break
		}
		if err != nil {
			return m, err
		}
		if err := c.dec.SendPacket(c.packet); err != nil {
			return m, err
		}
		if err := c.dec.ReceiveFrame(c.frame); err != nil {
			return m, err
		}
		if c.enc == nil {
			if err := c.open(); err != nil {
				return m, err
			}
		}
		if err := c.encode(c.frame); err != nil {
			return m, err
		}
		c.frame.Unref()
	}
	if c.enc == nil {
		return m, fmt.Errorf("no frames from %s", c.stream.Source)
	}
	if err := c.encode(nil); err != nil {
		return m, err
	}
	p, err := av.EncoderParams(c.enc)
	if err != nil {
		return m, err
	}
	if r := c.rate; r.Num() > 0 && r.Den() > 0 {
		p.AverageRate = media.Rational{Num: r.Num(), Den: r.Den()}
	}
	p.SampleAspect = media.Rational{Num: c.enc.SampleAspectRatio().Num(), Den: max(c.enc.SampleAspectRatio().Den(), 1)}
	return made{p, c.base, c.out}, nil
}

// open opens the encoder for frames like the first one.
func (c *coder) open() error {
	e := astiav.FindEncoderByName(c.stream.Encoder)
	if e == nil {
		return fmt.Errorf("this FFmpeg has no encoder %s", c.stream.Encoder)
	}
	c.enc = astiav.AllocCodecContext(e)
	c.enc.SetTimeBase(astiav.NewRational(c.base.Num, c.base.Den))
	c.enc.SetThreadCount(1)
	if c.frame.Width() > 0 {
		c.enc.SetWidth(c.frame.Width())
		c.enc.SetHeight(c.frame.Height())
		c.enc.SetPixelFormat(c.frame.PixelFormat())
		c.enc.SetSampleAspectRatio(c.frame.SampleAspectRatio())
		c.enc.SetFramerate(c.rate)
	} else {
		c.enc.SetSampleRate(c.frame.SampleRate())
		c.enc.SetSampleFormat(c.frame.SampleFormat())
		c.enc.SetChannelLayout(astiav.ChannelLayoutMono)
	}
	if c.global {
		av.SetGlobalHeader(c.enc)
	}
	dict := dictionary(c.stream.Options)
	defer dict.Free()
	return av.Explain(func() error { return c.enc.Open(e, dict) })
}

// encode hands a frame over, nil at the end, and takes what is ready.
func (c *coder) encode(f *astiav.Frame) error {
	if f != nil {
		f.SetPictureType(astiav.PictureTypeNone)
		if f.Width() == 0 {
			f.SetChannelLayout(astiav.ChannelLayoutMono)
		}
	}
	if err := av.Explain(func() error { return c.enc.SendFrame(f) }); err != nil {
		return err
	}
	out := astiav.AllocPacket()
	defer out.Free()
	for {
		out.Unref()
		switch err := av.Err(c.enc.ReceivePacket(out)); err {
		case nil:
			p := av.ReadPacket(out)
			if r := c.rate; p.Duration == 0 && r.Num() > 0 && r.Den() > 0 && c.enc.Width() > 0 {
				p.Duration = av.Rescale(1, media.Rational{Num: r.Den(), Den: r.Num()}, c.base)
			}
			if p.DTS == media.NoTime {
				p.DTS = p.PTS
			}
			c.out = append(c.out, p)
		case av.ErrAgain, io.EOF:
			return nil
		default:
			return err
		}
	}
}
