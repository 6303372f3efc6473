package av

// #include "av.h"
import "C"

import (
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// Frame is a view of a decoded AVFrame. It is valid as long as the frame is neither unreferenced nor freed.
type Frame struct {
	Width, Height int
	Format        astiav.PixelFormat
	PTS           int64 // the frame's own time stamp, media.NoTime if absent
	BestEffort    int64 // FFmpeg's best_effort_timestamp
	Duration      int64 // of the packet that it came from, 0 if unknown
	Interlaced    bool
	TopFirst      bool
	Key           bool
	Corrupt       bool
	Color         media.Color
	SampleAspect  media.Rational

	data     [4]unsafe.Pointer
	linesize [4]int
}

// Read fills p from f.
func (p *Frame) Read(f *astiav.Frame) {
	var c C.vsr_picture
	C.vsr_picture_read((*C.AVFrame)(f.UnsafePointer()), &c)
	*p = Frame{
		Width: int(c.width), Height: int(c.height), Format: astiav.PixelFormat(c.format),
		PTS: int64(c.pts), BestEffort: int64(c.best_effort), Duration: int64(c.duration),
		Interlaced: c.interlaced != 0, TopFirst: c.top_first != 0, Key: c.key != 0, Corrupt: c.corrupt != 0,
		Color: media.Color{Matrix: media.Matrix(c.matrix), Range: media.Range(c._range), Primaries: media.Primaries(c.primaries),
			Transfer: media.Transfer(c.transfer), Siting: media.Siting(c.siting)},
		SampleAspect: media.Rational{Num: int(c.sar_num), Den: int(c.sar_den)},
	}
	for i := range p.data {
		p.data[i], p.linesize[i] = unsafe.Pointer(c.data[i]), int(c.linesize[i])
	}
}

// Row returns n bytes of row y of plane i in place. Line sizes may be negative (bottom-up frames).
func (p *Frame) Row(i, y, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(p.data[i], y*p.linesize[i])), n)
}

// Palette returns the 256 colors of a frame with a palette in place: blue, green, red and alpha. Nil without one.
func (p *Frame) Palette() []byte {
	if p.data[1] == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p.data[1]), 1024)
}

// SetColor writes colour tags onto a frame.
func SetColor(f *astiav.Frame, c media.Color) {
	C.vsr_picture_color((*C.AVFrame)(f.UnsafePointer()), C.int(c.Matrix), C.int(c.Range), C.int(c.Primaries), C.int(c.Transfer), C.int(c.Siting))
}

// FrameMetadata returns what a filter wrote about a frame under a key, "" if nothing.
func FrameMetadata(f *astiav.Frame, key string) string {
	c := C.CString(key)
	defer C.free(unsafe.Pointer(c))
	e := C.av_dict_get((*C.AVFrame)(f.UnsafePointer()).metadata, c, nil, 0)
	if e == nil {
		return ""
	}
	return C.GoString(e.value)
}

// Crop takes rows and columns off a frame in place; its memory stays as it is.
func Crop(f *astiav.Frame, left, top, right, bottom int) error {
	c := (*C.AVFrame)(f.UnsafePointer())
	c.crop_left, c.crop_top, c.crop_right, c.crop_bottom = C.size_t(left), C.size_t(top), C.size_t(right), C.size_t(bottom)
	return check(C.av_frame_apply_cropping(c, C.AV_FRAME_CROP_UNALIGNED))
}

// MakeWritable makes sure that nobody else, such as an encoder's lookahead, reads the frame's memory.
func MakeWritable(f *astiav.Frame) error {
	return check(C.av_frame_make_writable((*C.AVFrame)(f.UnsafePointer())))
}

// PixelInfo describes a pixel format.
type PixelInfo struct {
	Name                  string
	Depth                 int // of the first component
	Components            int
	ShiftX, ShiftY        int // log2 of the chroma subsampling
	RGB, Planar, Alpha    bool
	BigEndian, Float, Pal bool
	Hardware, Bayer       bool
}

// DescribePixels looks a pixel format up; ok is false if FFmpeg does not know it.
func DescribePixels(f astiav.PixelFormat) (info PixelInfo, ok bool) {
	d := C.av_pix_fmt_desc_get(C.enum_AVPixelFormat(f))
	if d == nil {
		return info, false
	}
	has := func(flag C.uint64_t) bool { return d.flags&flag != 0 }
	return PixelInfo{
		Name: C.GoString(d.name), Depth: int(d.comp[0].depth), Components: int(d.nb_components),
		ShiftX: int(d.log2_chroma_w), ShiftY: int(d.log2_chroma_h),
		RGB: has(C.AV_PIX_FMT_FLAG_RGB), Planar: has(C.AV_PIX_FMT_FLAG_PLANAR), Alpha: has(C.AV_PIX_FMT_FLAG_ALPHA),
		BigEndian: has(C.AV_PIX_FMT_FLAG_BE), Float: has(C.AV_PIX_FMT_FLAG_FLOAT), Pal: has(C.AV_PIX_FMT_FLAG_PAL),
		Hardware: has(C.AV_PIX_FMT_FLAG_HWACCEL), Bayer: has(C.AV_PIX_FMT_FLAG_BAYER),
	}, true
}

// PackedAlpha gives, for formats of four bytes a pixel that hold red, green, blue and alpha, where in them green, blue, red and alpha are.
// swscale rounds alpha on its way to and from planes.
func PackedAlpha(f astiav.PixelFormat) (order [4]int, ok bool) {
	switch f {
	case astiav.PixelFormatRgba:
		return [4]int{1, 2, 0, 3}, true
	case astiav.PixelFormatBgra:
		return [4]int{1, 0, 2, 3}, true
	case astiav.PixelFormatArgb:
		return [4]int{2, 3, 1, 0}, true
	case astiav.PixelFormatAbgr:
		return [4]int{2, 1, 3, 0}, true
	}
	return order, false
}

// FindPixels returns the pixel format with FFmpeg's name, as in yuv420p10le; ok is false if there is none.
func FindPixels(name string) (f astiav.PixelFormat, ok bool) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	n := C.av_get_pix_fmt(c)
	return astiav.PixelFormat(n), n != C.AV_PIX_FMT_NONE
}

// SetScaleColor tells swscale the matrices and ranges of both sides. Without it swscale takes everything for limited BT.601.
func SetScaleColor(s *astiav.SoftwareScaleContext, in media.Matrix, fullIn bool, out media.Matrix, fullOut bool) error {
	b := map[bool]C.int{true: 1}
	if C.vsr_scale_color((*C.struct_SwsContext)(pointer(s)), swsMatrix(in), b[fullIn], swsMatrix(out), b[fullOut]) < 0 {
		return &Error{Code: int(astiav.ErrPatchwelcome)}
	}
	return nil
}

// swsMatrix maps H.273 matrix coefficients to swscale's SWS_CS numbers (swscale.h), BT.601 for those it does not know.
func swsMatrix(m media.Matrix) C.int {
	switch m {
	case media.MatrixBT709, media.MatrixFCC, media.MatrixSMPTE240M, media.MatrixBT2020NCL:
		return C.int(m)
	case 10: // BT.2020 constant luminance has no own table
		return C.SWS_CS_BT2020
	}
	return C.SWS_CS_ITU601
}

// ScaleFlags are the swscale settings for converting a frame without resizing it: the accurate paths, full chroma.
const ScaleFlags = int64(C.SWS_BICUBIC | C.SWS_ACCURATE_RND | C.SWS_FULL_CHR_H_INT | C.SWS_FULL_CHR_H_INP)
