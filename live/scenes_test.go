package live

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/scene"
	"vsr/sr/adaptive"
)

// A live source has the scenes that a run finds in the same file: the detector looks at nothing that is still to come, and no frame is
// dropped before it.
func TestScenesAsInARun(t *testing.T) {
	t.Parallel()
	const frames = 90
	path := filepath.Join(t.TempDir(), "in.mkv")
	o := testmedia.Options{Format: media.Format{Width: 128, Height: 96, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}, Frames: frames, Rate: media.Rational{Num: 30, Den: 1}, Cuts: []int{17, 40, 43, 71}}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "veryfast", CRF: 12}); err != nil {
		t.Fatal(err)
	}
	want := map[int64]uint64{} // scene by milliseconds since the first frame
	src, err := decode.Open(t.Context(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	base, first, last, detector := src.Info().VideoTrack().TimeBase.Float(), int64(-1), uint64(0), scene.New(scene.Options{})
	for {
		u, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame == nil {
			continue
		}
		detector.Mark(u.Frame)
		if first < 0 {
			first = u.Frame.PTS
		}
		want[int64(float64(u.Frame.PTS-first)*base*1000+0.5)] = u.Frame.Scene
		last = u.Frame.Scene
		u.Frame.Release()
	}
	if len(want) != frames || last < 4 {
		t.Fatalf("%d frames in %d scenes", len(want), last)
	}

	var mu sync.Mutex
	got, begun := map[int64]uint64{}, int64(-1)
	startSession(t, func(o *Options) { o.Source = path }, func(s *Session) {
		s.makeLevels = func(_ context.Context, f *media.Frame, out *media.Info) (*adaptive.Upscaler, error) {
			to := even(f.Scaled(s.o.Scale))
			base := out.VideoTrack().TimeBase.Float()
			out.Format = to
			plain := adaptive.Plain(to)
			seen := plain
			seen.Process = func(ctx context.Context, f *media.Frame) (*media.Frame, error) {
				mu.Lock()
				if begun < 0 {
					begun = f.PTS
				}
				got[int64(float64(f.PTS-begun)*base*1000+0.5)] = f.Scene
				mu.Unlock()
				return plain.Process(ctx, f)
			}
			return adaptive.New([]adaptive.Level{seen}, adaptive.Options{MaxLatency: time.Minute})
		}
	})
	waitFor(t, "the last scene", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range got {
			if n == last {
				return true
			}
		}
		return false
	})
	mu.Lock()
	defer mu.Unlock()
	for at, n := range got {
		if w, ok := want[at]; !ok || n != w {
			t.Errorf("at %d ms: scene %d, a run has %d", at, n, w)
		}
	}
	if len(got) < frames/3 {
		t.Errorf("only %d of %d frames", len(got), frames)
	}
}
