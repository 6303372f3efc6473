package encode

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// A full disk, played by /dev/full, gives a DestinationError and no file.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	dir := t.TempDir()
	f, err := NewFile(filepath.Join(dir, "out.mkv"), FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = f.pb.Close()
	if f.pb, err = astiav.OpenIOContext("file:/dev/full", astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		t.Fatal(err)
	}
	format := media.Format{Width: 64, Height: 64, Layout: media.YUV420, Depth: 8}
	info := &media.Info{Format: format, Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
	sink, err := Create(info, Options{Codec: "ffv1"}, f)
	for i := 0; err == nil && i < 200; i++ {
		fr := media.NewFrame(format)
		fr.PTS = int64(i)
		for j := range fr.Plane[0] {
			fr.Plane[0][j] = byte(i * j * 7)
		}
		err = sink.Write(context.Background(), media.Unit{Frame: fr})
	}
	if err == nil {
		err = sink.Close()
	} else if sink != nil {
		_ = sink.Abort()
	}
	var d *DestinationError
	if !errors.As(err, &d) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("the folder holds %v", list)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ codec, in, want string }{
		{"mov_text", "\x00\x05Hello\x00\x00\x00\x0cstyl", "Hello"},
		{"mov_text", "\x00\xffshort", "short"},
		{"mov_text", "\x00", ""},
		{"ass", `3,0,Default,,0,0,0,,{\i1}One,\Ntwo{\i0}`, "One,\ntwo"},
		{"subrip", "a\r\nb", "a\nb"},
	} {
		if got := textReaders[c.codec]([]byte(c.in)); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.codec, c.in, got, c.want)
		}
	}
	if got := string(writeTimedText("<i>ä</i>")); got != "\x00\x02ä" {
		t.Errorf("timed text %q", got)
	}
}

func TestChoosePixels(t *testing.T) {
	x264 := av.PixelFormats(astiav.FindEncoderByName("libx264"))
	vp9 := av.PixelFormats(astiav.FindEncoderByName("libvpx-vp9"))
	av1 := av.PixelFormats(astiav.FindEncoderByName("libsvtav1"))
	alpha := "yuva420p"
	if slices.Contains(vp9, astiav.PixelFormatYuva444P) { // FFmpeg 9
		alpha = "yuva444p"
	}
	for _, c := range []struct {
		list []astiav.PixelFormat
		f    media.Format
		want string
	}{
		{x264, media.Format{Layout: media.YUV420, Depth: 8}, "yuv420p"},
		{x264, media.Format{Layout: media.YUV422, Depth: 12}, "yuv422p10le"},
		{x264, media.Format{Layout: media.Gray, Depth: 8}, "gray"},
		{x264, media.Format{Layout: media.YUV444, Depth: 10, Alpha: true}, "yuv444p10le"},
		{av1, media.Format{Layout: media.YUV444, Depth: 16}, "yuv420p10le"},
		{vp9, media.Format{Layout: media.YUV444, Depth: 8, Alpha: true}, alpha},
		{vp9, media.Format{Layout: media.YUV444, Depth: 8}, "yuv444p"},
		{av1, media.Format{Layout: media.Gray, Depth: 8}, "yuv420p"},
	} {
		p, err := choosePixels(c.list, c.f, "", false, false)
		if err != nil || p.String() != c.want {
			t.Errorf("%v: %v %v, want %s", c.f, p, err, c.want)
		}
	}
}

var _ io.Closer = (*Sink)(nil)
