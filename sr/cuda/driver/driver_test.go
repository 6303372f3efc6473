//go:build nvidia

package driver

import (
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// The process has got this far, so cu's init did not end it. A library that is none stands for a machine without a driver.
func TestNoDriver(t *testing.T) {
	if err := Library("/nonexistent/libcuda.so.1"); err != nil {
		t.Fatal(err)
	}
	n, err := cu.NumDevices()
	if n != 0 || err != nil {
		t.Errorf("%d devices, error %v, want 0 and none", n, err)
	}
	if err := Status(); err == nil || !strings.HasPrefix(err.Error(), "no NVIDIA driver: /nonexistent/libcuda.so.1") {
		t.Errorf("status %v", err)
	}
	if _, err := cu.GetDevice(0); err == nil {
		t.Error("device 0 exists without a driver")
	}
	if err := Library("libcuda.so.1"); err == nil {
		t.Error("the library could be changed after the first call")
	}
}
