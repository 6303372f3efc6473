package decode_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// TestUnknownVideoIsNamed gives the video of an MP4 other names: a codec of the future, protected video, and lets it be a playlist.
func TestUnknownVideoIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp4")
	o := testmedia.Options{Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}, Frames: 3}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("stsd")) + 16 // past version, count and the size of the first entry
	if string(data[at:at+4]) != "avc1" {
		t.Fatalf("the sample entry is %q", data[at:at+4])
	}
	for tag, want := range map[string]string{"zz90": `"zz90"`, "drmi": "encrypted"} {
		other := bytes.Clone(data)
		copy(other[at:], tag)
		_, err := decode.Open(context.Background(), written(t, other), decode.Options{})
		var u *decode.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(u.Reason, want) {
			t.Errorf("%s: %v, want an UnsupportedError that says %s", tag, err, want)
		}
	}
	list := filepath.Join(t.TempDir(), "list.m3u8")
	if err := os.WriteFile(list, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = decode.Open(context.Background(), list, decode.Options{})
	var u *decode.UnsupportedError
	if !errors.As(err, &u) || len(u.Error()) > 120 || u.Hint == "" {
		t.Errorf("a playlist: %v, want one short line with a hint", err)
	}
}

// TestVideoTrackOutOfRange asks for videos that are there and for one that is not.
func TestVideoTrackOutOfRange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mkv")
	o := testmedia.Options{Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}, Frames: 3}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	for track, ok := range map[int]bool{0: true, 1: true, 2: false} {
		s, err := decode.Open(context.Background(), path, decode.Options{VideoTrack: track})
		if (err == nil) != ok {
			t.Errorf("video track %d of one: %v", track, err)
		}
		if err == nil {
			s.Close()
		}
	}
}
