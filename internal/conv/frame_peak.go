//go:build cgo && (amd64 || arm64)

package conv

import (
	"sync"
	"time"

	"vsr/internal/conv/native"
)

// PeakOf measures what an instruction set can do at best, all threads together, in GFLOP/s: multiply-adds of float32, and of
// bfloat16 pairs (0 where there are none). It takes about a tenth of a second; 0 for names that have no native code.
func PeakOf(name string, threads int) (fp32, bf16 float64) {
	for _, i := range native.ISAs() {
		if i.Name == name {
			return peakOf(i, threads, false), peakOf(i, threads, true)
		}
	}
	return 0, 0
}

// Clock measures the clock of the core that it runs on, in GHz; 0 without native code.
func Clock() float64 {
	f := native.FramesOf(available[len(available)-1].name)
	if f == nil {
		return 0
	}
	const n = 4_000_000
	best := 0.0
	for range 5 {
		began := time.Now()
		f.Clock(n)
		best = max(best, n/float64(time.Since(began)))
	}
	return best
}

// peakOf returns the best of many short runs: in some the threads do not start together, and a peak found too low makes every
// share of it look good.
func peakOf(i *native.ISA, threads int, bf16 bool) float64 {
	best := 0.0
	for range 30 {
		ops := make([]float64, threads)
		began := time.Now()
		var wait sync.WaitGroup
		for t := range ops {
			wait.Go(func() { ops[t] = i.Peak(bf16, 300_000) })
		}
		wait.Wait()
		sum := 0.0
		for _, n := range ops {
			sum += n
		}
		best = max(best, sum/float64(time.Since(began)))
	}
	return best
}
