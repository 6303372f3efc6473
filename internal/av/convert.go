package av

// #include "av.h"
import "C"

import (
	"io"
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// AudioConverter turns the packets of an audio stream into those of another codec. Gaps in time stay.
type AudioConverter struct {
	c       *C.vsr_audio
	in, out *astiav.Packet
	params  *Params
	rate    int
	bits    int64
}

// NewAudioConverter opens a decoder for a stream with times in tb and FFmpeg's encoder. bitsAChannel is the bit rate of a channel, for lossy
// encoders; bitsASample the depth for lossless ones, 0 for that of the decoder's samples; audio of more than mostChannels is mixed down to so
// many, 0 keeps all. Close it.
func NewAudioConverter(p *Params, tb media.Rational, encoder string, bitsAChannel int64, bitsASample, mostChannels int) (*AudioConverter, error) {
	NewLog(nil, "") // encoders would print on stderr
	name := C.CString(encoder)
	defer C.free(unsafe.Pointer(name))
	a := &AudioConverter{}
	err := Explain(func() error {
		return check(C.vsr_audio_open(&a.c, p.c, C.AVRational{num: C.int(tb.Num), den: C.int(tb.Den)}, name, C.int64_t(bitsAChannel), C.int(bitsASample), C.int(mostChannels)))
	})
	if err != nil {
		return nil, err
	}
	cc := C.vsr_audio_encoder(a.c)
	a.rate, a.bits = int(cc.sample_rate), int64(cc.bit_rate)
	a.params = newParams()
	if err := check(C.avcodec_parameters_from_context(a.params.c, cc)); err != nil {
		a.Close()
		return nil, err
	}
	a.in, a.out = astiav.AllocPacket(), astiav.AllocPacket()
	return a, nil
}

// Params describes the stream that comes out.
func (a *AudioConverter) Params() *Params { return a.params }

// TimeBase is that of the packets that come out.
func (a *AudioConverter) TimeBase() media.Rational { return media.Rational{Num: 1, Den: a.rate} }

// BitRate of the encoder, in bits a second, 0 for lossless ones.
func (a *AudioConverter) BitRate() int64 { return a.bits }

// Convert hands a packet in and returns those that are ready. An error about the packet's data leaves the converter in order.
func (a *AudioConverter) Convert(p *media.Packet) ([]*media.Packet, error) {
	a.in.Unref()
	if err := WritePacket(a.in, p, 0); err != nil {
		return nil, err
	}
	if err := check(C.vsr_audio_send(a.c, (*C.AVPacket)(pointer(a.in)))); err != nil && err != io.EOF {
		return nil, err
	}
	return a.ready()
}

// Finish returns the packets that were still inside.
func (a *AudioConverter) Finish() ([]*media.Packet, error) {
	if err := check(C.vsr_audio_drain(a.c)); err != nil && err != io.EOF {
		return nil, err
	}
	list, err := a.ready()
	if err != nil {
		return list, err
	}
	if err := check(C.vsr_audio_finish(a.c)); err != nil && err != io.EOF {
		return list, err
	}
	more, err := a.ready()
	return append(list, more...), err
}

func (a *AudioConverter) ready() (list []*media.Packet, err error) {
	for {
		a.out.Unref()
		switch err := check(C.vsr_audio_receive(a.c, (*C.AVPacket)(pointer(a.out)))); err {
		case nil:
			list = append(list, ReadPacket(a.out))
		case ErrAgain, io.EOF:
			return list, nil
		default:
			return list, err
		}
	}
}

// Close frees everything.
func (a *AudioConverter) Close() {
	C.vsr_audio_free(a.c)
	a.c = nil
	if a.in != nil {
		a.in.Free()
		a.out.Free()
	}
}

// HasEncoder reports whether this FFmpeg has the encoder.
func HasEncoder(name string) bool { return astiav.FindEncoderByName(name) != nil }
