package decode_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
)

// frames lists times and hashes of what a source gives, and how many packets of other tracks came.
func frames(t *testing.T, path string, o decode.Options) (list []string, pts []int64) {
	t.Helper()
	s, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		if err == io.EOF {
			return list, pts
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			list, pts = append(list, fmt.Sprintf("%d %x", u.Frame.PTS, encode.Sum(u.Frame))), append(pts, u.Frame.PTS)
		}
		u.Release()
	}
}

// From any frame on, SkipTo gives what decoding from the start gives: same times, same frames.
func TestSkipTo(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, "clip.mp4")
	// Keyframes every second, and B-frames.
	if err := testmedia.WriteClip(ours, testmedia.Options{Frames: 75, Tone: 300, Drop: func(n int) bool { return n%9 == 4 }},
		encode.Options{Preset: "fast", KeyframeSeconds: 1}); err != nil {
		t.Fatal(err)
	}
	list := []struct {
		path string
		opt  decode.Options
	}{{ours, decode.Options{}}, {ours, decode.Options{Start: 0.9, Duration: 1.5}}, {ours, decode.Options{Start: 0.9, KeepTimes: true}}}
	for _, name := range []string{"ts_180p60_h264_aac.ts", "interlaced_480i29.97_bff_h264_ac3.mkv", "xvid_180p24_bframes_mp3.avi", "vfr_180p_h264_aac.mp4", "odd_317x181_vp9_420.webm"} {
		if _, err := os.Stat(clipFolder + name); err != nil {
			t.Log("no clip " + clipFolder + name)
			continue
		}
		list = append(list, struct {
			path string
			opt  decode.Options
		}{clipFolder + name, decode.Options{Duration: 3}})
	}
	for _, c := range list {
		all, pts := frames(t, c.path, c.opt)
		for _, n := range []int{1, len(all) / 2, len(all) - 1} {
			o := c.opt
			o.SkipTo = pts[n]
			rest, _ := frames(t, c.path, o)
			if diff := cmp.Diff(all[n:], rest); diff != "" {
				t.Errorf("%s %+v: from frame %d of %d (-whole +skipped):\n%s", c.path, c.opt, n, len(all), diff)
			}
		}
	}
}

// What lies far before the frame wanted is not read.
func TestSkipToSeeks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clip.mkv")
	if err := testmedia.WriteClip(path, testmedia.Options{Frames: 250, Tone: 300}, encode.Options{Preset: "ultrafast", KeyframeSeconds: 1}); err != nil {
		t.Fatal(err)
	}
	_, pts := frames(t, path, decode.Options{})
	s, err := decode.Open(context.Background(), path, decode.Options{SkipTo: pts[200]})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	packets := 0
	for {
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			if u.Frame.PTS != pts[200] {
				t.Errorf("the first frame is at %d, want %d", u.Frame.PTS, pts[200])
			}
			u.Release()
			break
		}
		packets++
	}
	if packets > 150 { // 8 s of AAC are some 340 packets
		t.Errorf("%d packets of sound lie before the first frame: it was read from the start", packets)
	}
}
