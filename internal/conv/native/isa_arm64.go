//go:build cgo

package native

// #include "ops.h"
import "C"

// ISAs lists what this CPU can run: NEON is part of every 64-bit ARM.
func ISAs() []*ISA {
	return []*ISA{{Name: "neon", train: &C.train_ops_neon, peak: &C.peak_ops_neon}}
}
