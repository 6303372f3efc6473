//go:build nvidia

package cuda

import (
	"context"
	"strings"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/enginetest"
	"vsr/sr/kdsr"
)

// The tests of this file want a real GPU; scripts/gpu-check.sh runs them.
func onlyOnGPU(t testing.TB) {
	t.Helper()
	if !onGPU() {
		t.Skip("set VSR_TEST_REAL_GPU=1 to run this on a GPU")
	}
}

func TestEngineOnGPU(t *testing.T) {
	onlyOnGPU(t)
	enginetest.Run(t, func(w *kdsr.Weights) (sr.Engine, error) { return New(w, Options{}) }, tolerance)
}

// BenchmarkUpscale is one frame at a time, from planes to planes, without any overlap.
func BenchmarkUpscale(b *testing.B) {
	onlyOnGPU(b)
	if all, err := Devices(); err != nil || strings.HasPrefix(all[0].Name, "FAKE") {
		b.Skip("an emulated GPU has no speed")
	}
	for _, size := range []struct {
		name string
		w, h int
	}{{"360p", 640, 360}, {"720p", 1280, 720}} {
		for _, model := range []string{"fast", "base"} {
			b.Run("cuda/"+size.name+"/"+model, func(b *testing.B) {
				e := open(b, preset(b, model, 2, 99, 99))
				f := yuv(size.w, size.h)
				src, dst := frame(f, 1), media.NewFrame(f.Scaled(2))
				ctx := context.Background()
				d, err := e.Modulate(ctx, make([]float32, e.w.Config.C))
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := e.Upscale(ctx, dst, src, d); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
			})
		}
	}
}
