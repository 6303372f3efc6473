package av

// #include "av.h"
import "C"

import (
	"runtime"
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// Params is all that a muxer needs to know of a stream, independent of the context that it was read from. It is never written to after it is made.
type Params struct {
	SideData     []media.SideData // AVPacketSideDataType
	AverageRate  media.Rational   // avg_frame_rate
	RealRate     media.Rational   // r_frame_rate
	SampleAspect media.Rational
	Frame        *media.Packet // the packet of a cover frame, nil for other streams

	c *C.AVCodecParameters
}

func newParams() *Params {
	p := &Params{c: C.avcodec_parameters_alloc()}
	runtime.AddCleanup(p, func(c *C.AVCodecParameters) { C.avcodec_parameters_free(&c) }, p.c)
	return p
}

// ReadParams copies the parameters of a stream of an opened input.
func ReadParams(s *astiav.Stream) (*Params, error) {
	p, st := newParams(), stream(s)
	if err := check(C.avcodec_parameters_copy(p.c, st.codecpar)); err != nil {
		return nil, err
	}
	p.AverageRate, p.RealRate, p.SampleAspect = rational(st.avg_frame_rate), rational(st.r_frame_rate), rational(st.sample_aspect_ratio)
	var list *C.AVPacketSideData
	n := C.vsr_stream_side_data(st, &list)
	for _, sd := range unsafe.Slice(list, n) {
		p.SideData = append(p.SideData, media.SideData{Type: int(sd._type), Data: C.GoBytes(unsafe.Pointer(sd.data), C.int(sd.size))})
	}
	if st.disposition&C.AV_DISPOSITION_ATTACHED_PIC != 0 && st.attached_pic.size > 0 {
		p.Frame = packet(&st.attached_pic)
	}
	return p, nil
}

// EncoderParams copies the parameters of an opened encoder.
func EncoderParams(cc *astiav.CodecContext) (*Params, error) {
	p := newParams()
	x := (*C.AVCodecContext)(pointer(cc))
	if err := check(C.avcodec_parameters_from_context(p.c, x)); err != nil {
		return nil, err
	}
	if x.pix_fmt == C.AV_PIX_FMT_CUDA { // the stream does not know where its frames were
		p.c.format = C.int(x.sw_pix_fmt)
	}
	return p, nil
}

// NewTextParams makes the parameters of a subtitle stream of the given codec (subrip, mov_text, webvtt).
func NewTextParams(id astiav.CodecID, extradata []byte) *Params {
	p := newParams()
	p.c.codec_type, p.c.codec_id = C.AVMEDIA_TYPE_SUBTITLE, C.enum_AVCodecID(id)
	p.setExtra(extradata)
	return p
}

// NewAttachmentParams makes the parameters of an attachment that holds data.
func NewAttachmentParams(id astiav.CodecID, data []byte) *Params {
	p := newParams()
	p.c.codec_type, p.c.codec_id = C.AVMEDIA_TYPE_ATTACHMENT, C.enum_AVCodecID(id)
	p.setExtra(data)
	return p
}

func (p *Params) setExtra(b []byte) {
	if len(b) == 0 {
		return
	}
	p.c.extradata = (*C.uint8_t)(C.av_mallocz(C.size_t(len(b) + C.AV_INPUT_BUFFER_PADDING_SIZE)))
	p.c.extradata_size = C.int(copy(unsafe.Slice((*byte)(p.c.extradata), len(b)), b))
}

// Apply writes the parameters onto a new stream of an output, with a codec tag that the format knows.
func (p *Params) Apply(fc *astiav.FormatContext, s *astiav.Stream) error {
	st := stream(s)
	if err := check(C.avcodec_parameters_copy(st.codecpar, p.c)); err != nil {
		return err
	}
	st.codecpar.codec_tag = C.vsr_output_tag(formatOf(fc).oformat, p.c.codec_id, p.c.codec_tag)
	st.avg_frame_rate = C.AVRational{num: C.int(p.AverageRate.Num), den: C.int(p.AverageRate.Den)}
	st.r_frame_rate = C.AVRational{num: C.int(p.RealRate.Num), den: C.int(p.RealRate.Den)}
	st.sample_aspect_ratio = C.AVRational{num: C.int(p.SampleAspect.Num), den: C.int(p.SampleAspect.Den)}
	for _, sd := range p.SideData {
		if err := AddStreamSideData(s, sd); err != nil {
			return err
		}
	}
	return nil
}

// AddStreamSideData attaches side data to an output stream.
func AddStreamSideData(s *astiav.Stream, sd media.SideData) error {
	b := C.vsr_stream_new_side_data(stream(s), C.enum_AVPacketSideDataType(sd.Type), C.size_t(len(sd.Data)))
	if b == nil {
		return &Error{Code: -int(C.ENOMEM)}
	}
	copy(unsafe.Slice((*byte)(b), len(sd.Data)), sd.Data)
	return nil
}

// CodecID returns FFmpeg's AVCodecID.
func (p *Params) CodecID() astiav.CodecID { return astiav.CodecID(p.c.codec_id) }

// CodecName returns FFmpeg's name of the codec, "none" if it has none.
func (p *Params) CodecName() string { return C.GoString(C.avcodec_get_name(p.c.codec_id)) }

// Tag returns the codec tag (FourCC) of the container, as text.
func (p *Params) Tag() string {
	t := uint32(p.c.codec_tag)
	return printable(string([]byte{byte(t), byte(t >> 8), byte(t >> 16), byte(t >> 24)}))
}

// Size returns the frame size of a video stream.
func (p *Params) Size() (w, h int) { return int(p.c.width), int(p.c.height) }

// PixelFormat returns the pixel format of a video stream.
func (p *Params) PixelFormat() astiav.PixelFormat { return astiav.PixelFormat(p.c.format) }

// Color returns the colour tags of a video stream.
func (p *Params) Color() media.Color {
	return media.Color{Matrix: media.Matrix(p.c.color_space), Range: media.Range(p.c.color_range), Primaries: media.Primaries(p.c.color_primaries),
		Transfer: media.Transfer(p.c.color_trc), Siting: media.Siting(p.c.chroma_location)}
}

// VideoDelay returns by how many frames a decoder reorders them.
func (p *Params) VideoDelay() int { return int(p.c.video_delay) }

// Interlaced reports whether the stream's field order says so.
func (p *Params) Interlaced() bool { return p.c.field_order > C.AV_FIELD_PROGRESSIVE }

// BitsPerSample returns the depth that an audio stream states, 0 if none.
func (p *Params) BitsPerSample() int {
	return int(max(p.c.bits_per_raw_sample, p.c.bits_per_coded_sample))
}

// SampleRate returns the sample rate of an audio stream.
func (p *Params) SampleRate() int { return int(p.c.sample_rate) }

// Channels returns the number of channels of an audio stream.
func (p *Params) Channels() int { return int(p.c.ch_layout.nb_channels) }

// ExtraData copies the codec's headers.
func (p *Params) ExtraData() []byte {
	return C.GoBytes(unsafe.Pointer(p.c.extradata), p.c.extradata_size)
}

// SetInitialPadding says how many samples at the start of an output's sound only prime the decoder (the codec delay of Opus in Matroska).
func SetInitialPadding(s *astiav.Stream, samples int) {
	stream(s).codecpar.initial_padding = C.int(samples)
}
