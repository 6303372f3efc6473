package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The benchmarks run every instruction set on all cores, batch 8 of 64x64, and report GFLOP/s of the direct convolution (so
// Winograd may exceed the peak) and their share of the multiply-add peak that this machine reaches in the same run. Both
// are from the fastest turn, because other programs only ever make a turn slower; ns/op is the mean as always.

func BenchmarkForward(b *testing.B) {
	benchmark(b, func(ws *Workers, m *tensors, s Shape) { Forward(ws, m.y, m.x, m.w, m.b, m.dy, s, true) }, 9)
}

func BenchmarkBackwardData(b *testing.B) {
	benchmark(b, func(ws *Workers, m *tensors, s Shape) { BackwardData(ws, m.dx, m.dy, m.w, s) }, 9)
}

func BenchmarkBackwardWeights(b *testing.B) {
	benchmark(b, func(ws *Workers, m *tensors, s Shape) { BackwardWeights(ws, m.dw, m.db, m.x, m.dy, s) }, 9)
}

// Forward and backward of one IDR-DCRB.
func BenchmarkBlock(b *testing.B) {
	benchmark(b, func(ws *Workers, m *tensors, s Shape) {
		Block(ws, m.y, m.x, m.k, m.w, m.b, s)
		BlockBackward(ws, m.dx, m.dk, m.dw, m.db, m.dy, m.x, m.k, m.w, s)
	}, 27)
}

// Forward and backward of the depthwise step alone.
func BenchmarkDepthwise(b *testing.B) {
	benchmark(b, func(ws *Workers, m *tensors, s Shape) {
		Depthwise(ws, m.y, m.x, m.k, s, true)
		DepthwiseBackwardData(ws, m.dx, m.dy, m.k, s)
		DepthwiseBackwardKernels(ws, m.dk, m.x, m.dy, s)
	}, 0)
}

type tensors struct{ x, y, dx, dy, k, dk, w, dw, b, db []float32 }

// benchmark runs op on C = 32 and 64; taps is its multiply-adds per pixel and pair of channels.
func benchmark(b *testing.B, op func(*Workers, *tensors, Shape), taps float64) {
	was := ISA()
	defer func() { _ = Use(was) }()
	ws := NewWorkers(0)
	defer ws.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for _, isa := range ISAs()[min(1, len(ISAs())-1):] { // plain Go only where there is nothing else
		if err := Use(isa); err != nil {
			b.Fatal(err)
		}
		peak, _ := Peak(ws.Len())
		for _, c := range []int{32, 64} {
			s := Shape{N: 8, H: 64, W: 64, In: c, Out: c, Stride: 1}
			n := s.pixels() * c
			m := &tensors{x: random(r, n), y: random(r, n), dx: random(r, n), dy: random(r, n), k: random(r, 8*9*c), dk: random(r, 8*9*c),
				w: random(r, 9*c*c), dw: random(r, 9*c*c), b: random(r, c), db: random(r, c)}
			b.Run(fmt.Sprintf("%s/C=%d", isa, c), func(b *testing.B) {
				best := math.Inf(1)
				for b.Loop() {
					start := time.Now()
					op(ws, m, s)
					best = min(best, time.Since(start).Seconds())
				}
				flops := 2 * float64(s.pixels()*c*c) * taps
				if depthwise := float64(s.pixels() * c); taps == 0 {
					flops = 2 * 27 * depthwise
				}
				rate := flops / best / 1e9
				b.ReportMetric(1e3*best, "best-ms")
				b.ReportMetric(rate, "GFLOP/s")
				if peak > 0 {
					b.ReportMetric(100*rate/peak, "%peak")
				}
			})
		}
	}
}
