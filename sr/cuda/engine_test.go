//go:build nvidia

package cuda

import (
	"testing"

	"vsr/sr"
	"vsr/sr/enginetest"
	"vsr/sr/kdsr"
)

// tolerance of half-precision feature maps: one level of 8 bits.
var tolerance = enginetest.Tolerance{Estimate: 2e-3, Sample: 1.0 / 255}

func TestEngineOnSources(t *testing.T) {
	emulated(t, "source")
	enginetest.Run(t, func(w *kdsr.Weights) (sr.Engine, error) { return New(w, Options{}) }, tolerance)
}

func TestEngineOnPTX(t *testing.T) {
	emulated(t, "ptx")
	enginetest.Run(t, func(w *kdsr.Weights) (sr.Engine, error) { return New(w, Options{}) }, tolerance)
}
