package decode_test

import (
	"context"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// TestCropIsThatOfTheStream decodes H.264 whose sequence header crops all four sides, the left one by less than what SIMD code aligns to.
func TestCropIsThatOfTheStream(t *testing.T) {
	o := testmedia.Options{Format: media.Format{Width: 160, Height: 120, Layout: media.YUV420, Depth: 8}, Frames: 2}
	dir := t.TempDir()
	whole, cropped := filepath.Join(dir, "whole.mkv"), filepath.Join(dir, "cropped.mkv")
	for path, extra := range map[string]map[string]string{whole: nil, cropped: {"x264-params": "crop-rect=16,8,18,10"}} {
		if err := testmedia.WriteClip(path, o, encode.Options{CRF: -1, Preset: "veryfast", FFmpeg: extra}); err != nil {
			t.Fatal(err)
		}
	}
	first := func(path string) *media.Frame {
		s, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return u.Frame
	}
	a, b := first(whole), first(cropped)
	if b.Width != 126 || b.Height != 102 {
		t.Fatalf("%v, want 126x102", b.Format)
	}
	for y := range b.Height {
		for x := range b.Width {
			if a.Row(0, y+8)[x+16] != b.Row(0, y)[x] {
				t.Fatalf("sample %d, %d is not that of the whole frame at 16, 8 from it", x, y)
			}
		}
	}
}
