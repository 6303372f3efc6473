package encode

import "encoding/binary"

// scaleMatrix scales the shift (elements 6 and 7, 16.16 fixed point pixels) of a display matrix from frame size w x h to nw x nh.
func scaleMatrix(b []byte, nw, w, nh, h int) []byte {
	if len(b) < 36 || w <= 0 || h <= 0 {
		return b
	}
	out := append([]byte{}, b...)
	scale := func(i, num, den int) {
		v := int64(int32(binary.NativeEndian.Uint32(b[4*i:])))
		binary.NativeEndian.PutUint32(out[4*i:], uint32(int32(v*int64(num)/int64(den))))
	}
	// A quarter turn moves by the frame's height where an upright one moves by its width; both grow by nearly the same factor.
	scale(6, nw, w)
	scale(7, nh, h)
	return out
}
