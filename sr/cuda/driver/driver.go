//go:build nvidia

package driver

// #cgo CFLAGS: -I${SRCDIR}/../include
// #cgo LDFLAGS: -L${SRCDIR}/../link -ldl -lpthread
// #include "trampoline.h"
import "C"

import (
	"errors"
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

// Status returns nil when the driver is usable, and otherwise one sentence that says why it is not.
func Status() error {
	if s := C.GoString(C.vsr_cuda_status()); s != "" {
		return errors.New(s)
	}
	return nil
}
