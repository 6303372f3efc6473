package media

import (
	"fmt"
	"log/slog"
)

// Layout is the chroma subsampling of a planar picture.
type Layout uint8

// The layouts that the network engines accept.
const (
	Gray   Layout = iota // one luma plane
	YUV420               // chroma halved in both directions
	YUV422               // chroma halved horizontally
	YUV444               // chroma at full size
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

// Colour tags. The numbers are those of ITU-T H.273, which FFmpeg uses as they are; 2 (and 0 for Range and Siting) means unspecified.
type (
	// Matrix is H.273 MatrixCoefficients (FFmpeg AVColorSpace).
	Matrix uint8
	// Primaries is H.273 ColourPrimaries.
	Primaries uint8
	// Transfer is H.273 TransferCharacteristics.
	Transfer uint8
	// Range is FFmpeg's AVColorRange: 0 unspecified, 1 limited, 2 full.
	Range uint8
	// Siting is FFmpeg's AVChromaLocation: 0 unspecified, 1 left, 2 center, 3 top-left.
	Siting uint8
)

// The tags that code branches on.
const (
	MatrixRGB         Matrix = 0
	MatrixBT709       Matrix = 1
	MatrixUnspecified Matrix = 2
	MatrixFCC         Matrix = 4
	MatrixBT470BG     Matrix = 5
	MatrixSMPTE170M   Matrix = 6
	MatrixSMPTE240M   Matrix = 7
	MatrixBT2020NCL   Matrix = 9

	PrimariesUnspecified Primaries = 2
	TransferUnspecified  Transfer  = 2
	TransferPQ           Transfer  = 16
	TransferHLG          Transfer  = 18

	RangeUnspecified Range = 0
	RangeLimited     Range = 1
	RangeFull        Range = 2
)

// Color says what the sample values of a picture mean. It rides on every frame and is never guessed downstream.
type Color struct {
	Matrix    Matrix
	Range     Range
	Primaries Primaries
	Transfer  Transfer
	Siting    Siting
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

// Scaled returns the format with both sides multiplied by s.
func (f Format) Scaled(s int) Format {
	f.Width, f.Height = f.Width*s, f.Height*s
	return f
}

// Validate reports the first field that no frame can have.
func (f Format) Validate() error {
	switch {
	case f.Width < 1 || f.Height < 1:
		return fmt.Errorf("media: picture size %dx%d", f.Width, f.Height)
	case f.Layout > YUV444:
		return fmt.Errorf("media: unknown layout %d", f.Layout)
	case f.Depth < 8 || f.Depth > 16:
		return fmt.Errorf("media: bit depth %d, want 8 to 16", f.Depth)
	}
	return nil
}

// String gives size, layout and depth, as in 320x180 yuv420p 8-bit.
func (f Format) String() string {
	return fmt.Sprintf("%dx%d %s %d-bit", f.Width, f.Height, f.Layout, f.Depth)
}

// LogValue makes slog print a format lazily.
func (f Format) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LumaWeights returns Kr and Kb of the format's matrix (H.273 Table 4). A matrix that is not specified is taken for BT.709 from
// 1280 columns or 720 rows on and for BT.601 below, as players do.
func (f Format) LumaWeights() (kr, kb float64) {
	switch f.Color.Matrix {
	case MatrixBT709:
		return 0.2126, 0.0722
	case MatrixBT470BG, MatrixSMPTE170M:
		return 0.299, 0.114
	case MatrixFCC:
		return 0.30, 0.11
	case MatrixSMPTE240M:
		return 0.212, 0.087
	case MatrixBT2020NCL:
		return 0.2627, 0.0593
	}
	if f.Width >= 1280 || f.Height >= 720 {
		return 0.2126, 0.0722
	}
	return 0.299, 0.114
}
