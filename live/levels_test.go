package live

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/adaptive"
)

// slowEngine is bicubic interpolation that takes its time.
type slowEngine struct {
	sr.Engine
	took time.Duration
}

func (e slowEngine) Upscale(ctx context.Context, dst, src *media.Frame, d sr.Degradation) error {
	time.Sleep(e.took)
	return e.Engine.Upscale(ctx, dst, src, d)
}

func openSlow(took time.Duration) func(context.Context, string) (sr.Engine, error) {
	return func(context.Context, string) (sr.Engine, error) {
		e, err := sr.NewBicubic(2)
		return slowEngine{e, took}, err
	}
}

// TestTooSlowForAnyLevel: frames pass through at the source's size and rate, with the reason and what would be enhanced.
func TestTooSlowForAnyLevel(t *testing.T) {
	t.Parallel()
	s := startSession(t, func(o *Options) {
		o.Source = "lavfi:testsrc2=size=96x64:rate=30"
	}, func(s *Session) { s.openEngine = openSlow(100 * time.Millisecond) })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f := watchFrames(t, v, 10); f.Width != 96 || f.Height != 64 {
		t.Errorf("frames of %v, want the source's 96x64", f)
	}
	st := s.Status()
	if st.Enhanced || st.Model != passThrough || st.OutSize != "96×64" || !strings.HasPrefix(st.Reason, "not enhanced: this machine holds ") || !strings.HasSuffix(st.Reason, " at 30 fps") {
		t.Errorf("status %+v", st)
	}
	if len(st.Levels) != 5 || st.Levels[0].Fits || st.Levels[0].MS < 100 || !st.Levels[4].Fits {
		t.Errorf("levels %+v, want four networks that do not fit and the one that changes nothing", st.Levels)
	}
}

// TestNamedModelRuns although it does not hold the frame rate.
func TestNamedModelRuns(t *testing.T) {
	t.Parallel()
	s := startSession(t, func(o *Options) {
		o.Source, o.Model = "lavfi:testsrc2=size=96x64:rate=30", "nano-x2"
	}, func(s *Session) { s.openEngine = openSlow(100 * time.Millisecond) })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f := watchFrames(t, v, 30); f.Width != 192 || f.Height != 128 {
		t.Errorf("frames of %v, want 192x128", f)
	}
	if st := s.Status(); !st.Enhanced || st.Model != "nano-x2" || st.Reason != "" || st.Changes != 0 {
		t.Errorf("status %+v", st)
	}
}

// TestLevelsAreMeasuredOnce: a source that comes back with the same frames waits for no second measurement.
func TestLevelsAreMeasuredOnce(t *testing.T) {
	t.Parallel()
	o := Defaults()
	o.Listen, o.Source = "127.0.0.1:0", "lavfi:testsrc2"
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.openEngine = openSlow(0)
	for i, size := range []int{32, 32, 48} {
		f := media.NewFrame(media.Format{Width: size, Height: 32, Layout: media.YUV420, Depth: 8})
		u, err := s.chooseLevels(context.Background(), f, &media.Info{})
		if err != nil {
			t.Fatal(err)
		}
		u.Close()
		f.Release()
		if n, want := strings.Count(log.String(), "quality level"), []int{5, 5, 10}[i]; n != want {
			t.Errorf("source %d: %d levels measured so far, want %d", i, n, want)
		}
	}
}

// TestPublisherWaitsForNoMeasurement: the levels are measured before it comes, and its frames' times are in proportion.
func TestPublisherWaitsForNoMeasurement(t *testing.T) {
	t.Parallel()
	o := Defaults()
	o.Listen = "127.0.0.1:0"
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.openEngine = openSlow(3 * time.Millisecond)
	if err := s.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	measured := strings.Count(log.String(), "quality level")
	frame := func(w, h int) *media.Frame {
		return media.NewFrame(media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8})
	}
	small, large := frame(426, 240), frame(1920, 1080)
	defer small.Release()
	defer large.Release()
	first := map[int]float64{}
	for i, f := range []*media.Frame{small, large} {
		u, err := s.chooseLevels(context.Background(), f, &media.Info{})
		if err != nil {
			t.Fatal(err)
		}
		u.Close()
		first[i] = s.levels[0].MS
	}
	if n := strings.Count(log.String(), "quality level"); n != measured {
		t.Errorf("%d measurements before and %d after publishers came", measured, n)
	}
	if k := first[1] / first[0]; k < 20.2 || k > 20.4 {
		t.Errorf("a frame of 20.3 times the area is taken to need %.1f times as long", k)
	}
	if s.choice == "" {
		t.Error("the status does not say why")
	}
}

// TestSlowTenthFits: a level fits by its slowest tenth, whatever its usual time.
func TestSlowTenthFits(t *testing.T) {
	interval := 33 * time.Millisecond
	for _, c := range []struct {
		usual, slow int
		fits        bool
	}{{20, 27, true}, {27, 28, true}, {10, 29, false}, {29, 0, false}, {20, 0, true}} {
		l := adaptive.Level{Cost: time.Duration(c.usual) * time.Millisecond, Slow: time.Duration(c.slow) * time.Millisecond}
		if got := adaptive.Fits(l, interval); got != c.fits {
			t.Errorf("usually %d ms, the slowest tenth %d ms: fits %v", c.usual, c.slow, got)
		}
	}
}

// TestHeightIsLessThanTheScale: 480 rows become 720.
func TestHeightIsLessThanTheScale(t *testing.T) {
	for _, c := range []struct{ w, h, height, wantW, wantH int }{{640, 480, 720, 960, 720}, {640, 480, 0, 1280, 960}, {426, 240, 720, 852, 480}, {852, 480, 721, 1280, 722}} {
		o := Options{Scale: 2, Height: c.height}
		if f := o.target(media.Format{Width: c.w, Height: c.h, Layout: media.YUV420, Depth: 8}); f.Width != c.wantW || f.Height != c.wantH {
			t.Errorf("%dx%d with height %d becomes %dx%d, want %dx%d", c.w, c.h, c.height, f.Width, f.Height, c.wantW, c.wantH)
		}
	}
}

func TestHeld(t *testing.T) {
	f := media.Format{Width: 1280, Height: 720}
	if w, h := held(f, adaptive.Level{Cost: 90 * time.Millisecond, Slow: 100 * time.Millisecond}, 29412*time.Microsecond); w != 640 || h != 360 {
		t.Errorf("a quarter of the area fits: %dx%d, want 640x360", w, h)
	}
}
