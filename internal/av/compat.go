package av

// #include "av.h"
import "C"

import (
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// PixelFormats lists what an encoder takes, best first as FFmpeg has it; nil means any.
func PixelFormats(enc *astiav.Codec) []astiav.PixelFormat {
	var out []astiav.PixelFormat
	for p := C.vsr_codec_pixel_formats((*C.AVCodec)(pointer(enc))); p != nil && *p != C.AV_PIX_FMT_NONE; {
		out = append(out, astiav.PixelFormat(*p))
		p = (*C.enum_AVPixelFormat)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p)))
	}
	return out
}

// RefusesBadAperture reports whether this FFmpeg does not open MP4 and QuickTime files with a clap box that makes no sense.
func RefusesBadAperture() bool { return C.avformat_version()>>16 >= 61 }

// MP4HoldsPCM reports whether FFmpeg writes uncompressed audio into MP4, as ISO/IEC 23003-5 has it: from 6.0 on.
func MP4HoldsPCM() bool { return C.avformat_version()>>16 >= 60 }

// MatroskaAddsDelay reports whether FFmpeg's Matroska muxer takes an encoder's delay off the time stamps by itself.
func MatroskaAddsDelay() bool { return C.vsr_matroska_adds_delay() != 0 }
