//go:build nvidia

package cuda

import (
	"bytes"
	"unsafe"

	"gorgonia.org/cu"
)

// guardBytes lie before and behind every allocation of a guarded GPU. They keep the driver's alignment.
const (
	guardBytes = 512
	guardValue = 0x5a
)

// allocGuarded takes memory between two guards.
func (c *gpu) allocGuarded(bytes int) (cu.DevicePtr, error) {
	p, err := cu.MemAlloc(int64(bytes + 2*guardBytes))
	if err != nil {
		return 0, err
	}
	for _, at := range []cu.DevicePtr{p, p + guardBytes + cu.DevicePtr(bytes)} {
		if err := cu.MemsetD8(at, guardValue, guardBytes); err != nil {
			_ = cu.MemFree(p)
			return 0, err
		}
	}
	if err := cu.Synchronize(); err != nil { // the guards stand before anything runs
		_ = cu.MemFree(p)
		return 0, err
	}
	c.guards[p+guardBytes] = bytes
	return p + guardBytes, nil
}

// free gives memory back and counts it as damaged if a guard has changed.
func (c *gpu) free(p cu.DevicePtr) {
	if p == 0 {
		return
	}
	bytesUsed, guarded := c.guards[p]
	if guarded {
		delete(c.guards, p)
		if !c.intact(p-guardBytes) || !c.intact(p+cu.DevicePtr(bytesUsed)) {
			c.damaged++
		}
		p -= guardBytes
	}
	_ = cu.MemFree(p) // after a lost device this reports an old error
}

func (c *gpu) intact(at cu.DevicePtr) bool {
	got := make([]byte, guardBytes)
	if err := cu.MemcpyDtoH(unsafe.Pointer(&got[0]), at, guardBytes); err != nil {
		return true // the device is lost, which was reported
	}
	return bytes.Equal(got, bytes.Repeat([]byte{guardValue}, guardBytes))
}
