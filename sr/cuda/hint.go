//go:build nvidia

package cuda

import (
	"errors"

	"gorgonia.org/cu"

	"vsr/sr"
	"vsr/sr/cuda/driver"
)

// ErrDriver comes with sr.ErrNoDevice where a driver is installed and does not start.
var ErrDriver = driver.ErrBroken

// What can be wrong with a machine, beside a shortage of memory.
var (
	errOldDriver = errors.New("update the NVIDIA driver")
	errOldGPU    = errors.New("the GPU is too old")
	errCompile   = errors.New("compile the kernels")
	errNoGPU     = errors.New("the driver sees no GPU")
)

// lost are the results after which a context is of no use any more.
var lost = []error{cu.IllegalAddress, cu.LaunchTimeout, cu.HardwareStackError, cu.IllegalInstruction, cu.MisalignedAddress,
	cu.InvalidAddressSpace, cu.InvalidPc, cu.LaunchFailed, cu.EccUncorrectable, cu.ContextIsDestroyed, cu.NvlinkUncorrectable}

// Hint says in words what to do about an error of this package; empty if it is none that we know.
func Hint(err error) string {
	for _, a := range []struct {
		err    error
		advice string
	}{
		{ErrNoMemory, "close other programs on the GPU (nvidia-smi lists them), take a smaller model, or use --device cpu"},
		{errOldDriver, "install a newer NVIDIA driver, or use --device cpu"},
		{errOldGPU, "GPUs from Turing (GTX 16, RTX 20) on are supported; use --device cpu"},
		{errCompile, "update the NVIDIA driver; if that does not help, report this output with GPU and driver, and use --device cpu"},
		{ErrDriver, "nvidia-smi has to work first: after an update of the driver the machine wants a restart"},
		{errNoGPU, "nvidia-smi -L lists GPUs; a container needs them passed through, and CUDA_VISIBLE_DEVICES may hide them"},
	} {
		if errors.Is(err, a.err) {
			return a.advice
		}
	}
	for _, l := range lost {
		if errors.Is(err, l) {
			return "the GPU gave up: vsr doctor --device cuda:0 checks it, the kernel's log (dmesg, Xid) may say more; use --device cpu"
		}
	}
	if errors.Is(err, sr.ErrNoDevice) {
		return "vsr doctor lists the devices; --device cpu runs everywhere"
	}
	return ""
}
