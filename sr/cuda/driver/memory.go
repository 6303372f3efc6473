//go:build nvidia

package driver

// #include <cuda.h>
import "C"

import (
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// Pinned allocates host memory that the GPU can copy from and to while the processor does something else.
func Pinned(n int) ([]byte, error) {
	var p unsafe.Pointer
	if err := check("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(n), C.CU_MEMHOSTALLOC_PORTABLE)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// FreePinned frees what Pinned gave.
func FreePinned(b []byte) {
	if len(b) > 0 {
		C.cuMemFreeHost(unsafe.Pointer(unsafe.SliceData(b)))
	}
}

// Pitched is the first byte of a plane in device memory, or in pinned memory of the host, and the bytes from row to row.
type Pitched struct {
	At    uint64
	Host  unsafe.Pointer // of Pinned, instead of At
	Pitch int
}

// Copy2D copies rows of so many bytes between planes.
func Copy2D(to, from Pitched, bytes, rows int, s cu.Stream) error {
	c := C.CUDA_MEMCPY2D{
		srcMemoryType: C.CU_MEMORYTYPE_DEVICE, srcDevice: C.CUdeviceptr(from.At), srcPitch: C.size_t(from.Pitch),
		dstMemoryType: C.CU_MEMORYTYPE_DEVICE, dstDevice: C.CUdeviceptr(to.At), dstPitch: C.size_t(to.Pitch),
		WidthInBytes: C.size_t(bytes), Height: C.size_t(rows),
	}
	if from.Host != nil {
		c.srcMemoryType, c.srcHost = C.CU_MEMORYTYPE_HOST, from.Host
	}
	if to.Host != nil {
		c.dstMemoryType, c.dstHost = C.CU_MEMORYTYPE_HOST, to.Host
	}
	return check("cuMemcpy2DAsync", C.cuMemcpy2DAsync(&c, streamOf(s)))
}

// Resources is what the driver's compiler made of a kernel.
type Resources struct {
	Registers int // of a thread
	Shared    int // bytes of static shared memory of a block
	Local     int // bytes of a thread; more than 0 means spilled registers
	Threads   int // the most that a block may have
}

// ResourcesOf asks the driver about a kernel.
func ResourcesOf(f cu.Function) (Resources, error) {
	var r Resources
	for _, a := range []struct {
		name C.CUfunction_attribute
		to   *int
	}{{C.CU_FUNC_ATTRIBUTE_NUM_REGS, &r.Registers}, {C.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, &r.Shared},
		{C.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, &r.Local}, {C.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &r.Threads}} {
		var v C.int
		if err := check("cuFuncGetAttribute", C.cuFuncGetAttribute(&v, a.name, functionOf(f))); err != nil {
			return r, err
		}
		*a.to = int(v)
	}
	return r, nil
}

const logBytes = 16 << 10

// LoadPTX compiles a module. log is what the compiler said, also when it succeeds.
func LoadPTX(text string) (m cu.Module, log string, err error) {
	image := C.CString(text)
	defer C.free(unsafe.Pointer(image))
	buffer := (*C.char)(C.calloc(2, logBytes)) // errors, then information
	defer C.free(unsafe.Pointer(buffer))
	info := unsafe.Add(unsafe.Pointer(buffer), logBytes)
	options := [4]C.CUjit_option{C.CU_JIT_ERROR_LOG_BUFFER, C.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
		C.CU_JIT_INFO_LOG_BUFFER, C.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES}
	values := (*[4]uintptr)(C.calloc(4, 8)) // in C memory: pointers and numbers share the array
	defer C.free(unsafe.Pointer(values))
	*values = [4]uintptr{uintptr(unsafe.Pointer(buffer)), logBytes, uintptr(info), logBytes}
	var module C.CUmodule
	r := C.cuModuleLoadDataEx(&module, unsafe.Pointer(image), 4, &options[0], (*unsafe.Pointer)(unsafe.Pointer(values)))
	log = strings.TrimSpace(C.GoString(buffer) + "\n" + C.GoString((*C.char)(info)))
	return *(*cu.Module)(unsafe.Pointer(&module)), log, check("cuModuleLoadDataEx", r)
}
