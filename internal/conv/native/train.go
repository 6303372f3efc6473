//go:build cgo && (amd64 || arm64)

package native

/*
#include "ops.h"
#cgo noescape call_wino_filter
#cgo nocallback call_wino_filter
#cgo noescape call_wino_forward
#cgo nocallback call_wino_forward
#cgo noescape call_wino_weights
#cgo nocallback call_wino_weights
#cgo noescape call_wino_filter_gradient
#cgo nocallback call_wino_filter_gradient
#cgo noescape call_dw_taps
#cgo nocallback call_dw_taps
#cgo noescape call_dw_forward
#cgo nocallback call_dw_forward
#cgo noescape call_dw_weights
#cgo nocallback call_dw_weights
#cgo noescape call_columns
#cgo nocallback call_columns
#cgo noescape call_add_columns
#cgo nocallback call_add_columns
#cgo noescape call_product
#cgo nocallback call_product
#cgo noescape call_product_transposed
#cgo nocallback call_product_transposed
#cgo noescape call_finish
#cgo nocallback call_finish
*/
import "C"

import "unsafe"

func ptr(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

// WinoFilter transforms inputs [from,to) of 3x3 filters into u: see Conv.U. Tap t of input i and output o is
// w[i*inStep+o*outStep+t], or 8-t when flip is set.
func (i *ISA) WinoFilter(u, w []float32, in, out, inStep, outStep int, flip bool, from, to int) {
	C.call_wino_filter(i.train, ptr(u), ptr(w), C.int(in), C.int(out), C.int(inStep), C.int(outStep), flag(flip), C.int(from), C.int(to))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// WinoForward computes tile rows [from,to), each 4 rows of c.Y. scratch is WinoScratch(tiles, in, out) long.
func (i *ISA) WinoForward(c Conv, from, to int, scratch []float32, tiles int) {
	C.call_wino_forward(i.train, ptr(c.Y), ptr(c.X), ptr(c.U), ptr(c.Bias), ptr(c.Add), ptr(c.Mask), C.int(c.H), C.int(c.W),
		C.int(c.In), C.int(c.Out), C.float(c.Slope), C.float(c.MaskSlope), C.int(from), C.int(to), ptr(scratch), C.int(tiles))
}

// WinoWeights adds the part of tile rows [from,to) to du [36,Pad(in),Pad(out)] and db [Pad(out)].
func (i *ISA) WinoWeights(du, db, x, dy []float32, h, w, in, out, from, to int, scratch []float32, tiles int) {
	C.call_wino_weights(i.train, ptr(du), ptr(db), ptr(x), ptr(dy), C.int(h), C.int(w), C.int(in), C.int(out),
		C.int(from), C.int(to), ptr(scratch), C.int(tiles))
}

// WinoFilterGradient adds up chunks partial sums of WinoWeights, distance apart, and fills inputs [from,to) of dw [out,in,3,3].
func (i *ISA) WinoFilterGradient(dw, du []float32, distance, chunks, in, out, from, to int) {
	C.call_wino_filter_gradient(i.train, ptr(dw), ptr(du), C.size_t(distance), C.int(chunks), C.int(in), C.int(out), C.int(from), C.int(to))
}

// DepthwiseTaps turns the kernels of one sample, k [9c], into k9 [9,Pad(c)], reversed when flip is set.
func (i *ISA) DepthwiseTaps(k9, k []float32, c int, flip bool) {
	C.call_dw_taps(i.train, ptr(k9), ptr(k), C.int(c), flag(flip))
}

// Depthwise computes rows [from,to) of y = act(depthwise(x, k9)) + add; add may be nil. spare is 2*w*c long.
func (i *ISA) Depthwise(y, x, k9, add []float32, h, w, c int, slope float32, from, to int, spare []float32) {
	C.call_dw_forward(i.train, ptr(y), ptr(x), ptr(k9), ptr(add), C.int(h), C.int(w), C.int(c), C.float(slope), C.int(from), C.int(to), ptr(spare))
}

// DepthwiseWeights adds the part of rows [from,to) of dy to dk9 [9,Pad(c)]. spare is w*c long.
func (i *ISA) DepthwiseWeights(dk9, x, dy []float32, h, w, c, from, to int, spare []float32) {
	C.call_dw_weights(i.train, ptr(dk9), ptr(x), ptr(dy), C.int(h), C.int(w), C.int(c), C.int(from), C.int(to), ptr(spare))
}

func (s Shape) c() C.struct_shape_args {
	return C.struct_shape_args{h: C.int(s.H), w: C.int(s.W), in: C.int(s.In), ow: C.int(s.OutW), k: C.int(s.K), stride: C.int(s.Stride), pad: C.int(s.Pad)}
}

// Columns copies the K*K*In inputs of output pixels [first,first+count) to rows of cols, lead apart.
func (i *ISA) Columns(cols []float32, lead int, x []float32, s Shape, first, count int) {
	C.call_columns(i.train, ptr(cols), C.size_t(lead), ptr(x), s.c(), C.int(first), C.int(count))
}

// AddColumns is the reverse of Columns: it adds the rows to the pixels of dx.
func (i *ISA) AddColumns(dx, cols []float32, lead int, s Shape, first, count int) {
	C.call_add_columns(i.train, ptr(dx), ptr(cols), C.size_t(lead), s.c(), C.int(first), C.int(count))
}

// Product computes c [rows,n] = a [rows,k] b [k,n]; rows of c and a are ldc and lda apart, b is in panels (gemm.h).
// n is a multiple of 16.
func (i *ISA) Product(c []float32, ldc int, a []float32, lda int, b []float32, rows, k, n int) {
	C.call_product(i.train, ptr(c), C.size_t(ldc), ptr(a), C.size_t(lda), ptr(b), C.int(rows), C.int(k), C.int(n))
}

// ProductTransposed adds a^T b to c [m,n]; rows of a and b are lda and ldb apart. m and n are multiples of 16.
func (i *ISA) ProductTransposed(c, a []float32, lda int, b []float32, ldb, rows, m, n int) {
	C.call_product_transposed(i.train, ptr(c), ptr(a), C.size_t(lda), ptr(b), C.size_t(ldb), C.int(rows), C.int(m), C.int(n))
}

// Finish computes y [rows,out] = act(m + bias) + add; rows of m are lead apart; bias and add may be nil.
func (i *ISA) Finish(y, m []float32, lead int, bias, add []float32, rows, out int, slope float32) {
	C.call_finish(i.train, ptr(y), ptr(m), C.size_t(lead), ptr(bias), ptr(add), C.int(rows), C.int(out), C.float(slope))
}
