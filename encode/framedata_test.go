package encode_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/internal/testmedia"
	"vsr/media"
)

// cc is the caption data of frame n: one pair of CTA-608 with zeros in it, so that it has to be escaped, and one of CTA-708.
func cc(n int) []byte { return []byte{0xfc, 0, 0, 0xfe, byte(n), 0} }

// captioned encodes frames with captions and returns what a decoder finds in each.
func captioned(t *testing.T, codec, name string) (found [][]byte, st decode.Stats) {
	t.Helper()
	src := synthetic(t, testmedia.Options{Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}, Frames: 12})
	path := filepath.Join(t.TempDir(), name)
	sink, err := encode.CreateFile(path, src.Info(), encode.Options{Codec: codec}, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for n := range 12 {
		u, err := src.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		u.Frame.SideData = []media.SideData{{Type: av.FrameCaptions, Data: cc(n)}}
		if err := sink.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := decode.Open(ctx, path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 12 {
		u, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for _, sd := range u.Frame.SideData {
			if sd.Type == av.FrameCaptions {
				data = sd.Data
			}
		}
		found = append(found, data)
		u.Release()
	}
	return found, s.Stats()
}

func TestCaptionsAreKeptOrNamed(t *testing.T) {
	for _, codec := range []string{"x264", "x265"} {
		for _, name := range []string{"a.mkv", "a.mp4", "a.ts"} {
			found, st := captioned(t, codec, name)
			for n, data := range found {
				if !bytes.Equal(data, cc(n)) {
					t.Errorf("%s in %s: frame %d has captions % x, want % x", codec, name, n, data, cc(n))
				}
			}
			if st.Captions != 12 {
				t.Errorf("%s in %s: %d frames with captions counted, want 12", codec, name, st.Captions)
			}
		}
		if notes := (encode.Options{Codec: codec}).FrameDataNotes(encode.FrameData{Captions: 12}); len(notes) != 0 {
			t.Errorf("%s keeps captions and says %q", codec, notes)
		}
	}
	for _, codec := range []string{"svtav1", "vp9", "ffv1", "prores"} {
		if notes := (encode.Options{Codec: codec}).FrameDataNotes(encode.FrameData{Captions: 12}); len(notes) != 1 {
			t.Errorf("%s loses captions and says %q", codec, notes)
		}
	}
	for _, codec := range encode.Codecs() {
		if notes := (encode.Options{Codec: codec}).FrameDataNotes(encode.FrameData{HDR10Plus: 3}); len(notes) != 1 && codec != "x265" {
			t.Errorf("%s loses HDR10+ and says %q", codec, notes)
		}
	}
}
