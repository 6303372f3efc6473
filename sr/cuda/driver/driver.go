//go:build nvidia

package driver

// #cgo CFLAGS: -I${SRCDIR}/../include
// #cgo LDFLAGS: -L${SRCDIR}/../link -ldl -lpthread
// #include "trampoline.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Library names the driver library to open instead of libcuda.so.1. It must come before the first driver call of the process.
func Library(path string) error {
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	if C.vsr_cuda_library(s) == 0 {
		return errors.New("the driver library is already open, or its path is too long")
	}
	return nil
}

// ErrBroken means that there is a driver and that it does not work. Without it Status says that there is none.
var ErrBroken = errors.New("the NVIDIA driver does not start")

// Status returns nil when the driver is usable, and otherwise one sentence that says why it is not.
func Status() error {
	s := C.GoString(C.vsr_cuda_status())
	if s == "" {
		return nil
	}
	if why, broken := strings.CutPrefix(s, ErrBroken.Error()); broken {
		return fmt.Errorf("%w%s", ErrBroken, why)
	}
	return errors.New(s)
}
