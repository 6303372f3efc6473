package enginetest

import (
	"testing"

	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

func TestBicubic(t *testing.T) {
	for _, scale := range []int{2, 3, 4} {
		Generic(t, func() (sr.Engine, error) { return sr.NewBicubic(scale) })
	}
}

// TestPlainCPU tests the suite as much as the engine: its plain path must pass with the tolerance of float32.
func TestPlainCPU(t *testing.T) {
	Run(t, func(w *kdsr.Weights) (sr.Engine, error) {
		return cpu.New(w, cpu.Options{ISA: "go", Threads: 1})
	}, Tolerance{Estimate: 1e-4, Sample: 2e-5})
}
