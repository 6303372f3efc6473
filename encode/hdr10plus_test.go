package encode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/internal/testmedia"
	"vsr/media"
)

// window is a second window: corners, centre and rotation of the ellipse, its axes, and how it overlaps.
var window = []int{8, 6, 31, 23, 20, 15, 45, 4, 10, 6, 1}

// hdr10plus is the message of SMPTE ST 2094-40 for frame n, written out bit by bit, with one window or with window as a second.
func hdr10plus(n int, windows int) []byte {
	var bits strings.Builder
	u := func(v, width int) { fmt.Fprintf(&bits, "%0*b", width, v) }
	u(0xb5, 8)
	u(0x3c, 16)
	u(1, 16)
	u(4, 8)
	u(1, 8) // version
	u(windows, 2)
	for i, v := range window {
		if windows > 1 {
			u(v, []int{16, 16, 16, 16, 16, 16, 8, 16, 16, 16, 1}[i])
		}
	}
	u(400, 27)
	u(0, 1)
	for w := range windows {
		for _, v := range []int{10000 + n, 9000 + w, 100000} {
			u(v, 17)
		}
		u(3000, 17)
		u(2, 4)
		for _, v := range [][2]int{{50, 2000}, {99, 9000}} {
			u(v[0], 7)
			u(v[1], 17)
		}
		u(100, 10)
	}
	u(0, 1)
	for w := range windows {
		u(1, 1) // tone mapping
		u(1365, 12)
		u(4000, 12)
		u(3, 4)
		for _, v := range []int{200, 400 + n, 1023} {
			u(v, 10)
		}
		u(1, 1)
		u(5+w, 6)
	}
	text := bits.String() + strings.Repeat("0", (8-bits.Len()%8)%8)
	var out []byte
	for i := 0; i < len(text); i += 8 {
		v, _ := strconv.ParseUint(text[i:i+8], 2, 8)
		out = append(out, byte(v))
	}
	return out
}

// injector puts a message into each frame on its way into a file.
type injector struct {
	*encode.File
	n       *int
	windows int
}

func (w injector) WritePacket(p *media.Packet) error {
	q := *p
	q.Data = encode.InsertSEI(p.Data, hdr10plus(*w.n, w.windows))
	*w.n++
	return w.File.WritePacket(&q)
}

// metadataOf gives the HDR10+ side data of each frame as FFmpeg reads it.
func metadataOf(t *testing.T, path string, each func(*media.Frame)) (list [][]byte, s *decode.Source) {
	t.Helper()
	s, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		if err != nil {
			return list, s
		}
		if u.Frame != nil {
			var data []byte
			for _, sd := range u.Frame.SideData {
				if sd.Type == av.FrameHDR10Plus {
					data = sd.Data
				}
			}
			list = append(list, data)
			if each != nil {
				each(u.Frame)
				continue
			}
		}
		u.Release()
	}
}

// HDR10+ of a file is in what x265 makes of it, frame by frame.
func TestHDR10PlusIsKept(t *testing.T) {
	const frames = 8
	deep := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 10, Color: media.Color{Matrix: 9, Range: 1, Primaries: 9, Transfer: 16, Siting: 1}}
	src := synthetic(t, testmedia.Options{Format: deep, Frames: frames})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mkv"), filepath.Join(dir, "out.mkv")
	file, err := encode.NewFile(in, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := encode.Options{Codec: "x265", Preset: "ultrafast"}
	plain := o
	plain.FFmpeg = map[string]string{"x265-params": "bframes=0:log-level=error"}
	sink, err := encode.Create(src.Info(), plain, injector{file, new(int), 1})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, src, sink, frames)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	if sink, err = encode.CreateFile(out, src.Info(), o, encode.FileOptions{}); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	before, _ := metadataOf(t, in, func(f *media.Frame) {
		f.PTS = n * 512
		n++
		if err := sink.Write(context.Background(), media.Unit{Frame: f}); err != nil {
			t.Fatal(err)
		}
	})
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	after, s := metadataOf(t, out, nil)
	if len(before) != frames || len(after) != frames || s.Stats().HDR10Plus != frames {
		t.Fatalf("%d frames, %d after, %d with metadata", len(before), len(after), s.Stats().HDR10Plus)
	}
	for i := range before {
		if len(before[i]) == 0 || !bytes.Equal(before[i], after[i]) {
			t.Errorf("frame %d: the metadata differs", i)
		}
		if i > 0 && bytes.Equal(before[i], before[i-1]) {
			t.Errorf("frame %d has that of the one before", i)
		}
	}
}

// Windows lie where the same part of the frame is in the larger one. The numbers of FFmpeg's AVDynamicHDRPlus are read at their places in it: a window
// is 428 bytes, of which the first 46 say where it lies.
func TestHDR10PlusWindows(t *testing.T) {
	deep := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 10, Color: media.Color{Matrix: 9, Range: 1, Primaries: 9, Transfer: 16, Siting: 1}}
	src := synthetic(t, testmedia.Options{Format: deep, Frames: 2})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mkv"), filepath.Join(dir, "out.mkv")
	file, err := encode.NewFile(in, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := encode.Options{Codec: "x265", Preset: "ultrafast", FFmpeg: map[string]string{"x265-params": "bframes=0:log-level=error"}}
	sink, err := encode.Create(src.Info(), o, injector{file, new(int), 2})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, src, sink, 2)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	place := func(data []byte) (list []int) {
		const second = 4 + 428
		if len(data) < second+46 {
			return nil
		}
		for at := second; at < second+32; at += 8 {
			if den := binary.NativeEndian.Uint32(data[at+4:]); den != 1 {
				t.Fatalf("a corner in parts of %d", den)
			}
			list = append(list, int(binary.NativeEndian.Uint32(data[at:])))
		}
		for _, at := range []int{32, 34, 38, 40, 42} {
			list = append(list, int(binary.NativeEndian.Uint16(data[second+at:])))
		}
		return append(list, int(data[second+36]))
	}
	before, s := metadataOf(t, in, nil)
	if diff := cmp.Diff([]int{8, 6, 31, 23, 20, 15, 4, 10, 6, 45}, place(before[0])); diff != "" {
		t.Fatalf("the premise, as FFmpeg reads it (-want +got):\n%s", diff)
	}
	large := deep
	large.Width, large.Height = 192, 144
	big := synthetic(t, testmedia.Options{Format: large, Frames: 2})
	info := *big.Info()
	info.Tracks = slices.Clone(info.Tracks)
	info.Tracks[0].Params = s.Info().VideoTrack().Params // of the small frames
	if sink, err = encode.CreateFile(out, &info, o, encode.FileOptions{}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		u, err := big.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u.Frame.SideData = []media.SideData{{Type: av.FrameHDR10Plus, Data: before[n]}}
		if err := sink.Write(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	after, _ := metadataOf(t, out, nil)
	if len(after) != 2 {
		t.Fatalf("%d frames", len(after))
	}
	if diff := cmp.Diff([]int{24, 18, 95, 71, 61, 46, 12, 30, 18, 45}, place(after[0])); diff != "" {
		t.Errorf("three times as large (-want +got):\n%s", diff)
	}
}
