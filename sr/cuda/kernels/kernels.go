// Package kernels holds the device code of the CUDA engine: CUDA C++ sources and, embedded, the PTX text that
// generate.sh makes of them with clang. PTX is compiled for the GPU at hand by the driver.
//
// Sources: vsr_dev.h (the dialect, the only inline PTX), tile.h (implicit GEMM), block.h (IDR-DCRB), conv.h, estimate.h,
// color.h, tail.h, scene.h, and vsr.cu with the entries. The same sources are compiled for the host by internal/fakecuda.
package kernels

import (
	_ "embed" // for the PTX texts
	"fmt"
)

var (
	//go:embed vsr_sm75.ptx
	sm75 string
	//go:embed vsr_sm80.ptx
	sm80 string
)

// oldestDriver is the CUDA version whose driver (R470, 2021) first had all that the host calls, cuGraphInstantiateWithFlags last. The
// PTX alone would do with older ones: 10.2 for sm_75, 11.0 for sm_80.
const oldestDriver = 11040

// PTX returns the module for a device of the given compute capability, and the oldest CUDA version of a driver that runs it.
// Devices before 7.5 lack the tensor instructions.
func PTX(major, minor int) (text string, driver int, err error) {
	switch cc := 10*major + minor; {
	case cc >= 80:
		return sm80, oldestDriver, nil
	case cc >= 75:
		return sm75, oldestDriver, nil
	}
	return "", 0, fmt.Errorf("compute capability %d.%d, want 7.5 (Turing) or newer", major, minor)
}

// Entry is one kernel of the module.
type Entry struct {
	Name    string
	Threads int    // of a block
	Shared  int    // bytes of dynamic shared memory
	Params  string // one letter each: p a pointer (8 bytes), i a 32-bit integer
}

// Bytes of shared memory, as computed in tile.h and block.h.
const (
	pixel  = 48
	wide   = 20 * 12 * pixel
	mid    = 18 * 10 * pixel
	stage3 = 18 * 10 * pixel
	stage5 = 20 * 12 * pixel
)

// Entries lists the kernels of the module. A test compares it with the PTX.
var Entries = []Entry{
	{"vsr_block_c16", 128, 2*wide + mid, "pppppii"},
	{"vsr_block_c32", 128, 2*wide + mid, "pppppii"},
	{"vsr_block_c64", 128, 2*wide + mid, "pppppii"},
	{"vsr_block_c128", 256, 2*wide + mid, "pppppii"},
	{"vsr_conv3_n16", 128, 2 * stage3, "pppppiiiii"},
	{"vsr_conv3_n32", 128, 2 * stage3, "pppppiiiii"},
	{"vsr_conv3_n64", 128, 2 * stage3, "pppppiiiii"},
	{"vsr_first_conv", 128, 0, "pppppiiiii"},
	{"vsr_pool_partial", 128, 0, "ppii"},
	{"vsr_pool_finish", 128, 0, "ppiii"},
	{"vsr_linear", 128, 0, "ppppiii"},
	{"vsr_tail3_s2", 128, 2 * stage3, "pppppiiii"},
	{"vsr_tail3_s3", 128, 2 * stage3, "pppppiiii"},
	{"vsr_tail3_s4", 128, 2 * stage3, "pppppiiii"},
	{"vsr_tail5_s2", 128, 2 * stage5, "pppppiiii"},
	{"vsr_tail5_s3", 128, 2 * stage5, "pppppiiii"},
	{"vsr_tail5_s4", 128, 2 * stage5, "pppppiiii"},
	{"vsr_ring_s2", 64, 0, "ppppppiiii"},
	{"vsr_ring_s3", 64, 0, "ppppppiiii"},
	{"vsr_ring_s4", 64, 0, "ppppppiiii"},
	{"vsr_rgb_in", 128, 0, "ppp"},
	{"vsr_frame_out", 128, 0, "ppp"},
	{"vsr_scene_grid", 128, 0, "ppp"},
}
