package av

// #include "av.h"
import "C"

import (
	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// Side is one end of a Scaler.
type Side struct {
	Width, Height int
	Pixels        astiav.PixelFormat
	Matrix        media.Matrix
	Full          bool // range; RGB is always full
}

// Scaler converts frames to another size, pixel format, matrix and range, by swscale. Unlike astiav's it knows both ranges from
// the start: swscale copies frames of one size and format as they are when the ranges come later.
type Scaler struct{ c *C.struct_SwsContext }

// NewScaler returns a Scaler, or nil if swscale cannot convert between the two. Free it.
func NewScaler(from, to Side) *Scaler {
	b := map[bool]C.int{true: 1}
	c := C.vsr_scale_new(C.int(from.Width), C.int(from.Height), C.int(from.Pixels), b[from.Full], C.int(to.Width), C.int(to.Height), C.int(to.Pixels), b[to.Full],
		C.int(ScaleFlags))
	if c == nil {
		return nil
	}
	// It says no where both sides have no matrix, as gray, and needs none there.
	C.vsr_scale_color(c, swsMatrix(from.Matrix), b[from.Full], swsMatrix(to.Matrix), b[to.Full])
	return &Scaler{c}
}

// Scale converts src into dst, whose memory must be there.
func (s *Scaler) Scale(dst, src *astiav.Frame) error {
	return check(C.sws_scale_frame(s.c, (*C.AVFrame)(dst.UnsafePointer()), (*C.AVFrame)(src.UnsafePointer())))
}

// Free releases the Scaler.
func (s *Scaler) Free() {
	C.sws_freeContext(s.c)
	s.c = nil
}
