package encode_test

import (
	"context"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
)

// TestGrowingFileIsPlayableAtAnyMoment copies nothing and closes nothing: it opens the file while it is being written.
func TestGrowingFileIsPlayableAtAnyMoment(t *testing.T) {
	for _, ext := range []string{".mp4", ".mkv"} {
		path := filepath.Join(t.TempDir(), "rec"+ext)
		file, err := encode.NewFile(path, encode.FileOptions{Growing: true})
		if err != nil {
			t.Fatal(err)
		}
		info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, FrameRate: media.Rational{Num: 30, Den: 1},
			Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
		sink, err := encode.Create(info, encode.Options{ZeroLatency: true, KeyframeSeconds: 0.5}, file)
		if err != nil {
			t.Fatal(err)
		}
		const n = 100
		for i := range n {
			fr := media.NewFrame(info.Format)
			fr.PTS, fr.Scene = int64(i)*3000, 1
			if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
				t.Fatal(err)
			}
		}
		if got := countFrames(t, path); got < n/2 {
			t.Errorf("%s: %d of %d frames can be read while the file grows, want at least half", ext, got, n)
		}
		sink.Abort()
		if got := countFrames(t, path); got < n/2 {
			t.Errorf("%s: %d of %d frames are left after an abort", ext, got, n)
		}
	}
}

func countFrames(t *testing.T, path string) int {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for n := 0; ; {
		u, err := src.Next(context.Background())
		if err != nil {
			return n
		}
		if u.Frame != nil {
			n++
		}
		u.Release()
	}
}
