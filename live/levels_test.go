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
	o.Listen = "127.0.0.1:0"
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

func TestHeld(t *testing.T) {
	f := media.Format{Width: 1280, Height: 720}
	if w, h := held(f, 100*time.Millisecond, 33334*time.Microsecond); w != 640 || h != 360 {
		t.Errorf("a quarter of the area fits: %dx%d, want 640x360", w, h)
	}
}
