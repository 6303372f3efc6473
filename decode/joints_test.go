package decode_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// part writes a transport stream of 12 frames at 25 a second, whose clock begins at a frame number, and returns its bytes.
func part(t *testing.T, start int, seed uint64, tone float64) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "part.ts")
	o := testmedia.Options{Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}, Frames: 12, Rate: media.Rational{Num: 25, Den: 1},
		Start: start, Seed: seed, Tone: tone}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "veryfast"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// times reads the frames' and the other tracks' times, in seconds.
func times(t *testing.T, path string, o decode.Options, copying bool) (video, audio []float64, st decode.Stats) {
	t.Helper()
	open := decode.Open
	if copying {
		open = decode.OpenCopy
	}
	s, err := open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		if err == io.EOF {
			return video, audio, s.Stats()
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			video = append(video, float64(u.Frame.PTS)*s.Info().VideoTrack().TimeBase.Float())
			u.Release()
			continue
		}
		at := float64(u.Packet.PTS) * s.Info().Tracks[u.Packet.Track].TimeBase.Float()
		if u.Packet.Track == s.Info().Video {
			video = append(video, at)
		} else {
			audio = append(audio, at)
		}
	}
}

// TestJoinedRecordings joins transport streams whose clocks go back, jump hours ahead, begin again and wrap. All frames lie 0.04 s apart, and
// the sound stays with its frame.
func TestJoinedRecordings(t *testing.T) {
	const wrap = int(1<<33) / 3600 // frames of 25 a second until the clock of 33 bits begins again
	for name, starts := range map[string][]int{"back": {100, 5}, "hours ahead": {5, 32400 * 25}, "again": {0, 0, 0}, "to and fro": {500, 32400 * 25, 3, 400},
		"small step back": {100, 106}, "wrap": {wrap - 12, wrap + 50*25, 10}} {
		for _, tone := range []float64{0, 440} {
			var data []byte
			for i, at := range starts {
				data = append(data, part(t, at, uint64(i+1), tone)...)
			}
			path := filepath.Join(t.TempDir(), "joined.ts")
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			video, audio, st := times(t, path, decode.Options{}, false)
			if len(video) != 12*len(starts) {
				t.Errorf("%s: %d frames, want %d", name, len(video), 12*len(starts))
				continue
			}
			for i, at := range video[1:] {
				if d := at - video[i]; d < 0.0399 || d > 0.0401 {
					t.Errorf("%s, tone %v: frame %d comes %.4f s after the one before", name, tone, i+1, d)
				}
			}
			if st.Jumps != len(starts)-1 || st.Repaired != 0 {
				t.Errorf("%s: %d jumps, %d repaired times, want %d and 0", name, st.Jumps, st.Repaired, len(starts)-1)
			}
			if tone == 0 {
				continue
			}
			// Each part's sound begins one AAC frame before its frame and packets follow at 1024/44100 s.
			each := len(audio) / len(starts)
			for i := range starts {
				if d := audio[i*each+2] - video[12*i]; d < 0.015 || d > 0.03 {
					t.Errorf("%s: part %d: its third packet of sound is %.4f s after its first frame, want 0.0232", name, i, d)
				}
			}
			if !slices.IsSorted(audio) {
				t.Errorf("%s: the sound goes back", name)
			}
			copied, copiedAudio, _ := times(t, path, decode.Options{}, true)
			slices.Sort(copied)
			if !slices.Equal(copied, video) || !slices.Equal(copiedAudio, audio) {
				t.Errorf("%s: OpenCopy gives other times than Open", name)
			}
		}
	}
}

// TestStartInJoinedRecordings begins in the second part, which the clock of the file does not lead to.
func TestStartInJoinedRecordings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "joined.ts")
	if err := os.WriteFile(path, append(part(t, 50, 1, 440), part(t, 10, 2, 440)...), 0o666); err != nil {
		t.Fatal(err)
	}
	all, _, _ := times(t, path, decode.Options{}, false)
	for range 2 { // the second time what was found is known
		video, _, _ := times(t, path, decode.Options{Start: 0.7, KeepTimes: true}, false)
		if want := all[len(all)-len(video):]; len(video) != 7 || !slices.Equal(video, want) {
			t.Errorf("from 0.7 s: %v, want the last seven of %v", video, all)
		}
	}
	second := all[15]
	s, err := decode.Open(context.Background(), path, decode.Options{SkipTo: int64(second*90000 + 0.5)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := s.Next(context.Background())
	for err == nil && u.Frame == nil {
		u, err = s.Next(context.Background())
	}
	if err != nil || float64(u.Frame.PTS)/90000 != second {
		t.Errorf("the first frame is %+v (%v), want that at %.4f s", u.Frame, err, second)
	}
	u.Release()
}
