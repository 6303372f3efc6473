package encode

import (
	"fmt"
	"math"
	"os"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// open sets up the encoder and s.info, whose video track describes what it puts out.
func (s *Sink) open(info *media.Info) error {
	c := s.codec
	enc := astiav.FindEncoderByName(c.encoder)
	if enc == nil {
		return &RequestError{Reason: "this FFmpeg has no encoder " + c.encoder}
	}
	pixels, err := choosePixels(c.pixelFormats(enc), info.Format, s.opt.PixFmt, c.gpu, s.keepsRGB())
	if err != nil {
		return err
	}
	coded := pixels
	if c.name == "gif" {
		pixels, coded = astiav.PixelFormatBgra, astiav.PixelFormatPal8
	}
	if s.opt.TakesGPU(info.Format) {
		if err := s.openDoor(info.Format); err != nil {
			return err
		}
		if !s.door.down {
			pixels = gpuPixels(info.Format)
		}
	}
	w, h := s.size(info, pixels)
	s.note(info, pixels, w, h)
	s.color = c.colorOf(info.Format, pixels)
	if d, _ := av.DescribePixels(pixels); s.codec.name == "prores" && !d.RGB && s.color.Range == media.RangeFull {
		s.color.Range = media.RangeLimited
		s.actions[0].Why = joinWhy(s.actions[0].Why, "full range is stored as limited range: prores knows no other")
	}
	if err := s.openEncoder(enc, info, coded, w, h); err != nil {
		return err
	}
	if s.packet = astiav.AllocPacket(); s.packet == nil {
		return fmt.Errorf("out of memory")
	}
	if s.pic, err = newAVFrame(w, h, pixels); err != nil {
		return err
	}
	s.pic.palette = coded != pixels
	return s.describe(info)
}

// openEncoder makes s.encoder for frames of w x h.
func (s *Sink) openEncoder(enc *astiav.Codec, info *media.Info, pixels astiav.PixelFormat, w, h int) error {
	c := s.codec
	s.encoder = astiav.AllocCodecContext(enc)
	s.encoder.SetWidth(w)
	s.encoder.SetHeight(h)
	s.encoder.SetPixelFormat(pixels)
	if s.door != nil && !s.door.down {
		if err := av.EncodeOnGPU(s.encoder, s.door.frames); err != nil {
			return err
		}
	}
	s.encoder.SetThreadCount(s.opt.Threads)
	sar := info.SampleAspect
	s.encoder.SetSampleAspectRatio(astiav.NewRational(sar.Num, max(sar.Den, 1)))
	av.SetEncoderColor(s.encoder, s.color)

	tb := info.VideoTrack().TimeBase
	rate := frameRate(info)
	if rate.Num > 0 {
		s.encoder.SetFramerate(astiav.NewRational(rate.Num, rate.Den))
	}
	s.encoder.SetTimeBase(astiav.NewRational(tb.Num, tb.Den))
	if c.rated {
		if rate.Num <= 0 {
			rate = media.Rational{Num: 25, Den: 1}
		}
		s.encoder.SetTimeBase(astiav.NewRational(rate.Den, rate.Num))
	}
	if c.name != "prores" && c.name != "ffv1" && !c.image() {
		s.encoder.SetGopSize(int(max(1, math.Round(s.opt.KeyframeSeconds*max(rate.Float(), 1)))))
	}
	s.rates()
	for _, w := range s.writers {
		if h, ok := w.(headerWriter); ok && h.GlobalHeader() {
			av.SetGlobalHeader(s.encoder)
		}
	}
	return s.openCodec(enc, info)
}

// rates sets bit rate and B-frames for live output.
func (s *Sink) rates() {
	buffer := int64(float64(s.opt.BitRate) * s.opt.BufferSeconds)
	if s.opt.ZeroLatency {
		av.SetNoReorder(s.encoder)
	}
	switch {
	case s.opt.BitRate == 0:
	case s.codec.name == "x264" || s.codec.name == "x265": // constant quality, capped
		av.SetRate(s.encoder, 0, s.opt.BitRate, buffer)
	default:
		av.SetRate(s.encoder, s.opt.BitRate, s.opt.BitRate, buffer)
	}
}

func (s *Sink) openCodec(enc *astiav.Codec, info *media.Info) error {
	p := &private{dict: map[string]string{}}
	s.codec.set(s.opt, s.codec, info, p)
	if len(p.params) > 0 {
		p.dict[strings.TrimSuffix(strings.TrimPrefix(s.codec.encoder, "lib"), "rgb")+"-params"] = strings.Join(p.params, ":")
	}
	if s.codec.name == "prores" {
		p.dict["profile"] = proresProfile(s.encoder.PixelFormat())
	}
	for k, v := range s.opt.FFmpeg {
		p.dict[k] = v
	}
	if s.codec.name == "svtav1" && os.Getenv("SVT_LOG") == "" {
		_ = os.Setenv("SVT_LOG", "1") // the library prints on stderr, and only its environment stops it
	}
	dict := astiav.NewDictionary()
	defer dict.Free()
	for k, v := range p.dict {
		if err := dict.Set(k, v, astiav.NewDictionaryFlags()); err != nil {
			return av.Err(err)
		}
	}
	if err := av.Explain(func() error { return s.encoder.Open(enc, dict) }); err != nil {
		e := &RequestError{Reason: fmt.Sprintf("%s refuses %v with preset %q", s.codec.name, info.Format, s.opt.Preset), Err: err}
		if s.codec.gpu {
			e.Hint = "it needs an NVIDIA GPU with NVENC and its driver; x264 and x265 run everywhere"
		}
		return e
	}
	if s.codec.name == "svtav1" {
		ordinaryThreads()
	}
	if e := dict.Get("", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagIgnoreSuffix)); e != nil {
		return &RequestError{Reason: fmt.Sprintf("%s has no option %q", s.codec.name, e.Key())}
	}
	return nil
}

// keepsRGB reports whether RGB is stored as RGB: by codecs that are made for it, and where not a bit may be lost. Others code luma and chroma
// far better.
func (s *Sink) keepsRGB() bool {
	return s.codec.rgb || s.opt.CRF == -1
}

// forLossless is the encoder to take where nothing may be lost: FFmpeg has x264 a second time, for RGB of 8 bits.
func (c codec) forLossless(f media.Format, o Options) codec {
	if rgb, err := findCodec("x264rgb"); c.name == "x264" && o.CRF == -1 && o.PixFmt == "" && f.RGB() && f.Depth == 8 && err == nil {
		c.encoder, c.even = rgb.encoder, false
	}
	return c
}

// colorOf is what the samples of an encoder's pixel format mean, for frames of f.
func colorOf(f media.Format, pixels astiav.PixelFormat) media.Color {
	c := f.Color
	switch d, _ := av.DescribePixels(pixels); {
	case d.RGB:
		c.Matrix, c.Range, c.Siting = media.MatrixRGB, media.RangeFull, 0
	case f.RGB():
		if c.Matrix, c.Range = media.MatrixBT709, media.RangeLimited; c.Primaries == media.PrimariesBT2020 {
			c.Matrix = media.MatrixBT2020NCL
		}
		if d.Components == 1 {
			c.Range = media.RangeFull
		}
	}
	return c
}

// proresProfile is HQ for 4:2:2 and 4444 for the rest.
func proresProfile(p astiav.PixelFormat) string {
	if d, ok := av.DescribePixels(p); ok && d.ShiftX == 0 {
		return "4"
	}
	return "3"
}

// size is the frame size inside the stream: one larger where the codec wants even numbers.
func (s *Sink) size(info *media.Info, pixels astiav.PixelFormat) (w, h int) {
	w, h = info.Format.Width, info.Format.Height
	d, ok := av.DescribePixels(pixels)
	if !s.codec.even || !ok || d.Components == 1 {
		return w, h
	}
	if d.ShiftX > 0 {
		w += w & 1
	}
	if d.ShiftY > 0 {
		h += h & 1
	}
	return w, h
}

// note records what the video track had to give up.
func (s *Sink) note(info *media.Info, pixels astiav.PixelFormat, w, h int) {
	var why string
	f := info.Format
	if w != f.Width || h != f.Height {
		why = fmt.Sprintf("padded from %dx%d to %dx%d, because %s needs even sizes", f.Width, f.Height, w, h, s.codec.name)
	}
	out, ok := av.DescribePixels(pixels)
	same := f.Layout == media.YUV420 && pixels == gpuPixels(f) || f.RGB() && out.RGB && out.Depth >= f.Depth // only the order in memory is another
	switch name := pixelName(f); {
	case same || name == pixels.String():
	case f.RGB():
		why = joinWhy(why, fmt.Sprintf("%s %s", RGBStored, pixels))
		if d := s.codec.name; out.ShiftX == 0 && d != "prores" && d != "ffv1" {
			why += ", which few TVs and browsers play: Options.PixFmt yuv420p is for them, and ffv1, png and x264rgb keep RGB"
		}
	default:
		why = joinWhy(why, fmt.Sprintf("%s stored as %s", name, pixels))
	}
	if f.Alpha && ok && !out.Alpha {
		why = joinWhy(why, AlphaDropped)
	}
	s.actions = []StreamAction{{Index: info.Video, Type: "video", Codec: s.codec.name, Action: Encoded, Why: why}}
}

// AlphaDropped is what an action says of a video whose alpha channel the encoder cannot hold.
const AlphaDropped = "the alpha channel is dropped"

// RGBStored is what an action says, before the pixel format, of RGB that becomes luma and chroma.
const RGBStored = "RGB is stored as"

// frameRate is the average rate with a denominator that encoders take, 0/1 if unknown.
func frameRate(info *media.Info) media.Rational {
	r := info.FrameRate
	if r.Num <= 0 || r.Den <= 0 || r.Float() > 1000 {
		return media.Rational{Num: 0, Den: 1}
	}
	return r
}

// describe makes s.info: the input's description with the encoder's video track.
func (s *Sink) describe(info *media.Info) error {
	p, err := av.EncoderParams(s.encoder)
	if err != nil {
		return err
	}
	out := *info
	out.Tracks = append([]media.Track{}, info.Tracks...)
	v := &out.Tracks[out.Video]
	src, _ := v.Params.(*av.Params)
	p.SampleAspect, p.AverageRate = info.SampleAspect, frameRate(info)
	s.enlarged = av.Enlarged{Width: info.Format.Width, Height: info.Format.Height, X: 1, Y: 1}
	if src != nil {
		if w, h := src.Size(); w > 0 && h > 0 {
			s.enlarged.X, s.enlarged.Y = float64(info.Format.Width)/float64(w), float64(info.Format.Height)/float64(h)
		}
	}
	p.SideData = sideData(info, src)
	v.Codec, v.Params = p.CodecName(), p
	s.info = &out
	return nil
}

// sideData is the stream side data of the output, with the shift inside a display matrix scaled to the new size.
func sideData(info *media.Info, src *av.Params) []media.SideData {
	var out []media.SideData
	for _, sd := range info.VideoSideData {
		switch sd.Type {
		case av.PacketDolbyVision: // the enhancement belongs to the old frame
			continue
		case av.PacketDisplayMatrix:
			if src != nil {
				w, h := src.Size()
				sd.Data = scaleMatrix(sd.Data, info.Format.Width, w, info.Format.Height, h)
			}
		}
		out = append(out, sd)
	}
	return out
}
