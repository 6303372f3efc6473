package live

import (
	"context"
	"testing"
	"time"
)

// TestViewersOfTwoCodecs: one who takes no H.264 gets VP8, beside those who do. With nobody else the first encoder rests, and runs again for the next viewer.
func TestViewersOfTwoCodecs(t *testing.T) {
	t.Parallel()
	s := startSession(t, func(o *Options) { o.Source, o.Model = "lavfi:testsrc2=size=96x64:rate=30", "nano-x2" })
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	firefox := client(s)
	firefox.VP8 = true
	v, err := firefox.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f := watchFrames(t, v, 20); f.Width != 192 || v.Codec() != "vp8" {
		t.Errorf("frames of %v in %s, want 192x128 in vp8", f, v.Codec())
	}
	first, _ := s.running().first.Frames()
	watchFrames(t, v, 10)
	if n, _ := s.running().first.Frames(); n != first {
		t.Errorf("the first encoder takes frames that nobody watches: %d, then %d", first, n)
	}
	w, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f := watchFrames(t, w, 20); f.Width != 192 || w.Codec() != "h264" {
		t.Errorf("frames of %v in %s, want 192x128 in h264", f, w.Codec())
	}
	watchFrames(t, v, 10)
	v.Close()
	waitFor(t, "the end of the second encoder", func() bool { return s.running().of("vp8") == nil })
	watchFrames(t, w, 10)
	w.Close()
}

// TestOneCodecRefusesOthers: --codec h264 means it.
func TestOneCodecRefusesOthers(t *testing.T) {
	t.Parallel()
	s := startSession(t, func(o *Options) { o.Source, o.Model, o.Codec = "lavfi:testsrc2=size=96x64:rate=30", "nano-x2", "h264" })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	only := client(s)
	only.VP8 = true
	if v, err := only.Watch(ctx); err == nil {
		v.Close()
		t.Error("a viewer without H.264 is let in")
	}
}
