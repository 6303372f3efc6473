//go:build cgo

package native

// #include "frame_ops.h"
import "C"

func frameOps(isa string) *C.struct_frame_ops {
	switch isa {
	case "avx2":
		return &C.frame_ops_avx2
	case "avx512":
		return &C.frame_ops_avx512
	case "avx512bf16":
		return &C.frame_ops_avx512bf16
	}
	return nil
}
