package av

// #include "av.h"
import "C"

import (
	"sync/atomic"
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// Concealed counts the frames that a decoder mended because their data were damaged.
//
// The frames carry a mark as well (AVFrame.decode_error_flags), but with several frame threads FFmpeg before 6.1 may hand a frame
// out before the thread that decodes it has set the mark. Its log line is never lost.
type Concealed struct {
	n    *C.vsr_concealed
	base int64
}

// CountConcealed starts to count. Call it before the decoder is opened, after NewLog; free it after the decoder.
func CountConcealed(decoder *astiav.CodecContext) *Concealed {
	return &Concealed{n: C.vsr_concealed_new((*C.AVCodecContext)(pointer(decoder)))}
}

// Frames returns how many there were since the start or the last Reset.
func (c *Concealed) Frames() int64 {
	return atomic.LoadInt64((*int64)(unsafe.Pointer(&c.n.pictures))) - c.base
}

// Reset starts from 0.
func (c *Concealed) Reset() { c.base += c.Frames() }

// Free releases the counter.
func (c *Concealed) Free() {
	C.free(unsafe.Pointer(c.n))
	c.n = nil
}
