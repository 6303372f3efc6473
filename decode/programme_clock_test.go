package decode_test

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/media"
)

// Each programme has a clock of its own: that of the one begins elsewhere and goes back in the middle, that of the other runs on. In both, frames
// lie 0.04 s apart from the beginning on, and the audio stays with its video.
func TestClocksOfProgrammes(t *testing.T) {
	dir := t.TempDir()
	steady, joined := filepath.Join(dir, "steady.ts"), filepath.Join(dir, "joined.ts")
	for path, starts := range map[string][]int{steady: {1000, 1012}, joined: {50000, 200}} {
		var data []byte
		for i, at := range starts {
			data = append(data, part(t, at, uint64(i+1), 440)...)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	path := twoProgrammes(t, steady, joined)
	for programme := 1; programme <= 2; programme++ {
		s, err := decode.Open(t.Context(), path, decode.Options{Programme: programme})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var video, audio []float64
		for {
			u, err := s.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if u.Frame != nil {
				video = append(video, float64(u.Frame.PTS)*s.Info().VideoTrack().TimeBase.Float())
			} else if tr := s.Info().Tracks[u.Packet.Track]; tr.Type == media.TrackAudio && tr.LeftOut == "" {
				audio = append(audio, float64(u.Packet.PTS)*tr.TimeBase.Float())
			}
			u.Release()
		}
		if len(video) != 24 || len(audio) < 36 {
			t.Fatalf("programme %d: %d frames, %d packets of audio", programme, len(video), len(audio))
		}
		for i := range video {
			if off := video[i] - video[0] - float64(i)/25; math.Abs(off) > 0.001 {
				t.Errorf("programme %d: frame %d is at %.4f s", programme, i, video[i])
			}
		}
		const packet = 1024.0 / 44100
		if video[0] > 0.1 || math.Abs(audio[0]-video[0]) > 2*packet {
			t.Errorf("programme %d: video begins at %.4f s, audio at %.4f", programme, video[0], audio[0])
		}
		if end, last := video[23]+0.04, audio[len(audio)-1]; math.Abs(last-end) > 4*packet {
			t.Errorf("programme %d: video ends at %.4f s, the last packet of audio is at %.4f", programme, end, last)
		}
		if jumps := s.Stats().Jumps; jumps != 1 {
			t.Errorf("programme %d: %d jumps of all clocks, want 1", programme, jumps)
		}
	}
}
