//go:build cgo && (amd64 || arm64)

package native

/*
#cgo CFLAGS: -std=gnu11 -O3 -Wall -Wextra
#include "ops.h"
#cgo noescape call_peak
#cgo nocallback call_peak
*/
import "C"

// An ISA is one instruction set of this machine.
type ISA struct {
	Name  string
	train *C.struct_train_ops
	peak  *C.struct_peak_ops
}

// Peak runs rounds of multiply-adds on the calling thread and returns how many floating-point operations that was:
// 0 where there are no bfloat16 dot products.
func (i *ISA) Peak(bf16 bool, rounds int) float64 {
	var b C.int
	if bf16 {
		b = 1
	}
	return float64(C.call_peak(i.peak, b, C.long(rounds)))
}
