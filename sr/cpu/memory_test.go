package cpu

import (
	"context"
	"slices"
	"testing"

	"vsr/media"
)

// spoil fills the memory of maps and workers with bytes that make numbers that are not numbers, in every precision.
func spoil(e *Engine) {
	for i := range e.pool.maps {
		e.pool.maps[i] = 0xff
	}
	for range cap(e.pool.free) {
		s := <-e.pool.free
		for i := range s.mem {
			s.mem[i] = 0xff
		}
		e.pool.free <- s
	}
}

// TestMemoryHoldsAnything runs Estimate and Upscale, which share memory, on every size of the testSizes over memory full of garbage:
// what lies beside and behind a map must not be seen.
func TestMemoryHoldsAnything(t *testing.T) {
	for _, isa := range append(fastISAs(), "go") {
		for i, c := range fastConfigs() {
			for _, precision := range []string{PrecisionAuto, PrecisionFP32} {
				if isa == "go" && (i > 0 || precision == PrecisionAuto) {
					continue
				}
				clean := testEngine(t, c, Options{ISA: isa, Precision: precision, Threads: 1})
				spoiled := testEngine(t, c, Options{ISA: isa, Precision: precision, Threads: 2, NoReuse: true})
				d, dSpoiled := degradation(t, clean), degradation(t, spoiled)
				for j, size := range testSizes() {
					if (i+j)%3 != 0 {
						continue
					}
					src := randomFrame(media.Format{Width: size[0], Height: size[1], Layout: media.YUV420, Depth: 8}, uint64(j))
					clean.pool.maps, clean.estimate, clean.upscale = nil, nil, nil
					want := upscale(t, clean, src, d)
					clean.pool.maps, clean.estimate, clean.upscale = nil, nil, nil
					wantD, err := clean.Estimate(context.Background(), src)
					if err != nil {
						t.Fatal(err)
					}
					upscale(t, spoiled, src, dSpoiled)
					spoil(spoiled)
					gotD, err := spoiled.Estimate(context.Background(), src)
					if err != nil || !slices.Equal(gotD, wantD) {
						t.Fatalf("%s %s %v: garbage changes the estimate (%v)", isa, name(c), src.Format, err)
					}
					spoil(spoiled)
					if !equalSamples(upscale(t, spoiled, src, dSpoiled), want) {
						t.Fatalf("%s %s %s %v: garbage changes the frame", isa, precision, name(c), src.Format)
					}
				}
			}
		}
	}
}

// TestPlansShareMemory: what an engine holds is what its largest plan needs, whatever ran before.
func TestPlansShareMemory(t *testing.T) {
	c := fastConfigs()[1]
	f := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}
	alone := testEngine(t, c, Options{Threads: 1})
	upscale(t, alone, randomFrame(f, 1), degradation(t, alone))
	both := testEngine(t, c, Options{Threads: 1})
	first, err := both.Estimate(context.Background(), randomFrame(f, 1))
	if err != nil {
		t.Fatal(err)
	}
	estimate := len(both.pool.maps)
	upscale(t, both, randomFrame(f, 1), degradation(t, both))
	again, err := both.Estimate(context.Background(), randomFrame(f, 1))
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("another estimate after a frame (%v)", err)
	}
	if n, one := len(both.pool.maps), len(alone.pool.maps); n != max(estimate, one) {
		t.Errorf("%d bytes for both, %d for Estimate and %d for Upscale", n, estimate, one)
	}
}
