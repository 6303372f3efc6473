//go:build cgo && (amd64 || arm64)

package native

/*
#include "frame_ops.h"
#cgo noescape call_frame_conv
#cgo nocallback call_frame_conv
#cgo noescape call_frame_head
#cgo nocallback call_frame_head
#cgo noescape call_frame_tail
#cgo nocallback call_frame_tail
#cgo noescape call_frame_sums
#cgo nocallback call_frame_sums
#cgo noescape call_frame_to_rgb
#cgo nocallback call_frame_to_rgb
#cgo noescape call_frame_from_rgb
#cgo nocallback call_frame_from_rgb
*/
import "C"

import (
	"cmp"
	"unsafe"
)

// Frames is the frame kernels of one instruction set. All of them work on the calling thread; scratch starts on a cache line.
// The arguments are not checked: see frame_ops.h for what they mean.
type Frames struct{ ops *C.struct_frame_ops }

// FramesOf returns the kernels of an instruction set that ISAs lists, or nil for another name.
func FramesOf(isa string) *Frames {
	for _, i := range ISAs() {
		if ops := frameOps(isa); i.Name == isa && ops != nil {
			return &Frames{ops}
		}
	}
	return nil
}

// Panel is how many columns a panel of FrameConv.U has for k outputs.
func (f *Frames) Panel(k int) int { return int(C.call_frame_panel(f.ops, C.int(k))) }

// ConvScratch is the bytes of scratch that Conv needs.
func (f *Frames) ConvScratch(w, c, k int) int {
	return int(C.call_frame_conv_scratch(f.ops, C.int(w), C.int(c), C.int(k)))
}

// HeadScratch is the bytes of scratch that Head needs.
func (f *Frames) HeadScratch(w int) int { return int(C.call_frame_head_scratch(f.ops, C.int(w))) }

// TailScratch is the bytes of scratch that Tail needs.
func (f *Frames) TailScratch(w, c, k int) int {
	return int(C.call_frame_tail_scratch(f.ops, C.int(w), C.int(c), C.int(k)))
}

// YUVScratch is the bytes of scratch that ToRGB and FromRGB need.
func (f *Frames) YUVScratch(w int) int { return int(C.call_frame_yuv_scratch(f.ops, C.int(w))) }

func (m FrameMap) c() C.struct_frame_map {
	return C.struct_frame_map{mem: (*C.char)(unsafe.Pointer(unsafe.SliceData(m.Mem))), pitch: C.ptrdiff_t(m.Pitch), lo: C.int(m.Lo)}
}

// Conv computes rows [y0,y1) of a.Dst; y0 is a multiple of 4, y1 too unless it is H.
func (f *Frames) Conv(a *FrameConv, y0, y1 int, scratch []byte) {
	C.call_frame_conv(f.ops, C.struct_frame_conv{
		dst: a.Dst.c(), src: a.Src.c(), add: a.Add.c(), taps: ptr(a.Taps), u: unsafe.Pointer(unsafe.SliceData(a.U)), bias: ptr(a.Bias),
		h: C.int(a.H), w: C.int(a.W), c: C.int(a.C), k: C.int(a.K), x0: C.int(a.X0), x1: C.int(cmp.Or(a.X1, a.W)),
		lrelu: flag(a.LReLU), half: flag(a.Half), bf16: flag(a.BF16), shuffle: C.int(a.Shuffle),
	}, C.int(y0), C.int(y1), unsafe.Pointer(unsafe.SliceData(scratch)))
}

// Head computes rows [y0,y1) of a.Dst.
func (f *Frames) Head(a *FrameHead, y0, y1 int, scratch []byte) {
	C.call_frame_head(f.ops, C.struct_frame_head{
		dst: a.Dst.c(), src: a.Src.c(), weight: ptr(a.Weight), bias: ptr(a.Bias),
		shift: [3]C.float{C.float(a.Shift[0]), C.float(a.Shift[1]), C.float(a.Shift[2])},
		h:     C.int(a.H), w: C.int(a.W), k: C.int(a.K), stride: C.int(a.Stride), lrelu: flag(a.LReLU), half: flag(a.Half),
		x0: C.int(a.X0), x1: C.int(cmp.Or(a.X1, (a.W+a.Stride-1)/a.Stride)),
	}, C.int(y0), C.int(y1), unsafe.Pointer(unsafe.SliceData(scratch)))
}

// Tail computes the enlarged rows of rows [y0,y1) of a.Src.
func (f *Frames) Tail(a *FrameTail, y0, y1 int, scratch []byte) {
	t := C.struct_frame_tail{
		dst: a.Dst.c(), src: a.Src.c(), add: a.Add.c(),
		h: C.int(a.H), w: C.int(a.W), c: C.int(a.C), k: C.int(a.K), half: flag(a.Half), bf16: flag(a.BF16), shuffle: C.int(a.Shuffle),
		x0: C.int(a.X0), x1: C.int(cmp.Or(a.X1, a.W)),
	}
	for i := range a.Weight {
		t.weight[i], t.bias[i] = unsafe.Pointer(unsafe.SliceData(a.Weight[i])), ptr(a.Bias[i])
	}
	C.call_frame_tail(f.ops, t, C.int(y0), C.int(y1), unsafe.Pointer(unsafe.SliceData(scratch)))
}

// Sums sets rows[y*c:(y+1)*c] to the sums over row y of each channel, for y in [y0,y1).
func (f *Frames) Sums(rows []float64, m FrameMap, w, c int, half bool, y0, y1 int) {
	C.call_frame_sums(f.ops, (*C.double)(unsafe.SliceData(rows)), m.c(), C.int(w), C.int(c), flag(half), C.int(y0), C.int(y1))
}

func (a *FrameYUV) c() C.struct_frame_yuv {
	y := C.struct_frame_yuv{
		w: C.int(a.W), h: C.int(a.H), cw: C.int(a.CW), ch: C.int(a.CH), wide: flag(a.Wide), gray: flag(a.Gray), rgb: flag(a.RGB),
		sx: C.int(a.SX), sy: C.int(a.SY), px2: C.int(a.PX2), py2: C.int(a.PY2),
		kr: C.float(a.KR), kg: C.float(a.KG), kb: C.float(a.KB),
		rcr: C.float(a.RCr), bcb: C.float(a.BCb), gcb: C.float(a.GCb), gcr: C.float(a.GCr),
		yoff: C.float(a.YOff), yscale: C.float(a.YScale), coff: C.float(a.COff), cscale: C.float(a.CScale), top: C.float(a.Top),
	}
	for i := range a.Plane {
		y.plane[i], y.stride[i] = (*C.uint8_t)(unsafe.SliceData(a.Plane[i])), C.ptrdiff_t(a.Stride[i])
	}
	return y
}

// ToRGB converts rows [y0,y1) of the frame into an RGB frame.
func (f *Frames) ToRGB(a *FrameYUV, dst FrameMap, y0, y1 int, scratch []byte) {
	C.call_frame_to_rgb(f.ops, a.c(), dst.c(), C.int(y0), C.int(y1), unsafe.Pointer(unsafe.SliceData(scratch)))
}

// FromRGB converts columns [x0,x1) of an RGB frame into chroma rows [k0,k1) of the frame and the luma rows that go with them.
// x0 is a multiple of 16, and x1 too unless it is W. It reads the 16 columns to the left as well. It reports
// whether all numbers were finite; others give black or white.
func (f *Frames) FromRGB(a *FrameYUV, src FrameMap, k0, k1, x0, x1 int, scratch []byte) bool {
	return C.call_frame_from_rgb(f.ops, a.c(), src.c(), C.int(k0), C.int(k1), C.int(x0), C.int(x1), unsafe.Pointer(unsafe.SliceData(scratch))) != 0
}

// Clock runs about n dependent additions, one cycle each.
func (f *Frames) Clock(n int) { C.call_frame_clock(C.long(n)) }
