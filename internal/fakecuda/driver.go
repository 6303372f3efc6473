//go:build nvidia

package fakecuda

import (
	"path/filepath"
	"testing"

	"gorgonia.org/cu"

	"vsr/sr/cuda/driver"
)

// Use puts the emulated driver in the place of a real one for the rest of the process, for FFmpeg too, which finds it by its name.
// It skips the test where the emulator cannot be built.
func Use(t testing.TB) {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	dir, err := Build(Library)
	if err != nil {
		t.Fatal(err)
	}
	_ = driver.Library(filepath.Join(dir, Library)) // another test may have opened it
	if err := driver.Status(); err != nil {
		t.Fatal(err)
	}
}

// objects names what the emulated driver counts, by attribute number.
var objects = map[cu.DeviceAttribute]string{9000: "device allocations", 9001: "pinned allocations", 9002: "streams",
	9003: "events", 9004: "graphs", 9005: "modules", 9006: "contexts"}

// Leaks fails the test if anything is still alive in the emulated driver. It ends failures that the environment asks for.
func Leaks(t *testing.T) {
	t.Helper()
	t.Setenv("VSR_EMU_FAIL", "")
	dev, err := cu.GetDevice(0)
	if err != nil {
		t.Fatal(err)
	}
	for a, what := range objects {
		if n, err := dev.Attribute(a); n != 0 || err != nil {
			t.Errorf("%d %s left, error %v", n, what, err)
		}
	}
}
