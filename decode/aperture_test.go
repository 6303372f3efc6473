package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/internal/testmedia"
	"vsr/media"
)

// withAperture puts a clap box at the end of the first avc1 entry of an MP4 whose index is at the end.
func withAperture(t *testing.T, data []byte, values ...int32) []byte {
	t.Helper()
	box := binary.BigEndian.AppendUint32(nil, 40)
	box = append(box, "clap"...)
	for _, v := range values {
		box = binary.BigEndian.AppendUint32(box, uint32(v))
	}
	path := []string{"moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"}
	at, end := 0, len(data)
	var around []int
	for _, want := range path {
		found := false
		for ; at+8 <= end; at += int(binary.BigEndian.Uint32(data[at:])) {
			if string(data[at+4:at+8]) == want {
				found = true
				break
			}
		}
		if !found {
			t.Fatalf("no box %s", want)
		}
		around = append(around, at)
		end = at + int(binary.BigEndian.Uint32(data[at:]))
		if at += 8; want == "stsd" {
			at += 8
		}
	}
	out := append(append(bytes.Clone(data[:end]), box...), data[end:]...)
	for _, o := range around {
		binary.BigEndian.PutUint32(out[o:], binary.BigEndian.Uint32(out[o:])+40)
	}
	return out
}

// A clean aperture cuts the frame as a player does, at the place that it names.
func TestCleanAperture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whole.mov")
	f := media.Format{Width: 160, Height: 120, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 6, Transfer: 6, Siting: 1}}
	s, err := testmedia.New(testmedia.Options{Format: f, Frames: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Without the index in front, a longer index moves no frame.
	sink, err := encode.Create(s.Info(), encode.Options{CRF: -1, Preset: "ultrafast"}, newFile(t, path, map[string]string{"movflags": "-faststart"}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Write(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := firstFrame(t, path, 160, 120)
	for _, c := range []struct {
		name             string
		values           []int32 // width, height, offsets to the right and down, each as a fraction
		x, y, w, h, crop int
	}{
		{"centered", []int32{140, 1, 100, 1, 0, 1, 0, 1}, 10, 10, 140, 100, 1},
		{"moved", []int32{100, 1, 80, 1, 20, 1, -10, 1}, 50, 10, 100, 80, 1},
		{"fractions", []int32{281, 2, 100, 1, 1, 2, 0, 1}, 10, 10, 141, 100, 1},
		{"the whole", []int32{160, 1, 120, 1, 0, 1, 0, 1}, 0, 0, 160, 120, 0},
		{"larger than the frame", []int32{400, 1, 100, 1, 0, 1, 0, 1}, 0, 0, 160, 120, 0},
		{"beyond the edge", []int32{140, 1, 100, 1, 40, 1, 0, 1}, 0, 0, 160, 120, 0},
		{"no denominator", []int32{0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 160, 120, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.mov")
			if err := os.WriteFile(path, withAperture(t, data, c.values...), 0o666); err != nil {
				t.Fatal(err)
			}
			if c.crop == 0 && c.name != "the whole" && refused(t, path) {
				t.Skip("this FFmpeg does not open files with a clap box that makes no sense")
			}
			got := firstFrame(t, path, c.w, c.h)
			for y := range c.h {
				if want := whole.Row(0, y+c.y)[c.x : c.x+c.w]; !bytes.Equal(got.Row(0, y), want) {
					t.Fatalf("row %d differs", y)
				}
			}
			for y := range c.h / 2 {
				if want := whole.Row(1, y+c.y/2)[c.x/2 : c.x/2+c.w/2]; !bytes.Equal(got.Row(1, y)[:c.w/2], want) {
					t.Fatalf("chroma row %d differs", y)
				}
			}
		})
	}
}

func newFile(t *testing.T, path string, muxer map[string]string) *encode.File {
	t.Helper()
	f, err := encode.NewFile(path, encode.FileOptions{FFmpeg: muxer})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// firstFrame decodes one frame and checks its size in what Open and OpenCopy say.
func firstFrame(t *testing.T, path string, w, h int) *media.Frame {
	t.Helper()
	s, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := decode.OpenCopy(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, i := range []*media.Info{s.Info(), c.Info()} {
		if i.Format.Width != w || i.Format.Height != h {
			t.Fatalf("%v, want %dx%d", i.Format, w, h)
		}
	}
	u, err := s.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return u.Frame
}

// refused reports whether FFmpeg 7.1 or newer says that the file is none.
func refused(t *testing.T, path string) bool {
	t.Helper()
	s, err := decode.Open(t.Context(), path, decode.Options{})
	if err == nil {
		s.Close()
		return false
	}
	var u *decode.UnsupportedError
	if !errors.As(err, &u) {
		t.Fatal(err)
	}
	return av.RefusesBadAperture()
}
