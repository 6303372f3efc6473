package scene

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
)

// Real clips whose cuts were found by eye. They are no part of the repository.
func TestClips(t *testing.T) {
	const folder = "../../shared/data/clips"
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no test clips: %v", err)
	}
	tests := []struct {
		clip string
		want []int
	}{
		{"native/bbb_720p24_vp8_vorbis_30s.webm", []int{283, 376, 551}}, // also fades in from black, and has a title overlay
		{"native/bbb_180p24_vp9_opus.webm", nil},                        // fades in from black
		{"native/screen_3026x1386_h264_vfr_noaudio.mp4", nil},           // windows move and scroll
		{"native/framecounter_1080x1080p30_vp9.webm", nil},
		{"native/black_854x480_sar1280x1281_editlist.mp4", nil},
		{"derived/lq_240p24_flv1_mp3.flv", []int{67}},
		{"derived/multi_2audio_2subs_chapters_attachment.mkv", []int{67}},
		{"derived/hdr10_360p24_hevc10_pq_aac.mp4", nil},
		{"derived/gray_360p24_h264.mp4", nil},
		{"derived/tiny_16x16_h264.mp4", nil},
	}
	for _, tt := range tests {
		t.Run(filepath.Base(tt.clip), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, clipCuts(t, filepath.Join(folder, tt.clip))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func clipCuts(t *testing.T, path string) (list []int) {
	t.Helper()
	src, err := decode.Open(t.Context(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	d := New(Options{})
	for i := 0; ; {
		u, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			before := d.Scene()
			d.Mark(u.Frame)
			if i > 0 && u.Frame.Scene != before {
				list = append(list, i)
			}
			i++
		}
		u.Release()
	}
}
