package decode_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// allFrames decodes an input as RGB.
func allFrames(t *testing.T, url, format string) (list []*media.Frame, info *media.Info) {
	t.Helper()
	s, err := decode.Open(t.Context(), url, decode.Options{Format: format, RGB: true, PoolSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for {
		u, err := s.Next(t.Context())
		if err != nil {
			return list, s.Info()
		}
		if u.Frame != nil {
			list = append(list, u.Frame)
			t.Cleanup(u.Frame.Release)
		}
	}
}

// An animated WebP comes out frame by frame as it went in, with its times and how often it is shown: one without loss, in which libwebp stores
// only what moves, to the bit; a lossy one with an alpha channel by its colors.
func TestAnimatedWebP(t *testing.T) {
	if !testmedia.Has("libwebp_anim") {
		t.Skip("this FFmpeg has no libwebp_anim")
	}
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	const moving = "testsrc2=s=63x47:r=10:d=0.8,format=bgra"
	in := filepath.Join(dir, "a.webp")
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{{Source: moving, Encoder: "libwebp_anim", Options: map[string]string{"lossless": "1"}}}, Options: map[string]string{"loop": "3"}}).Write(in); err != nil {
		t.Fatal(err)
	}
	want, _ := allFrames(t, moving, "lavfi")
	got, info := allFrames(t, in, "")
	if len(got) != len(want) || len(got) != 8 || info.Plays != 3 {
		t.Fatalf("%d frames of %d, shown %d times, %v", len(got), len(want), info.Plays, info.Format)
	}
	for n := range got {
		if at := float64(got[n].PTS) * info.VideoTrack().TimeBase.Float(); at < 0.1*float64(n)-1e-6 || at > 0.1*float64(n)+1e-6 {
			t.Errorf("frame %d is at %g s", n, at)
		}
		for p := range 3 {
			for y := range 47 {
				if !bytes.Equal(got[n].Row(p, y), want[n].Row(p, y)) {
					t.Fatalf("frame %d, plane %d, row %d differs", n, p, y)
				}
			}
		}
	}

	in = filepath.Join(dir, "b.webp")
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{{Source: "color=c=0x4080c0@0.5:s=33x17:r=10:d=0.3,format=yuva420p,drawbox=x=20:y=0:w=8:h=8:color=white:enable='gte(n,1)'", Encoder: "libwebp_anim",
		Options: map[string]string{"quality": "95"}}}}).Write(in); err != nil {
		t.Fatal(err)
	}
	got, info = allFrames(t, in, "")
	if len(got) == 0 || !info.Format.Alpha {
		t.Fatalf("%d frames, %v", len(got), info.Format)
	}
	for p, want := range []int{128, 192, 64, 128} { // green, blue, red, alpha
		if v := int(got[0].Row(p, 12)[16]); v < want-3 || v > want+3 {
			t.Errorf("plane %d is %d, want %d", p, v, want)
		}
	}

	s, err := decode.Open(t.Context(), in, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadDir(tmp)
	s.Close()
	if after, _ := os.ReadDir(tmp); len(after) != len(before)-1 {
		t.Errorf("%d temporary files after the end, %d before", len(after), len(before))
	}
	whole, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, whole[:50], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := decode.Open(t.Context(), in, decode.Options{}); err == nil {
		t.Error("one without frames is no error")
	}
}

// FuzzAnimatedWebP reads damaged animations: no panic, no memory beyond the limits.
func FuzzAnimatedWebP(f *testing.F) {
	vp8x := append([]byte("RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x12\x00\x00\x00"), 15, 0, 0, 15, 0, 0)
	f.Add(append(vp8x, []byte("ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x02\x00ANMF\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x0f\x00\x00\x64\x00\x00\x00VP8L\x00\x00\x00\x00")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 31 || string(b[:4]) != "RIFF" {
			return
		}
		path := filepath.Join(t.TempDir(), "x.webp")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := decode.Open(t.Context(), path, decode.Options{Limits: decode.Limits{Width: 256, Height: 256}})
		if err == nil {
			s.Close()
		}
	})
}
