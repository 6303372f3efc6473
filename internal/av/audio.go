package av

// #include "av.h"
import "C"

import (
	"io"
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// AudioEncoder compresses mono sound, to give generated clips a sound track.
type AudioEncoder struct {
	cc     *astiav.CodecContext
	frame  *astiav.Frame
	packet *astiav.Packet
	params *Params
	next   int64 // first sample of the next frame
}

// NewAudioEncoder opens an AAC encoder for mono sound at rate samples a second. Its packets are in 1/rate s.
func NewAudioEncoder(rate int) (*AudioEncoder, error) {
	codec := astiav.FindEncoder(astiav.CodecIDAac)
	if codec == nil {
		return nil, &Error{Code: int(astiav.ErrEncoderNotFound)}
	}
	e := &AudioEncoder{cc: astiav.AllocCodecContext(codec), packet: astiav.AllocPacket(), frame: astiav.AllocFrame()}
	e.cc.SetSampleRate(rate)
	e.cc.SetSampleFormat(astiav.SampleFormatFltp)
	e.cc.SetChannelLayout(astiav.ChannelLayoutMono)
	e.cc.SetBitRate(64000)
	e.cc.SetTimeBase(astiav.NewRational(1, rate))
	SetGlobalHeader(e.cc)
	if err := Err(e.cc.Open(codec, nil)); err != nil {
		e.Close()
		return nil, err
	}
	e.frame.SetNbSamples(e.cc.FrameSize())
	e.frame.SetSampleRate(rate)
	e.frame.SetSampleFormat(astiav.SampleFormatFltp)
	e.frame.SetChannelLayout(astiav.ChannelLayoutMono)
	err := Err(e.frame.AllocBuffer(0))
	if err == nil {
		e.params, err = EncoderParams(e.cc)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Params describes the stream.
func (e *AudioEncoder) Params() *Params { return e.params }

// FrameSize is how many samples Encode takes.
func (e *AudioEncoder) FrameSize() int { return e.cc.FrameSize() }

// Encode takes FrameSize samples in -1..1, or nil at the end, and returns the packets that are ready.
func (e *AudioEncoder) Encode(samples []float32) ([]*media.Packet, error) {
	var in *astiav.Frame
	if samples != nil {
		if err := MakeWritable(e.frame); err != nil {
			return nil, err
		}
		c := (*C.AVFrame)(e.frame.UnsafePointer())
		copy(unsafe.Slice((*float32)(unsafe.Pointer(c.data[0])), e.cc.FrameSize()), samples)
		e.frame.SetPts(e.next)
		e.next += int64(e.cc.FrameSize())
		in = e.frame
	}
	if err := Err(e.cc.SendFrame(in)); err != nil && err != io.EOF {
		return nil, err
	}
	var out []*media.Packet
	for {
		e.packet.Unref()
		switch err := Err(e.cc.ReceivePacket(e.packet)); err {
		case nil:
			out = append(out, ReadPacket(e.packet))
		case ErrAgain, io.EOF:
			return out, nil
		default:
			return out, err
		}
	}
}

// Close releases the encoder.
func (e *AudioEncoder) Close() {
	e.cc.Free()
	e.frame.Free()
	e.packet.Free()
}
