//go:build cgo

package native

// #include "frame_ops.h"
import "C"

func frameOps(isa string) *C.struct_frame_ops {
	if isa == "neon" {
		return &C.frame_ops_neon
	}
	return nil
}
