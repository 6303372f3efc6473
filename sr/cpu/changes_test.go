package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vsr/media"
	"vsr/sr/kdsr"
)

// TestUnchangedParts wants the same bits from an engine that computes only what has changed and from one that computes every
// frame whole: small changes in any plane, at the edges and in the middle, several at a time, and none.
func TestUnchangedParts(t *testing.T) {
	formats := []media.Format{
		{Width: 203, Height: 150, Layout: media.YUV420, Depth: 8},
		{Width: 160, Height: 97, Layout: media.YUV420, Depth: 10, Color: media.Color{Matrix: 1, Siting: sitingCenter}},
		{Width: 160, Height: 97, Layout: media.YUV422, Depth: 8},
		{Width: 96, Height: 130, Layout: media.Gray, Depth: 8},
		rgbFormat(130, 90),
		{Width: 90, Height: 80, Layout: media.YUV420, Depth: 8, Color: media.Color{Siting: sitingTopLeft}}, // computed whole
	}
	for j, isa := range fastISAs() {
		for i, c := range fastConfigs() {
			f, threads := formats[(i+j)%len(formats)], 1+2*(i%2)
			t.Run(fmt.Sprintf("%s/%s/%d threads/%v", isa, name(c), threads, f), func(t *testing.T) {
				checkUnchangedParts(t, c, Options{ISA: isa, Threads: threads}, f)
			})
		}
	}
}

func checkUnchangedParts(t *testing.T, c kdsr.Config, opts Options, f media.Format) {
	e := testEngine(t, c, opts)
	opts.NoReuse = true
	whole := testEngine(t, c, opts)
	d, dWhole := degradation(t, e), degradation(t, whole)
	src := randomFrame(f, 1)
	rng := rand.New(rand.NewPCG(uint64(f.Width), 3))
	some := 0
	for i := range 8 {
		got, want := upscale(t, e, src, d), upscale(t, whole, src, dWhole)
		if !equalSamples(got, want) {
			t.Fatalf("frame %d: not what computing everything gives", i)
		}
		if e.upscale.plan.again.some {
			some++
		}
		for range i % 3 {
			change(rng, src)
		}
	}
	if strips := e.upscale.plan.strips != nil; strips != (some > 0) {
		t.Errorf("%d frames were computed in part, strips: %v", some, strips)
	}
	if s := e.Stats(); s.Repeated != 3 || (s.Reused > 3) != (some > 0) || s.Reused >= 8 {
		t.Errorf("%+v with %d frames computed in part", s, some)
	}
	if s := whole.Stats(); s.Repeated != 0 || s.Reused != 0 {
		t.Errorf("without reuse: %+v", s)
	}
}

// change alters a few samples that lie together, mostly at the edge of a plane.
func change(rng *rand.Rand, f *media.Frame) {
	p := rng.IntN(colorPlanes(f.Format))
	w, h := f.PlaneSize(p)
	x, y := []int{0, w - 1, rng.IntN(w)}[rng.IntN(3)], []int{0, h - 1, rng.IntN(h)}[rng.IntN(3)]
	for j := y; j < min(h, y+3); j++ {
		for i := x; i < min(w, x+3); i++ {
			f.Row(p, j)[i*f.BytesPerSample()] ^= 0x55
		}
	}
}

// TestChangedRegion moves a single sample and looks at how much is computed: more than the sample, less than the frame.
func TestChangedRegion(t *testing.T) {
	c := fastConfigs()[0]
	e := testEngine(t, c, Options{Threads: 1})
	if e.frames == nil {
		t.Skip("no fast kernels here, and the plain path computes every frame whole")
	}
	f := media.Format{Width: 320, Height: 240, Layout: media.YUV420, Depth: 8}
	d, src := degradation(t, e), randomFrame(f, 4)
	upscale(t, e, src, d)
	src.Row(0, 120)[160] ^= 1
	upscale(t, e, src, d)
	if a := e.upscale.plan.again; !a.some || a.area < 16*16 || a.area > 96*96 {
		t.Errorf("some %v, %d pixels", a.some, a.area)
	}
	for r := 1; r < 240; r += 24 { // rows all over the frame: everything
		for x := 0; x < 320; x += 20 {
			src.Row(0, r)[x] ^= 1
		}
	}
	upscale(t, e, src, d)
	if a := e.upscale.plan.again; a.some || a.area != 320*240 {
		t.Errorf("some %v, %d pixels, want the whole frame", a.some, a.area)
	}
}

// TestChangedSample changes one sample at every place relative to tiles and cells, in 16 bits, where even the edge of what it
// reaches can be seen: regions that are a pixel too small would leave something as it was.
func TestChangedSample(t *testing.T) {
	c := kdsr.Config{C: 16, N: 1, R: 0, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 1}
	e, whole := testEngine(t, c, Options{Threads: 1}), testEngine(t, c, Options{Threads: 1, NoReuse: true})
	if e.frames == nil {
		t.Skip("no fast kernels here, and the plain path computes every frame whole")
	}
	d, dWhole := degradation(t, e), degradation(t, whole)
	src := randomFrame(media.Format{Width: 128, Height: 104, Layout: media.YUV420, Depth: 16}, 6)
	upscale(t, e, src, d)
	some := 0
	for p := range 3 {
		for place := range 16 * 8 {
			x, y := 48+place%16, 48+place/16
			if p > 0 {
				x, y = x/2, y/2
			}
			src.Row(p, y)[2*x+1] ^= 0x80 // half of the range
			if got, want := upscale(t, e, src, d), upscale(t, whole, src, dWhole); !equalSamples(got, want) {
				t.Fatalf("plane %d, column %d, row %d: not what computing everything gives", p, x, y)
			}
			if e.upscale.plan.again.some {
				some++
			}
		}
	}
	if some < 16*8 {
		t.Errorf("only %d of %d frames were computed in part", some, 3*16*8)
	}
}
