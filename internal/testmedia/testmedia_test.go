package testmedia_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

func numbers(t *testing.T, path string, o decode.Options) (got []int, packets, turns int) {
	t.Helper()
	s, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		switch {
		case err == io.EOF:
			if n := s.Outstanding(); n != 0 {
				t.Errorf("%d frames are still out", n)
			}
			return got, packets, turns
		case errors.Is(err, media.ErrFormatChanged):
			turns++
			continue
		case err != nil:
			t.Fatal(err)
		}
		if u.Frame != nil {
			if u.Frame.Format != s.Info().Format {
				t.Fatalf("frame of %v, Info says %v", u.Frame.Format, s.Info().Format)
			}
			got = append(got, testmedia.Number(u.Frame, 1))
		} else {
			packets++
		}
		u.Release()
	}
}

var fast = encode.Options{Preset: "ultrafast", Threads: 1}

func TestNumbersSurviveCoding(t *testing.T) {
	for _, ext := range []string{".mp4", ".mkv", ".ts"} {
		path := filepath.Join(t.TempDir(), "clip"+ext)
		o := testmedia.Options{Frames: 40, Cuts: []int{13, 27}, Flashes: []int{20}, Fades: []testmedia.Span{{First: 30, End: 38}}, Stills: []testmedia.Span{{First: 2, End: 8}},
			Tone: 440, Drop: func(n int) bool { return n%7 == 3 }}
		if err := testmedia.WriteClip(path, o, fast); err != nil {
			t.Fatal(err)
		}
		got, packets, _ := numbers(t, path, decode.Options{})
		i := 0
		for n := range 40 {
			if o.Drop(n) {
				continue
			}
			if i >= len(got) || got[i] != n {
				t.Fatalf("%s: frame %d is not %d: %v", ext, i, n, got)
			}
			i++
		}
		if i != len(got) || packets < 60 {
			t.Errorf("%s: %d frames, want %d; %d packets of sound", ext, len(got), i, packets)
		}
	}
}

func TestStartAndDuration(t *testing.T) {
	for _, ext := range []string{".mp4", ".ts", ".mkv"} {
		path := filepath.Join(t.TempDir(), "clip"+ext)
		if err := testmedia.WriteClip(path, testmedia.Options{Frames: 96, Tone: 300}, encode.Options{Preset: "veryfast", Threads: 1, KeyframeSeconds: 1.5}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			start, length float64
			first, count  int
		}{{1, 1, 24, 24}, {2.99, 0, 72, 24}, {0, 0.5, 0, 12}, {5, 0, 96, 0}} {
			o := decode.Options{Start: c.start, Duration: c.length}
			if c.count == 0 {
				if _, err := decode.Open(context.Background(), path, o); !errors.As(err, new(*decode.UnsupportedError)) {
					t.Errorf("%s: start behind the end: %v", ext, err)
				}
				continue
			}
			got, _, _ := numbers(t, path, o)
			slack := 0
			if ext == ".ts" { // its times are moved by the encoder's delay
				slack = 2
			}
			if len(got) < c.count-slack || len(got) > c.count+slack || got[0] < c.first-slack || got[0] > c.first+slack {
				t.Errorf("%s from %v for %v: %d frames from %d, want %d from %d", ext, c.start, c.length, len(got), got[0], c.count, c.first)
			}
			for i := range got {
				if got[i] != got[0]+i {
					t.Errorf("%s: frame %d missing after %d", ext, got[0]+i, got[i])
					break
				}
			}
		}
	}
}

func TestTurnOfSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "turn.ts")
	a := testmedia.Options{Frames: 12}
	b := testmedia.Options{Frames: 9, Format: media.Format{Width: 160, Height: 120, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}}
	if err := testmedia.WriteTurn(path, a, b, fast); err != nil {
		t.Fatal(err)
	}
	got, _, turns := numbers(t, path, decode.Options{PoolSize: 1})
	if turns != 1 || len(got) != 21 {
		t.Errorf("%d turns and %d frames, want 1 and 21", turns, len(got))
	}
	for i, n := range got {
		if n != i {
			t.Fatalf("frame %d has number %d", i, n)
		}
	}
}

func TestScenesDiffer(t *testing.T) {
	o := testmedia.Options{Cuts: []int{1}}
	s, err := testmedia.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sums := map[[32]byte]bool{}
	for range 3 {
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		sums[encode.Sum(u.Frame)] = true
		u.Release()
	}
	if len(sums) != 3 {
		t.Errorf("%d different frames of 3", len(sums))
	}
}
