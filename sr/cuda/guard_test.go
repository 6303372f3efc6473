//go:build nvidia

package cuda

import (
	"log/slog"
	"testing"

	"gorgonia.org/cu"
)

// Guards must notice a write beside a buffer.
func TestGuardsNoticeDamage(t *testing.T) {
	emulated(t, "source")
	c, err := openGPU(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.guarded = true
	err = c.thread.Do(func() error {
		for i, beside := range []int{-1, 100, 0} {
			p, err := c.alloc(100)
			if err != nil {
				return err
			}
			if err := cu.MemsetD8(p+cu.DevicePtr(beside), 1, 1); err != nil {
				return err
			}
			c.free(p)
			if want := min(i+1, 2); c.damaged != want {
				t.Errorf("after a write at %d: %d damaged, want %d", beside, c.damaged, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
