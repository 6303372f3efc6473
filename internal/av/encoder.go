package av

// #include "av.h"
import "C"

import (
	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// SetEncoderColor writes colour tags onto an encoder before it is opened.
func SetEncoderColor(cc *astiav.CodecContext, c media.Color) {
	x := (*C.AVCodecContext)(pointer(cc))
	x.colorspace = C.enum_AVColorSpace(c.Matrix)
	x.color_range = C.enum_AVColorRange(c.Range)
	x.color_primaries = C.enum_AVColorPrimaries(c.Primaries)
	x.color_trc = C.enum_AVColorTransferCharacteristic(c.Transfer)
	x.chroma_sample_location = C.enum_AVChromaLocation(c.Siting)
}

// SetRate sets an encoder's bit rate limits, in bits and bits a second; 0 leaves a value alone.
func SetRate(cc *astiav.CodecContext, rate, maximum, buffer int64) {
	x := (*C.AVCodecContext)(pointer(cc))
	if rate > 0 {
		x.bit_rate = C.int64_t(rate)
	}
	if maximum > 0 {
		x.rc_max_rate = C.int64_t(maximum)
	}
	if buffer > 0 {
		x.rc_buffer_size = C.int(min(buffer, 1<<31-1))
	}
}

// SetNoReorder forbids B-frames.
func SetNoReorder(cc *astiav.CodecContext) { (*C.AVCodecContext)(pointer(cc)).max_b_frames = 0 }

// SetPacketTimeBase tells a decoder the time base of its packets.
func SetPacketTimeBase(cc *astiav.CodecContext, tb media.Rational) {
	(*C.AVCodecContext)(pointer(cc)).pkt_timebase = C.AVRational{num: C.int(tb.Num), den: C.int(tb.Den)}
}

// SetGlobalHeader makes an encoder put its headers into extradata only.
func SetGlobalHeader(cc *astiav.CodecContext) {
	(*C.AVCodecContext)(pointer(cc)).flags |= C.AV_CODEC_FLAG_GLOBAL_HEADER
}

// FlushDecoder throws away a decoder's state, after a seek.
func FlushDecoder(cc *astiav.CodecContext) {
	C.avcodec_flush_buffers((*C.AVCodecContext)(pointer(cc)))
}
