package upscale

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vsr/internal/testmedia"
	"vsr/media"
)

// slowClock goes five seconds further each time that it is read, as with an engine of 0.2 frames a second. It calls at when it is
// read for the nth time.
func slowClock(n int, at func()) func() time.Time {
	var mu sync.Mutex
	began, reads := time.Now(), 0
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if reads++; reads == n {
			at()
		}
		return began.Add(time.Duration(reads) * 5 * time.Second)
	}
}

// A run that is stopped inside a segment that takes minutes goes on behind the frames that it had computed, also before its first
// commit, and the output is that of a run that was not stopped, byte for byte.
func TestFramesOfALongSegmentAreKept(t *testing.T) {
	in := longClip(t, 70)
	whole := filepath.Join(t.TempDir(), "out.mp4")
	o := tinyOptions(t, whole)
	o.SegmentMin, o.SegmentMax = 50, 50
	want, _, err := again(t, in, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		for _, softly := range []bool{false, true} {
			dir := t.TempDir()
			o.Output, o.Workers = filepath.Join(dir, "out.mp4"), workers
			var e events
			o.Events = e.add
			stop := make(chan struct{})
			o.Stop = stop
			ctx, cancel := context.WithCancel(t.Context())
			j, err := Open(ctx, in, o)
			if err != nil {
				t.Fatal(err)
			}
			j.now = slowClock(30, func() {
				if softly {
					close(stop)
				} else {
					cancel()
				}
			})
			if _, err = j.Run(ctx); err == nil || softly && !errors.Is(err, ErrStopped) {
				t.Fatalf("%d workers, softly %v: %v", workers, softly, err)
			}
			cancel()
			if softly != fileExists(o.Output) || !strings.Contains(strings.Join(e.lines(), "\n"), "the same command continues") {
				t.Errorf("%d workers, softly %v: %q", workers, softly, e.lines())
			}
			o.Stop = nil
			report, lines, err := again(t, in, o)
			if err != nil {
				t.Fatal(err)
			}
			// Thirty readings of the clock are those of the first segments' beginnings and of their frames; each lost four.
			if n := report.Frames.Resumed; n < 15 || report.Upscale.Frames+n != want.Frames.Out || !strings.Contains(lines[0], "resuming: ") {
				t.Errorf("%d workers, softly %v: %d of %d frames were kept, %d computed; %q", workers, softly, n, want.Frames.Out, report.Upscale.Frames, lines)
			}
			a, _ := os.ReadFile(whole)
			b, _ := os.ReadFile(o.Output)
			if !bytes.Equal(a, b) || len(a) == 0 {
				t.Errorf("%d workers, softly %v: another output, of %d bytes instead of %d", workers, softly, len(b), len(a))
			}
			only(t, dir, "out.mp4")
		}
	}
}

// A file of few large frames takes long, too: what was computed of it is kept, and one worker does it.
func TestFewLargeFramesAreKept(t *testing.T) {
	defer func(n int64) { longWork = n }(longWork)
	longWork = 13 * int64(tinyFormat.Width*tinyFormat.Height)
	in, dir := clip(t, "in.mkv", testmedia.Options{Frames: 14}), t.TempDir()
	for frames, want := range map[int64]bool{13: false, 14: true, 17: true} { // 16 are the least of a segment
		if o := tinyOptions(t, "out.mp4"); o.inSegments(in, &media.Info{Format: tinyFormat}, frames) != want {
			t.Errorf("%d frames: in segments %v", frames, !want)
		}
	}
	o := tinyOptions(t, filepath.Join(dir, "out.mp4"))
	o.Workers = 2
	ctx, cancel := context.WithCancel(t.Context())
	j, err := Open(ctx, in, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(j.devices) != 1 {
		t.Errorf("%d workers for one segment", len(j.devices))
	}
	j.now = slowClock(10, cancel)
	if _, err = j.Run(ctx); err == nil {
		t.Fatal("the run was not stopped")
	}
	report, lines, err := again(t, in, o)
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Frames.Resumed; n < 2 || report.Upscale.Frames+n != 14 {
		t.Errorf("%d of 14 frames were kept, %d computed; %q", n, report.Upscale.Frames, lines)
	}
	only(t, dir, "out.mp4")
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A segment keeps nothing until it takes long, and from then on each frame; the next one begins anew.
func TestKeeperWaits(t *testing.T) {
	j, err := Open(t.Context(), longClip(t, 60), tinyOptions(t, filepath.Join(t.TempDir(), "out.mkv")))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	now := time.Unix(0, 0)
	k := &keeper{store: j.work.store, after: 10 * time.Second, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	for index, first := range []int64{0, 30} {
		k.begin(index)
		for n := first; n < first+4; n++ {
			f := media.NewFrame(tinyFormat)
			k.keep(n, f)
			f.Release()
			now = now.Add(6 * time.Second)
		}
	}
	k.close()
	for index, first := range []int64{0, 30} {
		s, err := j.work.store.Spool(index, false)
		if err != nil || s == nil {
			t.Fatalf("segment %d has no spool: %v", index, err)
		}
		for n := first; n < first+4; n++ { // at 0, 6, 12 and 18 s
			if want := n >= first+2; s.Has(n) != want {
				t.Errorf("segment %d, frame %d: kept is %v, want %v", index, n, s.Has(n), want)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
