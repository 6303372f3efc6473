package cpu

import (
	"context"
	"fmt"
	"testing"

	"vsr/sr/kdsr"
)

// BenchmarkUpscale/<preset>/<isa>/<precision> upscales 320x180 frames by 4. It reports the figures of Bench; its own time is that
// of the whole call.
func BenchmarkUpscale(b *testing.B) {
	for _, preset := range []string{"nano", "fast", "base", "m"} {
		c, err := kdsr.Preset(preset, 4)
		if err != nil {
			b.Fatal(err)
		}
		w, err := kdsr.RandomWeights(c, 1)
		if err != nil {
			b.Fatal(err)
		}
		for _, isa := range fastISAs() {
			for _, precision := range []string{PrecisionAuto, PrecisionFP32} {
				b.Run(fmt.Sprintf("%s/%s/%s", preset, isa, precision), func(b *testing.B) {
					r, err := Bench(context.Background(), w, 320, 180, max(b.N, 5), Options{ISA: isa, Precision: precision})
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(r.FPS, "fps")
					b.ReportMetric(r.GFLOPS, "GFLOP/s")
					b.ReportMetric(r.ShareOfPeak, "of_peak")
					b.ReportMetric(r.ShareOfLimit, "of_limit")
					b.ReportMetric(r.CPU, "cpu_ms")
					b.ReportMetric(r.CPUShareOfLimit, "cpu_of_limit")
				})
			}
		}
	}
}
