package media

import (
	"fmt"
	"log/slog"
)

// Layout is the chroma subsampling of a planar frame.
type Layout uint8

// The layouts that the network engines accept.
const (
	Gray   Layout = iota // one luma plane
	YUV420               // chroma halved in both directions
	YUV422               // chroma halved horizontally
	YUV444               // chroma at full size; with MatrixRGB the planes are green, blue and red
)

// String returns the FFmpeg-style name of the layout.
func (l Layout) String() string {
	switch l {
	case Gray:
		return "gray"
	case YUV420:
		return "yuv420p"
	case YUV422:
		return "yuv422p"
	case YUV444:
		return "yuv444p"
	}
	return fmt.Sprintf("layout(%d)", uint8(l))
}

// Shift returns the base-2 logarithms of the horizontal and vertical chroma subsampling.
func (l Layout) Shift() (x, y uint) {
	switch l {
	case YUV420:
		return 1, 1
	case YUV422:
		return 1, 0
	}
	return 0, 0
}

// Format is everything that two frames must share to be processed by the same plan. It is comparable, so it serves as a map key.
type Format struct {
	Width, Height int // luma samples, at least 1
	Layout        Layout
	Depth         int // bits a sample, 8 to 16; 8 is stored in one byte, more in two (little endian, low bits)
	Alpha         bool
	Color         Color
}

// Planes returns how many planes a frame of this format has: 1 for gray, 3 for YUV, one more with alpha.
func (f Format) Planes() int {
	n := 3
	if f.Layout == Gray {
		n = 1
	}
	if f.Alpha {
		n++
	}
	return n
}

// PlaneSize returns the size in samples of plane p. Chroma sizes round up. The alpha plane, the last, has the size of luma.
func (f Format) PlaneSize(p int) (w, h int) {
	if p == 0 || f.Layout == Gray || p == 3 {
		return f.Width, f.Height
	}
	sx, sy := f.Layout.Shift()
	return -(-f.Width >> sx), -(-f.Height >> sy)
}

// BytesPerSample is 1 for 8-bit formats and 2 for deeper ones.
func (f Format) BytesPerSample() int {
	if f.Depth > 8 {
		return 2
	}
	return 1
}

// RGB reports whether the planes are green, blue and red in full range, instead of luma and chroma.
func (f Format) RGB() bool { return f.Layout == YUV444 && f.Color.Matrix == MatrixRGB }

// Scaled returns the format with both sides multiplied by s.
func (f Format) Scaled(s int) Format {
	f.Width, f.Height = f.Width*s, f.Height*s
	return f
}

// Validate reports the first field that no frame can have.
func (f Format) Validate() error {
	switch {
	case f.Width < 1 || f.Height < 1:
		return fmt.Errorf("media: frame size %dx%d", f.Width, f.Height)
	case f.Layout > YUV444:
		return fmt.Errorf("media: unknown layout %d", f.Layout)
	case f.Depth < 8 || f.Depth > 16:
		return fmt.Errorf("media: bit depth %d, want 8 to 16", f.Depth)
	}
	return nil
}

// String gives size, layout and depth, as in 320x180 yuv420p 8-bit.
func (f Format) String() string {
	layout := f.Layout.String()
	if f.RGB() {
		layout = "rgb"
	}
	return fmt.Sprintf("%dx%d %s %d-bit", f.Width, f.Height, layout, f.Depth)
}

// LogValue makes slog print a format lazily.
func (f Format) LogValue() slog.Value { return slog.StringValue(f.String()) }
