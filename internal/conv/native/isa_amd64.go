//go:build cgo

package native

// #include "ops.h"
import "C"

import "golang.org/x/sys/cpu"

// ISAs lists what this CPU can run, slowest first.
func ISAs() []*ISA {
	var all []*ISA
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA { // every CPU with both has the half-precision conversions, F16C, too
		all = append(all, &ISA{Name: "avx2", train: &C.train_ops_avx2, peak: &C.peak_ops_avx2})
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ {
		all = append(all, &ISA{Name: "avx512", train: &C.train_ops_avx512, peak: &C.peak_ops_avx512})
		if cpu.X86.HasAVX512BF16 {
			all = append(all, &ISA{Name: "avx512bf16", train: &C.train_ops_avx512, peak: &C.peak_ops_avx512bf16})
		}
	}
	return all
}
