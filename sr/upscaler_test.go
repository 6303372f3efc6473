package sr

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"vsr/media"
)

// fakeEngine is a bicubic engine that estimates what it is told to and counts its degradations.
type fakeEngine struct {
	Bicubic
	next      func(f *media.Frame) ([]float32, error)
	estimated []int64 // pts of the frames that were looked at
	vectors   [][]float32
	open      int // degradations that have not been closed
	fail      error
	closed    int
}

type fakeDegradation struct {
	e *fakeEngine
	bicubicDegradation
}

func (d *fakeDegradation) Close() error { d.e.open--; return nil }

func (e *fakeEngine) Estimate(_ context.Context, f *media.Frame) ([]float32, error) {
	e.estimated = append(e.estimated, f.PTS)
	return e.next(f)
}

func (e *fakeEngine) Modulate(_ context.Context, v []float32) (Degradation, error) {
	if e.fail != nil {
		return nil, e.fail
	}
	e.vectors = append(e.vectors, slices.Clone(v))
	e.open++
	return &fakeDegradation{e: e, bicubicDegradation: bicubicDegradation{&e.Bicubic}}, nil
}

func (e *fakeEngine) Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error {
	if e.fail != nil {
		return e.fail
	}
	return e.Bicubic.Upscale(ctx, dst, src, &d.(*fakeDegradation).bicubicDegradation)
}

func (e *fakeEngine) Close() error { e.closed++; return e.Bicubic.Close() }

// ptsVector estimates the frame's time stamp.
func ptsVector(f *media.Frame) ([]float32, error) { return []float32{float32(f.PTS), 1}, nil }

func newFake(t *testing.T, o Options) (*Upscaler, *fakeEngine) {
	t.Helper()
	e := &fakeEngine{Bicubic: Bicubic{scale: 2}, next: ptsVector}
	u, err := New(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return u, e
}

// shot is one input frame: n informative, b black, w white, f faded, each with its scene number.
type shot struct {
	kind  byte
	scene uint64
	like  uint64
}

func shots(scenes ...string) (out []shot) {
	for i, s := range scenes {
		for _, k := range []byte(s) {
			out = append(out, shot{kind: k, scene: uint64(i + 1)})
		}
	}
	return out
}

func (s shot) frame(pool *media.Pool, pts int64) *media.Frame {
	f, err := pool.Get(context.Background())
	if err != nil {
		panic(err)
	}
	f.PTS, f.Scene, f.Like = pts, s.scene, s.like
	base, swing := 120.0, 60.0
	switch s.kind {
	case 'b':
		base, swing = 16, 0
	case 'w':
		base, swing = 235, 0
	case 'f':
		base, swing = 22, 4
	}
	fill(f, 0, func(x, y int) float64 { return base + swing*math.Sin(float64(x+2*y)) })
	return f
}

// TestSceneCache lists which frames are estimated, by number.
func TestSceneCache(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      []shot
		opts    Options
		want    []int64
		vectors []float32 // the first value of each vector that kernels were made from
	}{
		{"one a scene", shots("nnnn", "nnn", "n"), Options{}, []int64{0, 4, 7}, []float32{0, 4, 7}},
		{"black first", shots("bbnn", "nn"), Options{}, []int64{0, 2, 4}, []float32{0, 2, 4}},
		{"white and faded first", shots("wffn"), Options{}, []int64{0, 3}, []float32{0, 3}},
		{"nothing but black", shots("bbbb"), Options{}, []int64{0}, []float32{0}},
		{"average", shots("nnbnn", "nn"), Options{Average: 3}, []int64{0, 1, 3, 5, 6}, []float32{0, 0.5, 4. / 3, 5, 5.5}},
		{"average after black", shots("bnnn"), Options{Average: 2}, []int64{0, 1, 2}, []float32{0, 1, 1.5}},
		{"refresh", shots("nnnnn", "nnn"), Options{Refresh: 2}, []int64{0, 2, 4, 5, 7}, []float32{0, 2, 4, 5, 7}},
		{"refresh waits for a informative frame", shots("nnbbnn"), Options{Refresh: 2}, []int64{0, 4}, []float32{0, 4}},
		{"drift", shots("nnnnnnn"), Options{Refresh: 2, Drift: 0.9}, []int64{0, 2, 4, 6}, []float32{0, 2, 6}},
		{"fade", shots("nnnnnnn", "nnnnn", "n"), Options{Refresh: 4, Fade: 2}, []int64{0, 4, 7, 11, 12}, []float32{0, 2, 4, 7, 9, 12}},
		{"drift and fade", shots("nnnnnn"), Options{Refresh: 4, Drift: 0.5, Fade: 4}, []int64{0, 4}, []float32{0, 1, 2}},
	} {
		u, e := newFake(t, c.opts)
		pool := media.NewPool(format(24, 16, media.YUV420, 8, 1), 1, nil)
		var records []int
		for i, s := range c.in {
			out, err := u.Process(context.Background(), s.frame(pool, int64(i)))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if out.PTS != int64(i) || out.Scene != s.scene || out.Width != 48 || out.Height != 32 {
				t.Fatalf("%s: got %v pts %d scene %d", c.name, out.Format, out.PTS, out.Scene)
			}
			out.Release()
			if e.open != 1 {
				t.Errorf("%s: %d degradations are open", c.name, e.open)
			}
		}
		var made []float32
		for _, v := range e.vectors {
			made = append(made, v[0])
		}
		for _, r := range u.Scenes() {
			records = append(records, r.Estimates)
		}
		if !slices.Equal(e.estimated, c.want) || !slices.EqualFunc(made, c.vectors, near) {
			t.Errorf("%s: estimated %v, kernels from %v, want %v and %v", c.name, e.estimated, made, c.want, c.vectors)
		}
		sum := 0
		for _, n := range records {
			sum += n
		}
		s := u.Stats()
		if last := c.in[len(c.in)-1].scene; sum != len(c.want) || len(records) != int(last) || s.Scenes != int64(last) ||
			s.Estimates != int64(len(c.want)) || s.Modulates != int64(len(made)) || s.Frames != int64(len(c.in)) {
			t.Errorf("%s: estimates by scene %v, stats %+v", c.name, records, s)
		}
		if err := errors.Join(u.Close(), u.Close()); err != nil || e.open != 0 || e.closed != 1 {
			t.Errorf("%s: after Close %d degradations are open, engine closed %d times, %v", c.name, e.open, e.closed, err)
		}
		if pool.Outstanding() != 0 || u.Outstanding() != 0 {
			t.Errorf("%s: %d inputs and %d outputs are still out", c.name, pool.Outstanding(), u.Outstanding())
		}
	}
}

func near(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }

func TestSceneRecord(t *testing.T) {
	u, _ := newFake(t, Options{})
	pool := media.NewPool(format(24, 16, media.YUV420, 8, 1), 1, nil)
	for i, s := range shots("bn", "nn") {
		out, err := u.Process(context.Background(), s.frame(pool, int64(10*i)))
		if err != nil {
			t.Fatal(err)
		}
		out.Release()
	}
	r := u.Scenes()
	if len(r) != 2 || r[1].Index != 2 || r[1].FirstFrame != 2 || r[1].FirstPTS != 20 || r[1].Estimates != 1 ||
		r[0].Estimates != 2 || !slices.Equal(r[0].Vector, []float32{10, 1}) {
		t.Errorf("%+v", r)
	}
}

// savingEngine says what it has saved.
type savingEngine struct {
	fakeEngine
	frames int64
}

func (e *savingEngine) Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error {
	e.frames++
	return e.fakeEngine.Upscale(ctx, dst, src, d)
}

func (e *savingEngine) Saved() (float64, int64) { return float64(e.frames) / 4, e.frames }

func TestStatsOfSavings(t *testing.T) {
	u, err := New(&savingEngine{fakeEngine: fakeEngine{Bicubic: Bicubic{scale: 2}, next: ptsVector}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	pool := media.NewPool(format(24, 16, media.YUV420, 8, 1), 1, nil)
	for i, s := range shots("nnn") {
		out, err := u.Process(context.Background(), s.frame(pool, int64(i)))
		if err != nil {
			t.Fatal(err)
		}
		out.Release()
	}
	if s := u.Stats(); s.Reused != 0.75 || s.Exact != 3 {
		t.Errorf("%+v", s)
	}
}

// TestProcessAlwaysConsumes: no frame leaks on any error, and the next frame is fine.
func TestProcessAlwaysConsumes(t *testing.T) {
	u, e := newFake(t, Options{Frames: 1})
	pool := media.NewPool(format(24, 16, media.YUV420, 8, 1), 1, nil)
	one := shots("n")[0]
	fault := errors.New("fault")
	e.next = func(*media.Frame) ([]float32, error) { return nil, fault }
	if _, err := u.Process(context.Background(), one.frame(pool, 0)); !errors.Is(err, fault) {
		t.Error(err)
	}
	e.next = func(*media.Frame) ([]float32, error) { return []float32{float32(math.NaN()), 0}, nil }
	if _, err := u.Process(context.Background(), one.frame(pool, 1)); err == nil {
		t.Error("a vector that is not a number is used")
	}
	e.next, e.fail = ptsVector, fault
	if _, err := u.Process(context.Background(), one.frame(pool, 2)); !errors.Is(err, fault) {
		t.Error(err)
	}
	e.fail = nil
	out, err := u.Process(context.Background(), one.frame(pool, 3))
	if err != nil {
		t.Fatal(err)
	}
	e.fail = fault // the kernels are there, Upscale fails
	out.Release()
	if _, err := u.Process(context.Background(), one.frame(pool, 4)); !errors.Is(err, fault) {
		t.Error(err)
	}
	e.fail = nil
	if out, err = u.Process(context.Background(), one.frame(pool, 5)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // the only output frame is out, and nobody waits for it any longer
	if _, err := u.Process(ctx, one.frame(pool, 6)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	out.Release()
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	if _, err := u.Process(context.Background(), one.frame(pool, 7)); err == nil {
		t.Error("a closed upscaler processes")
	}
	if pool.Outstanding() != 0 || u.Outstanding() != 0 || e.open != 0 {
		t.Errorf("%d inputs, %d outputs and %d degradations are still out", pool.Outstanding(), u.Outstanding(), e.open)
	}
}

// TestHeightAndAlpha: both the resampling after the network and the alpha plane keep a ramp where it is.
func TestHeightAndAlpha(t *testing.T) {
	for _, height := range []int{0, 60, 120} {
		for _, layout := range []media.Layout{media.Gray, media.YUV420} {
			u, _ := newFake(t, Options{Height: height})
			f := format(60, 40, layout, 10, 1)
			f.Alpha = true
			src := media.NewFrame(f)
			ramp(src, 1)
			info := u.Output(media.Info{Format: f})
			out, err := u.Process(context.Background(), src)
			if err != nil {
				t.Fatal(err)
			}
			h := height
			if h == 0 {
				h = 80
			}
			if out.Format != info.Format || out.Height != h || out.Width != h*3/2 {
				t.Fatalf("%v, announced %v", out.Format, info.Format)
			}
			want := media.NewFrame(out.Format)
			ramp(want, 40/float64(h))
			within(t, out, want, 12, 2)
			out.Release()
			u.Close()
		}
	}
}

func TestOutputWidthIsEven(t *testing.T) {
	u, _ := newFake(t, Options{Height: 100})
	for in, want := range map[[2]int]int{{177, 100}: 176, {178, 100}: 178, {179, 100}: 178, {1, 1000}: 2} {
		if f := u.output(format(in[0], in[1], media.YUV420, 8, 1)); f.Width != want || f.Height != 100 {
			t.Errorf("%v becomes %v, want width %d", in, f, want)
		}
	}
}

// TestFormatChange: a new size gets a new pool, old outputs may still be out.
func TestFormatChange(t *testing.T) {
	u, _ := newFake(t, Options{Frames: 1})
	a := media.NewFrame(format(8, 6, media.YUV420, 8, 1))
	first, err := u.Process(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := u.Process(context.Background(), media.NewFrame(format(10, 6, media.YUV422, 8, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if first.Width != 16 || second.Width != 20 {
		t.Error(first.Format, second.Format)
	}
	first.Release()
	second.Release()
	if _, err := u.Process(context.Background(), media.NewFrame(format(40000, 2, media.Gray, 8, 0))); err == nil {
		t.Error("a frame of 80000 columns is made")
	}
}

func TestInformative(t *testing.T) {
	for kind, want := range map[byte]bool{'n': true, 'b': false, 'w': false, 'f': false} {
		for _, depth := range []int{8, 10} {
			f := media.NewFrame(format(200, 130, media.YUV420, depth, 1))
			unit := float64(int(1) << (depth - 8))
			pool := media.NewPool(format(200, 130, media.YUV420, 8, 1), 1, nil)
			model := shot{kind: kind, scene: 1}.frame(pool, 0)
			fill(f, 0, func(x, y int) float64 { return unit * float64(level(model, 0, x, y)) })
			if got := informative(f); got != want {
				t.Errorf("%c at %d bits: %v", kind, depth, got)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Refresh: -1}, {Average: -1}, {Drift: -1}, {Drift: math.NaN()}, {Drift: 0.1}, {Fade: -1}, {Fade: 2}, {Height: -2}, {Frames: -1}} {
		if _, err := New(&fakeEngine{}, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
