package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// rgbFormat is full-range 16-bit RGB: no color arithmetic stands between the frame and the network.
func rgbFormat(w, h int) media.Format {
	return media.Format{Width: w, Height: h, Layout: media.YUV444, Depth: 16,
		Color: media.Color{Matrix: media.MatrixRGB, Range: media.RangeFull, Primaries: 1, Transfer: 1}}
}

// randomFrame returns a frame of random samples whose row padding holds other random bytes.
func randomFrame(f media.Format, seed uint64) *media.Frame {
	rng := rand.New(rand.NewPCG(seed, 7))
	fr := media.NewFrame(f)
	for p := range f.Planes() {
		for i := range fr.Plane[p] {
			fr.Plane[p][i] = byte(rng.Uint32())
		}
		if f.Depth == 8 {
			continue
		}
		w, h := f.PlaneSize(p)
		for y := range h {
			row := fr.Row(p, y)
			for x := range w {
				row[2*x+1] &= byte(1<<(f.Depth-8) - 1)
			}
		}
	}
	return fr
}

func testEngine(t testing.TB, c kdsr.Config, opts Options) *Engine {
	t.Helper()
	w, err := kdsr.RandomWeights(c, 3)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(w, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// degradation is a Modulate of a random vector that is large enough to matter.
func degradation(t testing.TB, e *Engine) sr.Degradation {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 5))
	d := make([]float32, e.w.Config.C)
	for i := range d {
		d[i] = 4*rng.Float32() - 1
	}
	k, err := e.Modulate(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func upscale(t testing.TB, e *Engine, src *media.Frame, d sr.Degradation) *media.Frame {
	t.Helper()
	dst := media.NewFrame(src.Format.Scaled(e.Scale()))
	if err := e.Upscale(context.Background(), dst, src, d); err != nil {
		t.Fatal(err)
	}
	return dst
}

// difference returns the largest difference of two frames in levels, and the share of samples that differ by more than one.
func difference(a, b *media.Frame) (worst int, share float64) {
	n, bad := 0, 0
	for p := range colorPlanes(a.Format) {
		w, h := a.PlaneSize(p)
		for y := range h {
			for x := range w {
				d := abs(int(sample(a.Row(p, y), x, a.BytesPerSample())) - int(sample(b.Row(p, y), x, b.BytesPerSample())))
				worst = max(worst, d)
				n++
				if d > 1 {
					bad++
				}
			}
		}
	}
	return worst, float64(bad) / float64(n)
}

// configs are small networks of both families.
func configs() []kdsr.Config {
	var cs []kdsr.Config
	for s := 2; s <= 4; s++ {
		cs = append(cs, kdsr.Config{C: 5, N: 2, R: 1, Scale: s, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1},
			kdsr.Config{C: 6, N: 3, R: 2, Scale: s, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2})
	}
	return cs
}

// rgbArray reads a frame of rgbFormat as [1,3,H,W] in [0,1].
func rgbArray(f *media.Frame) *kdsr.Array {
	a := kdsr.NewArray(1, 3, f.Height, f.Width)
	for c, p := range []int{2, 0, 1} {
		for y := range f.Height {
			for x := range f.Width {
				a.Data[(c*f.Height+y)*f.Width+x] = float64(sample(f.Row(p, y), x, 2)) / 65535
			}
		}
	}
	return a
}

// TestPlainAgainstReference compares the whole engine with kdsr.Reference, which computes in float64.
func TestPlainAgainstReference(t *testing.T) {
	for _, c := range configs() {
		for _, size := range [][2]int{{1, 1}, {1, 7}, {2, 2}, {3, 5}, {9, 4}, {13, 11}} {
			for _, full := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s%d/%dx%d/full=%v", c.Tail, c.Scale, size[0], size[1], full), func(t *testing.T) {
					e := testEngine(t, c, Options{ISA: "go", Threads: 2})
					e.fullTail = full
					src := randomFrame(rgbFormat(size[0], size[1]), 1)
					ref := &kdsr.Reference{Weights: e.w}
					_, d := kdsr.Estimate(ref, c, rgbArray(src))
					got, err := e.Estimate(context.Background(), src)
					if err != nil {
						t.Fatal(err)
					}
					for i, v := range d.Data {
						if math.Abs(v-float64(got[i])) > 1e-5 {
							t.Fatalf("estimate[%d] = %v, want %v", i, got[i], v)
						}
					}
					k, err := e.Modulate(context.Background(), got)
					if err != nil {
						t.Fatal(err)
					}
					y := kdsr.Upscale(ref, c, rgbArray(src), kdsr.Modulate(ref, c, d))
					if ref.Err() != nil {
						t.Fatal(ref.Err())
					}
					compareFrame(t, upscale(t, e, src, k), y)
				})
			}
		}
	}
}

// compareFrame wants the frame to be the rounded frame, with a level of 65535 for float32.
func compareFrame(t *testing.T, f *media.Frame, want *kdsr.Array) {
	t.Helper()
	got := rgbArray(f)
	for i, v := range want.Data {
		v = min(max(v, 0), 1)
		if math.Abs(v-got.Data[i]) > 2.0/65535 {
			t.Fatalf("sample %d (%dx%d) = %v, want %v", i, f.Width, f.Height, got.Data[i], v)
		}
	}
}

// TestBandsAndThreadsChangeNothing runs one frame whole and in the smallest bands.
func TestBandsAndThreadsChangeNothing(t *testing.T) {
	for _, c := range configs() {
		for _, f := range []media.Format{rgbFormat(6, 83), {Width: 9, Height: 67, Layout: media.YUV420, Depth: 8,
			Color: media.Color{Matrix: 1, Siting: sitingTopLeft}}} {
			src := randomFrame(f, 2)
			whole := testEngine(t, c, Options{ISA: "go", Threads: 1})
			want := upscale(t, whole, src, degradation(t, whole))
			wantD, err := whole.Estimate(context.Background(), src)
			if err != nil {
				t.Fatal(err)
			}
			for _, threads := range []int{1, 3} {
				e := testEngine(t, c, Options{ISA: "go", Threads: threads, MaxMemory: smallest(t, whole, whole.buildUpscale, f)})
				got := upscale(t, e, src, degradation(t, e))
				if n := e.upscale.plan.bands; n < 4 {
					t.Fatalf("%d bands, want at least 4", n)
				}
				if !equalSamples(got, want) {
					t.Errorf("%s x%d, %d threads: bands change the frame", c.Tail, c.Scale, threads)
				}
				e.opts.MaxMemory = smallest(t, whole, whole.buildEstimate, f)
				d, err := e.Estimate(context.Background(), src)
				if err != nil || !slices.Equal(d, wantD) {
					t.Errorf("%s x%d: estimate %v in bands, want %v (%v)", c.Tail, c.Scale, d, wantD, err)
				}
			}
		}
	}
}

// smallest returns the least memory limit that layout accepts for this format.
func smallest(t *testing.T, e *Engine, build func(media.Format) (*program, error), f media.Format) int64 {
	t.Helper()
	g, err := build(f)
	if err != nil {
		t.Fatal(err)
	}
	g.plan.simulate(16)
	return g.plan.bytes
}

func TestTooLittleMemory(t *testing.T) {
	e := testEngine(t, configs()[0], Options{ISA: "go", MaxMemory: 1000})
	src := randomFrame(rgbFormat(40, 40), 1)
	dst := media.NewFrame(src.Format.Scaled(2))
	err := e.Upscale(context.Background(), dst, src, degradation(t, e))
	if err == nil || !strings.Contains(err.Error(), "40x40") || !strings.Contains(err.Error(), "MiB") {
		t.Fatalf("error %v", err)
	}
}

func TestRepeatedFrames(t *testing.T) {
	e := testEngine(t, configs()[0], Options{Threads: 1})
	f := media.Format{Width: 7, Height: 5, Layout: media.YUV420, Depth: 8}
	a, b := degradation(t, e), degradation(t, e)
	src := randomFrame(f, 1)
	first := upscale(t, e, src, a)
	again := randomFrame(f, 9) // other padding
	copySamples(again, src)
	if second := upscale(t, e, again, a); !equalSamples(first, second) {
		t.Error("the repeated frame has another frame")
	}
	if n := e.Stats().Repeated; n != 1 {
		t.Errorf("%d repeats, want 1", n)
	}
	upscale(t, e, again, b) // another degradation
	again.Row(2, 2)[3] ^= 1 // the last sample
	upscale(t, e, again, b)
	if s := e.Stats(); s.Repeated != 1 || s.Frames != 4 {
		t.Errorf("%d repeats of %d frames, want 1 of 4", s.Repeated, s.Frames)
	}
}

func TestCancel(t *testing.T) {
	e := testEngine(t, configs()[0], Options{Threads: 2})
	src := randomFrame(rgbFormat(9, 40), 1)
	k := degradation(t, e)
	want := upscale(t, e, src, k)
	src2 := randomFrame(rgbFormat(9, 40), 2)
	ctx := &endsAfter{Context: context.Background(), calls: 6}
	if err := e.Upscale(ctx, media.NewFrame(want.Format), src2, k); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want canceled", err)
	}
	if _, err := e.Estimate(&endsAfter{Context: context.Background(), calls: 3}, src); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want canceled", err)
	}
	if got := upscale(t, e, src, k); !equalSamples(got, want) {
		t.Error("a cancelled frame changes the next one")
	}
}

func TestBadCalls(t *testing.T) {
	w, err := kdsr.RandomWeights(configs()[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Threads: -1}, {Precision: "fp8"}, {ISA: "z80"}, {MaxMemory: -1}} {
		if _, err := New(w, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	e, other := testEngine(t, configs()[0], Options{}), testEngine(t, configs()[0], Options{})
	ctx, src := context.Background(), randomFrame(rgbFormat(4, 4), 1)
	if err := e.Upscale(ctx, media.NewFrame(rgbFormat(8, 8)), src, degradation(t, other)); err == nil {
		t.Error("a degradation of another engine is accepted")
	}
	if err := e.Upscale(ctx, media.NewFrame(rgbFormat(8, 9)), src, degradation(t, e)); err == nil {
		t.Error("an output of the wrong size is accepted")
	}
	if _, err := e.Modulate(ctx, make([]float32, 4)); err == nil {
		t.Error("a short vector is accepted")
	}
	delete(w.Tensors, "G.head.0.bias")
	if _, err := New(w, Options{}); err == nil || !strings.Contains(err.Error(), "G.head.0.bias") {
		t.Errorf("missing tensor: error %v", err)
	}
	k := degradation(t, e)
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := e.Upscale(ctx, media.NewFrame(rgbFormat(8, 8)), src, k); !errors.Is(err, errClosed) {
		t.Errorf("after Close: error %v", err)
	}
}

// A network that half precision does not suit says so in its file.
func TestPrecisionOfFile(t *testing.T) {
	c := kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	body := []string{"G.body.1", "G.body.0.body.1.conv1", "G.body.0.body.0.conv1"} // from the tail on
	for _, test := range []struct {
		asks, precision string
		exact           int
	}{
		{"", PrecisionAuto, 0}, {"last:0", PrecisionAuto, 0}, {"last:1", PrecisionAuto, 1}, {"last:2", PrecisionAuto, 2},
		{"last:3", PrecisionFP32, 3}, {"last:99", PrecisionFP32, 3}, {"fp32", PrecisionFP32, 3}, {"what?", PrecisionFP32, 3},
	} {
		w, err := kdsr.RandomWeights(c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if test.asks != "" {
			w.Meta[kdsr.MetaPrecision] = test.asks
		}
		e, err := New(w, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if e.frames == nil {
			t.Skip("no fast kernels here, and the plain path is always float32")
		}
		if e.Precision() != test.precision {
			t.Errorf("%q: precision %s, want %s", test.asks, e.Precision(), test.precision)
		}
		upscale(t, e, randomFrame(media.Format{Width: 16, Height: 16, Layout: media.YUV420, Depth: 8}, 1), degradation(t, e))
		for i, name := range body {
			if _, exact := e.packed[layerKey{name: name}]; exact != (i < test.exact || e.ISA() != "avx512bf16") {
				t.Errorf("%q: %s in float32: %v", test.asks, name, exact)
			}
		}
		e.Close()
	}
}
