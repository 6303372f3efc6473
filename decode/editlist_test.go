package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// edit is an entry of an edit list: so many seconds from a time of the media on.
type edit struct{ length, from float64 }

// withEdits replaces the edit lists of an MP4 whose index is at the end. Times of the media are counted from its first frame.
func withEdits(t *testing.T, data []byte, edits []edit) []byte {
	t.Helper()
	data = bytes.Clone(data)
	find := func(from, to int, kind string) (at, end int) {
		for at = from; at+8 <= to; at = end {
			end = at + int(binary.BigEndian.Uint32(data[at:]))
			if string(data[at+4:at+8]) == kind {
				return at, end
			}
		}
		t.Fatalf("no box %s", kind)
		return 0, 0
	}
	moov, end := find(0, len(data), "moov")
	mvhd, _ := find(moov+8, end, "mvhd")
	movie := float64(binary.BigEndian.Uint32(data[mvhd+8+12:]))
	for trak := moov + 8; trak < end; {
		size := int(binary.BigEndian.Uint32(data[trak:]))
		if string(data[trak+4:trak+8]) != "trak" {
			trak += size
			continue
		}
		mdia, mdiaEnd := find(trak+8, trak+size, "mdia")
		mdhd, _ := find(mdia+8, mdiaEnd, "mdhd")
		scale := float64(binary.BigEndian.Uint32(data[mdhd+8+12:]))
		edts, edtsEnd := find(trak+8, trak+size, "edts")
		elst, elstEnd := find(edts+8, edtsEnd, "elst")
		if n := binary.BigEndian.Uint32(data[elst+12:]); n != 1 || data[elst+8] != 0 {
			t.Fatalf("%d edits of version %d", n, data[elst+8])
		}
		first := float64(binary.BigEndian.Uint32(data[elst+20:]))
		list := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, uint32(len(edits)))
		for _, e := range edits {
			list = binary.BigEndian.AppendUint32(list, uint32(math.Round(e.length*movie)))
			list = binary.BigEndian.AppendUint32(list, uint32(math.Round(first+e.from*scale)))
			list = binary.BigEndian.AppendUint32(list, 1<<16)
		}
		grow := elst + 8 + len(list) - elstEnd
		data = append(append(bytes.Clone(data[:elst+8]), list...), data[elstEnd:]...)
		for _, o := range []int{moov, trak, edts, elst} {
			binary.BigEndian.PutUint32(data[o:], binary.BigEndian.Uint32(data[o:])+uint32(grow))
		}
		end += grow
		trak += size + grow
	}
	return data
}

// numbered writes an MP4 of 40 frames with B-frames, unless more says otherwise, one keyframe and sound, and its index at the end.
func numbered(t *testing.T, name string, start int, more map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	s, err := testmedia.New(testmedia.Options{Frames: 40, Rate: media.Rational{Num: 25, Den: 1}, Tone: 440, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sink, err := encode.Create(s.Info(), encode.Options{Preset: "veryfast", CRF: 10, FFmpeg: more}, newFile(t, path, map[string]string{"movflags": "-faststart"}))
	if err != nil {
		t.Fatal(err)
	}
	for {
		u, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = sink.Write(context.Background(), u)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// frameNumbers gives the number that is drawn into each frame, its time, and the times of the sound, in seconds.
func frameNumbers(t *testing.T, path string, o decode.Options) (numbers []int, at, sound []float64) {
	t.Helper()
	s, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return numbers, at, sound
		}
		if err != nil {
			t.Fatal(err)
		}
		if f := u.Frame; f != nil {
			numbers = append(numbers, testmedia.Number(f, 1))
			at = append(at, float64(f.PTS)*s.Info().VideoTrack().TimeBase.Float())
		} else {
			sound = append(sound, float64(u.Packet.PTS)*s.Info().Tracks[u.Packet.Track].TimeBase.Float())
		}
		u.Release()
	}
}

// An edit list shows what it lists: from the middle of a group of frames on, and in several parts. Hidden sound goes, but for what primes its decoder.
func TestEditLists(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []edit
		want  [][2]int // first and last frame of each part
	}{
		{"from the middle", []edit{{1, 0.4}}, [][2]int{{10, 34}}},
		{"two parts", []edit{{0.4, 0.2}, {0.6, 1}}, [][2]int{{5, 14}, {25, 39}}},
		{"three parts", []edit{{0.4, 0.2}, {0.4, 0.8}, {0.2, 1.4}}, [][2]int{{5, 14}, {20, 29}, {35, 39}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Of several parts with B-frames FFmpeg itself moves the third and later ones by some frames.
			more := map[string]string{}
			if len(c.edits) > 2 {
				more["bf"] = "0"
			}
			whole, err := os.ReadFile(numbered(t, "whole.mp4", 0, more))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "a.mp4")
			if err := os.WriteFile(path, withEdits(t, whole, c.edits), 0o666); err != nil {
				t.Fatal(err)
			}
			numbers, at, sound := frameNumbers(t, path, decode.Options{})
			var want []int
			for _, p := range c.want {
				for n := p[0]; n <= p[1]; n++ {
					want = append(want, n)
				}
			}
			if len(numbers) != len(want) {
				t.Fatalf("frames %v, want %v", numbers, want)
			}
			length := 0.0
			for _, e := range c.edits {
				length += e.length
			}
			for i := range want {
				if numbers[i] != want[i] || math.Abs(at[i]-float64(i)/25) > 1e-3 {
					t.Errorf("frame %d is number %d at %.4f s, want %d at %.4f", i, numbers[i], at[i], want[i], float64(i)/25)
				}
			}
			const packet = 1024.0 / 44100
			if len(sound) == 0 || sound[0] < -2*packet || sound[0] > packet || sound[len(sound)-1] > length+packet || sound[len(sound)-1] < length-2*packet {
				t.Errorf("%d packets of sound from %.4f to %.4f s, want 0 to %.2f", len(sound), sound[0], sound[len(sound)-1], length)
			}
		})
	}
}

// Options.Start counts from the first frame, also where the clock of the file begins at an hour.
func TestStartOfLateClock(t *testing.T) {
	path := numbered(t, "late.mkv", 3600*25, nil)
	all, at, _ := frameNumbers(t, path, decode.Options{})
	if len(all) != 40 || math.Abs(at[0]-3600) > 0.002 {
		t.Fatalf("%d frames from %.3f s", len(all), at[0])
	}
	numbers, at, sound := frameNumbers(t, path, decode.Options{Start: 0.4, Duration: 0.6})
	if len(numbers) != 15 || numbers[0] != all[10] || math.Abs(at[0]) > 0.002 || math.Abs(at[14]-14.0/25) > 0.002 {
		t.Errorf("frames %v at %.4f, want 15 from %d", numbers, at, all[10])
	}
	if len(sound) == 0 || sound[0] < -0.03 || sound[0] > 0.03 {
		t.Errorf("sound begins at %v", sound)
	}
}
