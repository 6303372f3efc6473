//go:build nvidia

package cuda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"vsr/selftest"
)

// The tests of this file want a real GPU; scripts/gpu-check.sh runs them.
func selfTest(t *testing.T, o selftest.Options) *selftest.Report {
	t.Helper()
	if os.Getenv("VSR_TEST_REAL_GPU") == "" {
		t.Skip("set VSR_TEST_REAL_GPU=1 to run this on a GPU")
	}
	r, err := selftest.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Print(text.String())
	if !r.OK() {
		t.Error("the GPU does not pass")
	}
	return r
}

func TestGPU(t *testing.T) {
	r := selfTest(t, selftest.Options{})
	if file := os.Getenv("VSR_REPORT"); file != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGPUShort(t *testing.T) { selfTest(t, selftest.Options{Short: true, Repeats: 2}) }
