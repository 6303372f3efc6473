//go:build nvidia

package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vsr/internal/fakecuda"
	"vsr/sr/cuda/driver"
)

// missing says why there is no emulated driver, in which case tests that need a GPU are skipped.
var missing string

// TestMain puts the emulated driver in the place of a real one, also on a machine that has a GPU: what these tests show must
// not depend on it. VSR_TEST_REAL_GPU=1 runs them on the GPU.
func TestMain(m *testing.M) {
	if onGPU() {
		missing = "this is a run on a real GPU"
	} else {
		if missing = fakecuda.Missing(); missing == "" {
			dir, err := fakecuda.Build(fakecuda.Library)
			if err == nil {
				err = driver.Library(filepath.Join(dir, fakecuda.Library))
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

func onGPU() bool { return os.Getenv("VSR_TEST_REAL_GPU") != "" }

// emulated skips the test without an emulator and chooses the engine that executes kernels: source or ptx.
func emulated(t testing.TB, engine string) {
	t.Helper()
	if missing != "" {
		t.Skip(missing)
	}
	t.Setenv("VSR_EMU_ENGINE", engine)
}
