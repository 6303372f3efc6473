package live

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/adaptive"
)

// plainLevels makes an upscaler of resampling alone and counts how often it was asked for.
func plainLevels(made *atomic.Int32) func(*Session) {
	return func(s *Session) {
		s.makeLevels = func(_ context.Context, f *media.Frame, out *media.Info) (*adaptive.Upscaler, error) {
			to := even(f.Scaled(s.o.Scale))
			out.Format = to
			made.Add(1)
			return adaptive.New([]adaptive.Level{adaptive.Plain(to)}, adaptive.Options{MaxLatency: time.Minute})
		}
	}
}

// TestAnyPixelFormat: webcams give YUYV and MJPEG 4:2:2, screens RGB, industrial cameras gray. Viewers get all of them, through the
// network and with their gray levels.
func TestAnyPixelFormat(t *testing.T) {
	for _, pf := range []string{"yuyv422", "yuvj422p", "yuv420p10", "rgb24", "gray,geq=lum=192"} {
		t.Run(pf, func(t *testing.T) {
			t.Parallel()
			s := startSession(t, func(o *Options) {
				o.Source, o.Model = "lavfi:color=0xc0c0c0:size=64x48:rate=30,format="+pf, "nano-x2"
			})
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			v, err := client(s).Watch(ctx)
			if err != nil {
				t.Fatalf("%v; the page is told %+v", err, s.Status())
			}
			defer v.Close()
			feed, err := decode.NewFeed("h264", decode.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer feed.Close()
			for shown := 0; shown < 10; {
				select {
				case p := <-v.Units:
					frames, _, err := feed.Decode(ctx, p.Data, int64(p.Ticks))
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range frames {
						shown++
						y, cb, cr := int(f.Row(0, 40)[50]), int(f.Row(1, 20)[20]), int(f.Row(2, 20)[20])
						if f.Width != 128 || f.Height != 96 || f.Color.Range == media.RangeFull || max(y-181, 181-y) > 6 || max(cb-128, 128-cb) > 4 || max(cr-128, 128-cr) > 4 {
							t.Fatalf("frame of %v, level %d %d %d, want 128x96 of about 181 128 128", f.Format, y, cb, cr)
						}
						f.Release()
					}
				case <-ctx.Done():
					t.Fatalf("%d frames; the page is told %+v", shown, s.Status())
				}
			}
		})
	}
}

// TestLoopIsSeamless: a short file that is looped is one source that never ends: one pipeline, one recording, steady times.
func TestLoopIsSeamless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, record := filepath.Join(dir, "short.mkv"), filepath.Join(dir, "rec.mkv")
	o := testmedia.Options{Frames: 7, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "veryfast"}); err != nil {
		t.Fatal(err)
	}
	var made atomic.Int32
	s := startSession(t, func(o *Options) { o.Source, o.Loop, o.Record = path, true, record }, plainLevels(&made))
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	last := uint32(0)
	for n := 0; n < 60; n++ {
		select {
		case p := <-v.Units:
			// A frame lasts 3600 ticks; frames may be dropped on a busy machine, but none comes twice or goes back.
			if step := int32(p.Ticks - last); n > 0 && step < 2000 {
				t.Errorf("frame %d: a step of %d ticks", n, step)
			}
			last = p.Ticks
		case <-ctx.Done():
			t.Fatalf("%d frames; the page is told %+v", n, s.Status())
		}
		if st := s.Status(); st.State != "live" {
			t.Fatalf("frame %d: the state is %s, %s", n, st.State, st.Error)
		}
	}
	if n := made.Load(); n != 1 {
		t.Errorf("the levels were measured %d times, want once", n)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "rec*")); len(files) != 1 {
		t.Errorf("recordings %v, want one", files)
	}
}

// TestFileEndsTheSession: without --loop a file's end is the session's.
func TestFileEndsTheSession(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "short.mkv")
	o := testmedia.Options{Frames: 7, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "veryfast"}); err != nil {
		t.Fatal(err)
	}
	options := Defaults()
	options.Listen, options.Source = "127.0.0.1:0", path
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var made atomic.Int32
	plainLevels(&made)(s)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := s.Run(ctx); err != nil || made.Load() != 1 {
		t.Errorf("Run: %v, %d pipelines", err, made.Load())
	}
}

// TestSourcesThatNeverWork are refused once, with a reason, instead of being tried for ever.
func TestSourcesThatNeverWork(t *testing.T) {
	t.Parallel()
	words := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(words, []byte(strings.Repeat("no video here\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	options := func(source string) Options {
		o := Defaults()
		o.Listen, o.Source = "127.0.0.1:0", source
		return o
	}
	for _, source := range []string{"ftp://user:secret@camera.local/x", "gopher://x"} {
		s, err := Open(options(source))
		if f, ok := fault.As(err); !ok || f.Kind != fault.Usage || f.Hint == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", source, s, err)
		}
	}
	for _, source := range []string{words, "lavfi:nonsense", "lavfi:sine", filepath.Join(t.TempDir(), "none.mkv")} {
		s, err := Open(options(source))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		err = s.Run(ctx)
		if f, ok := fault.As(err); !ok || f.Kind != fault.Input {
			t.Errorf("%s: %v", source, err)
		}
		cancel()
		s.Close()
	}
	o := options("lavfi:testsrc2=size=64x48:rate=30")
	o.Model = "no-such-model"
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	err = s.Run(ctx)
	if f, ok := fault.As(err); !ok || f.Kind != fault.Request {
		t.Errorf("a model that is none: %v", err)
	}
}

// TestDeviceThatIsAway is tried again, as is an address where nothing answers yet.
func TestDeviceThatIsAway(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"v4l2:/dev/no-such-camera", "http://" + freeAddress(t) + "/live"} {
		s := startSession(t, func(o *Options) { o.Source = source })
		waitFor(t, source+": the state lost", func() bool { return s.Status().State == "lost" })
		if st := s.Status(); st.Error == "" || strings.Contains(st.Error, "\n") {
			t.Errorf("%s: the page is told %q", source, st.Error)
		}
	}
}

// TestCloseEndsRun: Close comes back after Run has, whatever Run waits for.
func TestCloseEndsRun(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"browser", "lavfi:testsrc2=size=64x48:rate=30", "v4l2:/dev/no-such-camera"} {
		options := Defaults()
		options.Listen, options.Source = "127.0.0.1:0", source
		s, err := Open(options)
		if err != nil {
			t.Fatal(err)
		}
		var made atomic.Int32
		plainLevels(&made)(s)
		done := make(chan error, 1)
		go func() { done <- s.Run(context.Background()) }()
		waitFor(t, source+" to begin", func() bool { return source == "browser" || s.Status().State != "waiting" })
		if source == "browser" {
			time.Sleep(100 * time.Millisecond) // until Run waits for a publisher; nothing shows it
		}
		if err := s.Close(); err != nil || s.Close() != nil {
			t.Errorf("%s: Close: %v", source, err)
		}
		select {
		case err := <-done:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: Run: %v", source, err)
			}
		case <-time.After(60 * time.Second):
			t.Fatalf("%s: Close did not end Run", source)
		}
	}
}
