package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// allClips makes TestClips take every healthy clip: go test ./cmd/vsr -run TestClips -all-clips -timeout 60m
var allClips = flag.Bool("all-clips", false, "TestClips takes all clips")

const clipFolder = "../../../shared/data/clips/"

// fewClips are those that TestClips takes otherwise: one for each kind of trouble with time.
var fewClips = []string{"derived/vfr_180p_h264_aac.mp4", "derived/ts_180p60_h264_aac.ts", "derived/xvid_180p24_bframes_mp3.avi",
	"derived/multi_2audio_2subs_chapters_attachment.mkv", "derived/rotate270_180p24_h264_aac.mp4"}

// healthy lists the clips that can be upscaled, with two containers for each that hold its kind.
func healthy(t *testing.T) map[string][]string {
	t.Helper()
	names := fewClips
	if *allClips {
		names = nil
		for _, dir := range []string{"native", "derived"} {
			entries, err := os.ReadDir(clipFolder + dir)
			if err != nil {
				t.Skip(err)
			}
			for _, e := range entries {
				if n := e.Name(); !strings.HasPrefix(n, "broken_") && n != "audio_only_two_aac_tracks.mp4" {
					names = append(names, dir+"/"+n)
				}
			}
		}
	}
	list := map[string][]string{}
	for _, n := range names {
		if _, err := os.Stat(clipFolder + n); err != nil {
			t.Skip(err)
		}
		list[n] = []string{".mp4", ".mkv"}
		if strings.Contains(n, "rotate") { // Matroska cannot say it
			list[n] = []string{".mp4", ".mov"}
		}
	}
	return list
}

// probed is what FFmpeg's own program says of a file.
type probed struct {
	Streams []struct {
		Type   string `json:"codec_type"`
		Width  int
		Height int
		Aspect string `json:"sample_aspect_ratio"`
		Matrix string `json:"color_space"`
		Range  string `json:"color_range"`
		Disp   struct {
			Cover int `json:"attached_pic"`
		} `json:"disposition"`
		Side []struct{ Rotation int } `json:"side_data_list"`
	}
	Chapters []struct{}
	Frames   []struct {
		Time string `json:"best_effort_timestamp_time"`
	}
	Format struct {
		Name  string `json:"format_name"`
		Start string `json:"start_time"`
	}
}

func ffprobe(t *testing.T, path string) *probed {
	t.Helper()
	args := []string{"-v", "quiet", "-of", "json", "-show_streams", "-show_format", "-show_chapters", "-select_streams", "V:0",
		"-show_entries", "frame=best_effort_timestamp_time", path}
	text, err := exec.Command("ffprobe", args...).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	p := &probed{}
	if err := json.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// times are the frames' times in seconds, from the container's start where its clock has no origin.
func (p *probed) times() (list []float64) {
	origin := 0.0
	if slices.Contains([]string{"mpegts", "mpeg", "ogg"}, p.Format.Name) {
		origin, _ = strconv.ParseFloat(p.Format.Start, 64)
	}
	for _, f := range p.Frames {
		if s, err := strconv.ParseFloat(f.Time, 64); err == nil {
			list = append(list, s-origin)
		}
	}
	return list
}

// agreesWith compares times, aspect, colours and rotation. length is how many seconds of the source were taken.
func (p *probed) agreesWith(src *probed, length float64) error {
	if len(p.Streams) == 0 || len(src.Streams) == 0 {
		return fmt.Errorf("%d and %d video streams", len(src.Streams), len(p.Streams))
	}
	a, b := src.Streams[0], p.Streams[0]
	free := func(want, got string) bool {
		return want == "" || want == "unknown" || want == "N/A" || want == "0:1" || want == got
	}
	switch {
	case b.Width != 2*a.Width || b.Height != 2*a.Height:
		return fmt.Errorf("%dx%d became %dx%d", a.Width, a.Height, b.Width, b.Height)
	case !free(a.Aspect, b.Aspect) && !(a.Aspect == "1:1" && free(b.Aspect, "")):
		return fmt.Errorf("aspect %s became %s", a.Aspect, b.Aspect)
	case !free(a.Matrix, b.Matrix) && a.Matrix != "gbr", !free(a.Range, b.Range):
		return fmt.Errorf("matrix %s, range %s became %s, %s", a.Matrix, a.Range, b.Matrix, b.Range)
	}
	turn := func(p *probed) (degrees int) {
		for _, s := range p.Streams[0].Side {
			degrees += s.Rotation
		}
		return degrees
	}
	if turn(src) != turn(p) {
		return fmt.Errorf("turned by %d, was %d", turn(p), turn(src))
	}
	if len(p.Chapters) > len(src.Chapters) {
		return fmt.Errorf("%d chapters, were %d", len(p.Chapters), len(src.Chapters))
	}
	want, got := src.times(), p.times()
	want = slices.DeleteFunc(want, func(s float64) bool { return s >= length-1e-6 })
	if len(want) != len(got) {
		return fmt.Errorf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(want[i]-got[i]) > 0.00101 { // Matroska counts milliseconds
			return fmt.Errorf("frame %d is at %.6f s, was at %.6f s", i, got[i], want[i])
		}
	}
	return nil
}

// Every healthy clip, in two containers: vsr verify passes, and FFmpeg's own program agrees about frames, times and tags.
func TestClips(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("ffprobe is not installed")
	}
	const length = 0.5
	done := 0
	for name, containers := range healthy(t) {
		in := clipFolder + name
		src := ffprobe(t, in)
		for _, ext := range containers {
			t.Run(filepath.Base(name)+ext, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out"+ext)
				began := time.Now()
				if code, _, stderr := vsr(t, "run", in, "-o", out, "--model", "nano-x2", "--preset", "ultrafast", "--progress", "none", "--duration", fmt.Sprint(length)); code != 0 {
					t.Fatalf("run: exit code %d: %s", code, stderr)
				}
				if code, stdout, stderr := vsr(t, "verify", in, out, "--duration", fmt.Sprint(length)); code != 0 {
					t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
				}
				p := ffprobe(t, out)
				if err := p.agreesWith(src, length); err != nil {
					t.Errorf("ffprobe: %v", err)
				}
				done++
				t.Logf("%d frames, %v", len(p.Frames), time.Since(began).Round(10*time.Millisecond))
			})
		}
	}
	t.Logf("%d outputs", done)
}
