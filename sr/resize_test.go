package sr

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"vsr/media"
)

func format(w, h int, l media.Layout, depth int, s media.Siting) media.Format {
	return media.Format{Width: w, Height: h, Layout: l, Depth: depth, Color: media.Color{Matrix: 1, Range: 1, Siting: s}}
}

// level reads one sample.
func level(f *media.Frame, p, x, y int) int {
	row := f.Row(p, y)
	if f.BytesPerSample() == 1 {
		return int(row[x])
	}
	return int(row[2*x]) | int(row[2*x+1])<<8
}

// fill sets every sample of plane p.
func fill(f *media.Frame, p int, value func(x, y int) float64) {
	w, h := f.PlaneSize(p)
	for y := range h {
		row := f.Row(p, y)
		for x := range w {
			v := int(math.Round(value(x, y)))
			if row[x*f.BytesPerSample()] = byte(v); f.BytesPerSample() == 2 {
				row[2*x+1] = byte(v >> 8)
			}
		}
	}
}

// places is where the first chroma sample lies in luma samples, by FFmpeg's AVChromaLocation: unspecified, left, center,
// topleft, top, bottomleft, bottom.
var places = [7][2]float64{{0, 0.5}, {0, 0.5}, {0.5, 0.5}, {0, 0}, {0.5, 0}, {0, 1}, {0.5, 1}}

// ramp fills a frame with planes that are linear in luma coordinates, with chroma where its siting puts it. unit is the size
// of the frame in the coordinates of the small one.
func ramp(f *media.Frame, unit float64) {
	sx, sy := f.Layout.Shift()
	ox, oy := places[f.Color.Siting][0], places[f.Color.Siting][1]
	peak := float64(int(1) << f.Depth)
	for p := range f.Planes() {
		fill(f, p, func(x, y int) float64 {
			lx, ly := float64(x), float64(y)
			if w, _ := f.PlaneSize(p); p > 0 && p < 3 && f.Layout != media.Gray && (w != f.Width || sx > 0) {
				if sx > 0 {
					lx = 2*lx + ox
				}
				if sy > 0 {
					ly = 2*ly + oy
				}
			}
			lx, ly = (lx+0.5)*unit, (ly+0.5)*unit // in the small frame
			return peak * (0.1 + 0.007*lx + 0.005*ly + 0.05*float64(p))
		})
	}
}

// TestRamp: linear planes stay linear, in the same place, whatever layout, siting and direction of the change. The first
// and last samples are left out: there the edge is repeated. Lanczos bends a ramp by up to 1/30 of a sample; the allowed
// difference is a seventh of a sample, the smallest fault of siting would be a quarter.
func TestRamp(t *testing.T) {
	for _, l := range []media.Layout{media.Gray, media.YUV420, media.YUV422, media.YUV444} {
		for siting := range media.Siting(7) {
			for _, depth := range []int{8, 10, 16} {
				for _, to := range [][2]int{{60, 40}, {90, 60}, {45, 30}, {30, 20}} {
					f := format(60, 40, l, depth, siting)
					f.Alpha = true
					g := f
					g.Width, g.Height = to[0], to[1]
					src, got, want := media.NewFrame(f), media.NewFrame(g), media.NewFrame(g)
					ramp(src, 1)
					ramp(want, 60/float64(to[0]))
					r, err := NewResizer(f, g)
					if err != nil {
						t.Fatal(err)
					}
					if err := r.Resize(got, src); err != nil {
						t.Fatal(err)
					}
					within(t, got, want, 8, 1+1<<depth/1000)
				}
			}
		}
	}
}

// within compares samples at least edge away from the border.
func within(t *testing.T, got, want *media.Frame, edge, most int) {
	t.Helper()
	for p := range got.Planes() {
		w, h := got.PlaneSize(p)
		for y := edge; y < h-edge; y++ {
			for x := edge; x < w-edge; x++ {
				if d := level(got, p, x, y) - level(want, p, x, y); d > most || d < -most {
					t.Fatalf("%v siting %d: plane %d at (%d,%d) is %d, want %d", got.Format, got.Color.Siting, p, x, y,
						level(got, p, x, y), level(want, p, x, y))
				}
			}
		}
	}
}

func TestResizeKeepsFlatFrames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		f := format(1+rng.IntN(40), 1+rng.IntN(40), media.Layout(rng.IntN(4)), 8+rng.IntN(9), media.Siting(rng.IntN(7)))
		g := f
		g.Width, g.Height = 1+rng.IntN(90), 1+rng.IntN(90)
		src, dst := media.NewFrame(f), media.NewFrame(g)
		value := rng.IntN(1 << f.Depth)
		for p := range f.Planes() {
			fill(src, p, func(int, int) float64 { return float64(value) })
		}
		r, err := NewResizer(f, g)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Resize(dst, src); err != nil {
			t.Fatal(err)
		}
		for p := range g.Planes() {
			w, h := g.PlaneSize(p)
			for i := range w * h {
				if v := level(dst, p, i%w, i/w); v != value {
					t.Fatalf("%v to %v: plane %d has %d, want %d", f, g, p, v, value)
				}
			}
		}
	}
}

// TestSameSize: at its own size a frame comes back bit for bit, with every filter and siting.
func TestSameSize(t *testing.T) {
	for siting := range media.Siting(7) {
		f := format(17, 9, media.YUV420, 10, siting)
		src, dst := media.NewFrame(f), media.NewFrame(f)
		noise(src, 4)
		r, err := NewResizer(f, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Resize(dst, src); err != nil {
			t.Fatal(err)
		}
		within(t, dst, src, 0, 0)
	}
}

func noise(f *media.Frame, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for p := range f.Planes() {
		fill(f, p, func(int, int) float64 { return float64(rng.IntN(1 << f.Depth)) })
	}
}

// TestShrinkingDoesNotAlias: stripes finer than the output can show become flat gray.
func TestShrinkingDoesNotAlias(t *testing.T) {
	f, g := format(120, 64, media.Gray, 8, 0), format(40, 64, media.Gray, 8, 0)
	src, dst := media.NewFrame(f), media.NewFrame(g)
	fill(src, 0, func(x, _ int) float64 { return 28 + 200*float64(x%2) })
	r, err := NewResizer(f, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Resize(dst, src); err != nil {
		t.Fatal(err)
	}
	for x := 4; x < 36; x++ {
		if v := level(dst, 0, x, 20); v < 124 || v > 132 {
			t.Errorf("column %d is %d, want about 128", x, v)
		}
	}
}

// TestCatmullRom holds the bicubic engine against weights worked out by hand: at x2 a sample lies a quarter off, and
// Keys' cubic gives -9/128, 111/128, 29/128, -3/128.
func TestCatmullRom(t *testing.T) {
	f := format(8, 1, media.Gray, 8, 0)
	src := media.NewFrame(f)
	row := []float64{10, 20, 40, 80, 160, 90, 30, 10}
	fill(src, 0, func(x, _ int) float64 { return row[x] })
	e, err := NewBicubic(2)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(context.Background(), []float32{0})
	if err != nil {
		t.Fatal(err)
	}
	dst := media.NewFrame(f.Scaled(2))
	if err := e.Upscale(context.Background(), dst, src, d); err != nil {
		t.Fatal(err)
	}
	for x := 2; x < 5; x++ { // output 2x+1 lies at x + 1/4
		want := (-9*row[x-1] + 111*row[x] + 29*row[x+1] - 3*row[x+2]) / 128
		if got := level(dst, 0, 2*x+1, 0); math.Abs(float64(got)-want) > 0.5001 {
			t.Errorf("sample %d is %d, want %.2f", 2*x+1, got, want)
		}
	}
}

func TestNewResizerRefuses(t *testing.T) {
	f := format(8, 8, media.YUV420, 8, 1)
	for name, g := range map[string]media.Format{
		"depth":  format(8, 8, media.YUV420, 10, 1),
		"layout": format(8, 8, media.YUV444, 8, 1),
		"siting": format(8, 8, media.YUV420, 8, 2),
		"size":   format(8, 0, media.YUV420, 8, 1),
		"alpha":  {Width: 8, Height: 8, Layout: media.YUV420, Depth: 8, Alpha: true, Color: f.Color},
	} {
		if _, err := NewResizer(f, g); err == nil {
			t.Errorf("another %s is accepted", name)
		}
	}
	r, err := NewResizer(f, format(9, 9, media.YUV420, 8, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Resize(media.NewFrame(f), media.NewFrame(f)); err == nil {
		t.Error("frames of another size are accepted")
	}
}

// TestRowsInC: samples are those of the Go code, at the scales of the networks, at others, and when shrinking.
func TestRowsInC(t *testing.T) {
	for _, c := range []struct{ w, h, w2, h2 int }{{64, 48, 128, 96}, {33, 21, 99, 63}, {30, 18, 120, 72}, {64, 36, 96, 54}, {97, 53, 41, 31}, {5, 3, 10, 6}, {640, 16, 853, 22}} {
		from, to := format(c.w, c.h, media.YUV420, 8, 1), format(c.w2, c.h2, media.YUV420, 8, 1)
		for name, k := range map[string]filter{"lanczos": lanczos3, "cubic": catmullRom} {
			luma, chroma := scalers(k, from, to)
			src, fast, plain := media.NewFrame(from), media.NewFrame(to), media.NewFrame(to)
			noise(src, 7)
			for p, s := range []*scaler{luma, chroma, chroma} {
				s.run(fast, p, src, p)
				for i := range s.held {
					s.held[i] = -1
				}
				s.runPlain(plain, p, src, p)
				_, h := fast.PlaneSize(p)
				for y := range h {
					for x, v := range fast.Row(p, y) {
						if d := int(v) - int(plain.Row(p, y)[x]); d != 0 && (runtime.GOARCH == "amd64" || d < -1 || d > 1) {
							t.Fatalf("%s, %v to %v, plane %d at %d,%d: %d in C, %d in Go", name, from, to, p, x, y, v, plain.Row(p, y)[x])
						}
					}
				}
			}
		}
	}
	a := newAxis(lanczos3, 640, 1280, 0.5, -0.25)
	if n, lo, hi := a.period(); n != 2 || lo > 8 || hi < 1272 {
		t.Errorf("the period of doubling is %d from %d to %d", n, lo, hi)
	}
}

// BenchmarkResizeLive is what live does where no network fits: a camera's 640x480 to 1280x960.
func BenchmarkResizeLive(b *testing.B) {
	f, g := format(640, 480, media.YUV420, 8, 1), format(1280, 960, media.YUV420, 8, 1)
	src, dst := media.NewFrame(f), media.NewFrame(g)
	noise(src, 1)
	for name, run := range map[string]func(s *scaler, p int){
		"C": func(s *scaler, p int) { s.run(dst, p, src, p) },
		"Go": func(s *scaler, p int) {
			for i := range s.held {
				s.held[i] = -1
			}
			s.runPlain(dst, p, src, p)
		},
	} {
		b.Run(name, func(b *testing.B) {
			luma, chroma := scalers(lanczos3, f, g)
			for b.Loop() {
				run(luma, 0)
				run(chroma, 1)
				run(chroma, 2)
			}
		})
	}
}

func BenchmarkResize(b *testing.B) {
	f, g := format(1280, 720, media.YUV420, 8, 1), format(1920, 1080, media.YUV420, 8, 1)
	src, dst := media.NewFrame(f), media.NewFrame(g)
	noise(src, 1)
	r, err := NewResizer(f, g)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.Resize(dst, src); err != nil {
			b.Fatal(err)
		}
	}
}
