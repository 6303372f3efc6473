package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"vsr/internal/conv"
	"vsr/media"
	"vsr/sr/kdsr"
)

// fastISAs are those that have frame kernels.
func fastISAs() []string {
	return slices.DeleteFunc(conv.ISAs(), func(isa string) bool { return conv.FramesOf(isa) == nil })
}

// fastConfigs use every number of vectors that the kernels know, every tail and every scale.
func fastConfigs() []kdsr.Config {
	return []kdsr.Config{
		{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2},
		{C: 32, N: 2, R: 1, Scale: 4, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2},
		{C: 48, N: 1, R: 1, Scale: 3, Tail: kdsr.TailDirect, Skip: kdsr.SkipNone, Stem: 1},
		{C: 16, N: 1, R: 0, Scale: 3, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1},
		{C: 32, N: 1, R: 1, Scale: 4, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNearest, Stem: 2},
		{C: 48, N: 0, R: 1, Scale: 2, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1},
	}
}

func name(c kdsr.Config) string { return fmt.Sprintf("C%dx%d%s", c.C, c.Scale, c.Tail) }

// testSizes is every size from 1 to 17 once as a width and once as a height, and some primes.
func testSizes() [][2]int {
	var sizes [][2]int
	for i := range 17 {
		sizes = append(sizes, [2]int{i + 1, 17 - (i*7)%17})
	}
	return append(sizes, [2]int{1, 1}, [2]int{61, 3}, [2]int{2, 59}, [2]int{127, 5})
}

// TestFastAgainstPlain compares float32 on every instruction set with the specification, in 16 bits.
func TestFastAgainstPlain(t *testing.T) {
	for _, c := range fastConfigs() {
		t.Run(name(c), func(t *testing.T) {
			plain := testEngine(t, c, Options{ISA: "go"})
			var fast []*Engine
			for _, isa := range fastISAs() {
				fast = append(fast, testEngine(t, c, Options{ISA: isa, Precision: PrecisionFP32, Threads: 2}))
			}
			for j, size := range testSizes() {
				compareEngines(t, plain, fast, randomFrame(rgbFormat(size[0], size[1]), uint64(j)))
			}
		})
	}
}

func compareEngines(t *testing.T, plain *Engine, fast []*Engine, src *media.Frame) {
	t.Helper()
	want := upscale(t, plain, src, degradation(t, plain))
	d, err := plain.Estimate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range fast {
		got := upscale(t, e, src, degradation(t, e))
		if worst, _ := difference(want, got); worst > 6 { // of 65535: about 1e-4
			t.Errorf("%s %v: differs by %d of 65535", e.ISA(), src.Format, worst)
		}
		v, err := e.Estimate(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			if math.Abs(float64(d[i]-v[i])) > 1e-5 {
				t.Fatalf("%s %v: estimate[%d] = %v, want %v", e.ISA(), src.Format, i, v[i], d[i])
			}
		}
	}
}

// soften makes the last layer small, before it is packed: the network then adds about 0.08 to the enlarged frame.
func soften(w *kdsr.Weights) {
	last := w.Tensors["G.tail.0.weight"].Data
	for i := range last {
		last[i] *= 0.04
	}
}

// TestFastBands wants the same bits from one band and from many, with any number of threads.
func TestFastBands(t *testing.T) {
	for _, isa := range fastISAs() {
		for _, precision := range []string{PrecisionAuto, PrecisionFP32} {
			for _, c := range []kdsr.Config{fastConfigs()[0], fastConfigs()[2], fastConfigs()[4]} {
				f := media.Format{Width: 21, Height: 131, Layout: media.YUV420, Depth: 10, Color: media.Color{Matrix: 1, Siting: 3}}
				src := randomFrame(f, 5)
				whole := testEngine(t, c, Options{ISA: isa, Precision: precision, Threads: 1})
				want := upscale(t, whole, src, degradation(t, whole))
				d, err := whole.Estimate(context.Background(), src)
				if err != nil {
					t.Fatal(err)
				}
				e := testEngine(t, c, Options{ISA: isa, Precision: precision, Threads: 3, MaxMemory: smallest(t, whole, whole.buildUpscale, f)})
				got := upscale(t, e, src, degradation(t, e))
				if n := e.upscale.plan.bands; n < 4 {
					t.Fatalf("%d bands, want at least 4", n)
				}
				if !equalSamples(want, got) {
					t.Errorf("%s %s %s: bands change the frame", isa, precision, name(c))
				}
				e.opts.MaxMemory = smallest(t, whole, whole.buildEstimate, f)
				if again, err := e.Estimate(context.Background(), src); err != nil || !slices.Equal(d, again) {
					t.Errorf("%s %s %s: bands change the estimate (%v)", isa, precision, name(c), err)
				}
			}
		}
	}
}

// TestAutoPrecision wants half precision within one level of 255 for 99.9 % of samples. The weights are untrained: their
// output is the enlarged frame plus a small difference, as that of trained ones.
func TestAutoPrecision(t *testing.T) {
	for _, preset := range []string{"nano", "fast", "base"} {
		c, err := kdsr.Preset(preset, 4)
		if err != nil {
			t.Fatal(err)
		}
		f := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}
		src := randomFrame(f, 3)
		exact := testEngine(t, c, Options{Precision: PrecisionFP32})
		soften(exact.w)
		want := upscale(t, exact, src, degradation(t, exact))
		for _, isa := range fastISAs() {
			e := testEngine(t, c, Options{ISA: isa})
			soften(e.w)
			worst, share := difference(want, upscale(t, e, src, degradation(t, e)))
			if worst > 2 || share > 0.001 {
				t.Errorf("%s on %s: worst difference %d, %.4f %% of samples differ by more than 1", preset, isa, worst, 100*share)
			}
		}
	}
}

// TestFastColors converts frames of every format with both paths, without a network between.
func TestFastColors(t *testing.T) {
	for _, isa := range fastISAs() {
		k := conv.FramesOf(isa)
		for _, size := range [][2]int{{1, 1}, {2, 3}, {7, 5}, {37, 9}} {
			for _, f := range allFormats(size[0], size[1]) {
				src, want, got := randomFrame(f, 1), randomFrame(f, 2), randomFrame(f, 2)
				col := colorOf(f)
				rgb := &fmap{w: f.Width, h: f.Height, c: 3, pitch: conv.ImagePitch(f.Width)}
				rgb.mem = aligned(rgb.pitch * rgb.h)
				s := aligned(k.YUVScratch(f.Width))
				in, out := yuv(src, &col), yuv(got, &col)
				k.ToRGB(&in, rgb.window(), 0, f.Height, s)
				rows := make([][]float32, f.Height)
				for y := range rows {
					rows[y] = make([]float32, 3*f.Width)
					col.plainToRGB(rows[y], src, y)
					for i, v := range rows[y] {
						fast := rgb.row(y)[i%3*(rgb.pitch/12)+i/3]
						if math.Abs(float64(v-fast)) > 2e-6 {
							t.Fatalf("%s %v %+v: row %d value %d = %v, want %v", isa, f, f.Color, y, i, fast, v)
						}
						rgb.row(y)[i%3*(rgb.pitch/12)+i/3] = v
					}
				}
				n := (f.Height + 1<<col.sy - 1) >> col.sy
				for c := range n {
					col.plainFromRGB(want, c, func(y int) []float32 { return rows[y] })
				}
				k.FromRGB(&out, rgb.window(), 0, n, 0, f.Width, s)
				if worst, _ := difference(want, got); worst > 1 {
					t.Fatalf("%s %v %+v: differs by %d", isa, f, f.Color, worst)
				}
				if !samePadding(want, got) {
					t.Fatalf("%s %v: writes outside the frame", isa, f)
				}
			}
		}
	}
}

// samePadding compares the bytes behind the rows and the alpha plane.
func samePadding(a, b *media.Frame) bool {
	for p := range a.Planes() {
		w, h := a.PlaneSize(p)
		if p == colorPlanes(a.Format) {
			w = 0
		}
		for y := range h {
			from, to := y*a.Stride[p]+w*a.BytesPerSample(), (y+1)*a.Stride[p]
			if !slices.Equal(a.Plane[p][from:to], b.Plane[p][from:to]) {
				return false
			}
		}
	}
	return true
}

// TestNoAllocation: what is left is the job that conv.Workers makes of every step, a few dozen bytes.
func TestNoAllocation(t *testing.T) {
	c, err := kdsr.Preset("fast", 4)
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, c, Options{Threads: 1})
	f := media.Format{Width: 40, Height: 30, Layout: media.YUV420, Depth: 8}
	src, dst, k := randomFrame(f, 1), media.NewFrame(f.Scaled(4)), degradation(t, e)
	ctx := context.Background()
	frame := func() {
		src.Row(0, 0)[0]++ // not a repeat
		if err := e.Upscale(ctx, dst, src, k); err != nil {
			t.Fatal(err)
		}
	}
	frame()
	frame() // the first that looks for what has changed
	if n := testing.AllocsPerRun(5, frame); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestFastCancel ends the context at every task of a frame that many tasks make: each time the frame is given up, and the next
// one is whole, also where it could reuse parts of the one before.
func TestFastCancel(t *testing.T) {
	e := testEngine(t, fastConfigs()[1], Options{Threads: 3})
	f := media.Format{Width: 40, Height: 190, Layout: media.YUV420, Depth: 8}
	src, k := randomFrame(f, 1), degradation(t, e)
	want := upscale(t, e, src, k)
	dst, ended := media.NewFrame(want.Format), 0
	for calls := range 40 {
		src.Row(0, 90)[20] ^= 1 // there and back
		ctx := &endsAfter{Context: context.Background(), calls: calls + 1}
		if err := e.Upscale(ctx, dst, src, k); err == nil {
			continue
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		ended++
		src.Row(0, 90)[20] ^= 1
		if !equalSamples(upscale(t, e, src, k), want) {
			t.Fatalf("after a frame that ended at call %d the next one is wrong", calls)
		}
		src.Row(0, 90)[20] ^= 1
	}
	if ended < 5 {
		t.Errorf("%d frames were given up", ended)
	}
}
