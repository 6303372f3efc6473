package cpu

import (
	"testing"

	"vsr/sr"
	"vsr/sr/enginetest"
	"vsr/sr/kdsr"
)

// TestSuite runs the suite of all engines on every fast instruction set; enginetest itself runs the plain path.
func TestSuite(t *testing.T) {
	for _, isa := range fastISAs() {
		t.Run(isa, func(t *testing.T) {
			enginetest.Run(t, func(w *kdsr.Weights) (sr.Engine, error) {
				return New(w, Options{ISA: isa, Precision: PrecisionFP32, Threads: 2})
			}, enginetest.Tolerance{Estimate: 1e-4, Sample: 3e-5})
		})
	}
}
