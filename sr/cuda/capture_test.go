//go:build nvidia

package cuda

import (
	"testing"

	"gorgonia.org/cu"

	"vsr/sr/cuda/driver"
)

// While an engine records its graph the decoder may take memory, in a thread of its own; the thread that records may not.
func TestCaptureIsOfOneThread(t *testing.T) {
	emulated(t, "source")
	e, m := open(t, preset(t, "nano", 2, 1, 1)), NewMemory(0)
	defer m.Close()
	err := e.gpu.thread.Do(func() error {
		g, err := driver.Capture(e.gpu.compute, func() error {
			s, err := m.Take(yuv(32, 18), false)
			if err != nil {
				t.Errorf("another thread during a capture: %v", err)
			} else {
				m.Give(s)
			}
			if p, err := cu.MemAlloc(64); err == nil {
				_ = cu.MemFree(p)
				t.Error("the thread that captures took memory")
			}
			return nil
		})
		if err == nil {
			g.Close()
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
