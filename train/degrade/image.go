package degrade

import "fmt"

// Image is an interleaved RGB image, float32, nominally in [0,1]. Sample c of pixel (x, y) is Pix[(y*W+x)*3+c]. // [H,W,3]
type Image struct {
	W, H int
	Pix  []float32
}

// NewImage returns a black image.
func NewImage(w, h int) Image { return Image{W: w, H: h, Pix: make([]float32, w*h*3)} }

// Row returns the samples of row y.
func (m Image) Row(y int) []float32 { return m.Pix[y*m.W*3 : (y+1)*m.W*3 : (y+1)*m.W*3] }

// Clone returns a copy that shares nothing with m.
func (m Image) Clone() Image {
	return Image{W: m.W, H: m.H, Pix: append([]float32(nil), m.Pix...)}
}

// Crop copies the w x h window whose top-left pixel is (x, y). It panics if the window leaves the image.
func (m Image) Crop(x, y, w, h int) Image {
	if x < 0 || y < 0 || w < 1 || h < 1 || x+w > m.W || y+h > m.H {
		panic(fmt.Sprintf("degrade: crop %dx%d at %d,%d of a %dx%d image", w, h, x, y, m.W, m.H))
	}
	out := NewImage(w, h)
	for r := range h {
		copy(out.Row(r), m.Pix[((y+r)*m.W+x)*3:])
	}
	return out
}

// CropMultiple drops rows and columns at the bottom and right until both sides are multiples of s.
func (m Image) CropMultiple(s int) Image {
	w, h := m.W/s*s, m.H/s*s
	if w == m.W && h == m.H {
		return m
	}
	return m.Crop(0, 0, w, h)
}

// FromBytes converts interleaved 8-bit RGB, w*h*3 bytes.
func FromBytes(w, h int, rgb []byte) Image {
	m := NewImage(w, h)
	for i := range m.Pix {
		m.Pix[i] = byteValue[rgb[i]]
	}
	return m
}

// Bytes converts to interleaved 8-bit RGB: clamp, then round half to even.
func (m Image) Bytes() []byte {
	out := make([]byte, len(m.Pix))
	for i, v := range m.Pix {
		out[i] = quantum(v)
	}
	return out
}

// Quantise clamps every sample to [0,1] and rounds it to a multiple of 1/255, halves to even, in place.
func (m Image) Quantise() {
	for i, v := range m.Pix {
		m.Pix[i] = byteValue[quantum(v)]
	}
}

// Clamp limits every sample to [0,1] in place.
func (m Image) Clamp() {
	for i, v := range m.Pix {
		m.Pix[i] = min(max(v, 0), 1)
	}
}

// byteValue is b/255 for every byte.
var byteValue = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(float64(i) / 255)
	}
	return t
}()

// quantum rounds v*255 half to even. Adding and subtracting 2^23 rounds a float32 in that way in hardware; NaN becomes 0.
func quantum(v float32) byte {
	v *= 255
	if !(v > 0) {
		return 0
	}
	if v >= 255 {
		return 255
	}
	const magic = 1 << 23
	return byte((v + magic) - magic)
}

// BytesToFloats writes b/255 for every byte of src into dst, which has the same length.
func BytesToFloats(dst []float32, src []byte) {
	for i, b := range src {
		dst[i] = byteValue[b]
	}
}
