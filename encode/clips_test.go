package encode_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/media"
)

const clipFolder = "../../shared/data/clips"

func clips(t *testing.T) []string {
	t.Helper()
	files, _ := filepath.Glob(clipFolder + "/*/*.*")
	if len(files) == 0 {
		t.Skip("no clips under " + clipFolder)
	}
	return files
}

func clip(t *testing.T, name string) string {
	t.Helper()
	for _, f := range clips(t) {
		if filepath.Base(f) == name {
			return f
		}
	}
	t.Fatalf("no clip %s", name)
	return ""
}

// contents is what a file holds, as far as the tests compare it.
type contents struct {
	info    *media.Info
	pts     []int64
	last    int64 // duration of the last frame
	packets map[int]int
	first   map[int]*big.Rat // time of the first packet per track
	stats   decode.Stats
}

func seconds(ticks int64, tb media.Rational) *big.Rat {
	return new(big.Rat).Mul(big.NewRat(ticks, 1), big.NewRat(int64(tb.Num), int64(tb.Den)))
}

// read drains a source, handing units to sink when there is one.
func read(t *testing.T, s *decode.Source, sink *encode.Sink) contents {
	t.Helper()
	c := contents{info: s.Info(), packets: map[int]int{}, first: map[int]*big.Rat{}}
	for {
		u, err := s.Next(context.Background())
		if err == io.EOF {
			break
		}
		if errors.Is(err, media.ErrFormatChanged) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			c.pts, c.last = append(c.pts, u.Frame.PTS), u.Frame.Duration
		} else {
			p := u.Packet
			if c.packets[p.Track]++; c.first[p.Track] == nil && p.PTS != media.NoTime {
				c.first[p.Track] = seconds(p.PTS, c.info.Tracks[p.Track].TimeBase)
			}
		}
		if sink == nil {
			u.Release()
		} else if err := sink.Write(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Outstanding(); n != 0 {
		t.Errorf("%d frames are still out", n)
	}
	c.stats = s.Stats()
	return c
}

// full runs large clips to their end; without it their first second must do.
var full = flag.Bool("full", false, "whole clips, however large")

// pass copies in to out through the encoder, without super resolution.
func pass(t *testing.T, in, out string, e encode.Options) (contents, []encode.StreamAction) {
	t.Helper()
	var o decode.Options
	if large(in) && !*full {
		o.Duration = 1
	}
	s, err := decode.Open(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sink, err := encode.CreateFile(out, s.Info(), e, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := read(t, s, sink)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return c, sink.Actions()
}

func open(t *testing.T, path string, o decode.Options) contents {
	t.Helper()
	s, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return read(t, s, nil)
}

// compareTimes demands equal times, up to the rounding of the container's clock.
func compareTimes(t *testing.T, a, b contents, exact bool) {
	t.Helper()
	if len(a.pts) != len(b.pts) {
		t.Fatalf("%d frames in, %d out", len(a.pts), len(b.pts))
	}
	ta, tb := a.info.VideoTrack().TimeBase, b.info.VideoTrack().TimeBase
	for i := range a.pts {
		want := seconds(a.pts[i], ta)
		if !exact {
			want = seconds(av.Rescale(a.pts[i], ta, tb), tb)
		}
		if got := seconds(b.pts[i], tb); got.Cmp(want) != 0 {
			t.Fatalf("frame %d: time %v, want %v", i, got.FloatString(6), want.FloatString(6))
		}
	}
	// FFmpeg's MP4 reader takes a delayed start off the last frame's length.
	if exact && a.pts[0] == 0 && a.last > 0 && b.last > 0 && seconds(a.last, ta).Cmp(seconds(b.last, tb)) != 0 {
		t.Errorf("last frame lasts %v, want %v", seconds(b.last, tb), seconds(a.last, ta))
	}
}

// compareTracks demands that every track is accounted for, and that copied ones arrive whole and in time.
func compareTracks(t *testing.T, a, b contents, actions []encode.StreamAction) {
	t.Helper()
	next := 0 // output track
	listed := map[int]bool{}
	for _, act := range actions {
		if act.Index < 0 {
			continue
		}
		listed[act.Index] = true
		if act.Action == encode.Dropped && act.Why == "" {
			t.Errorf("track %d dropped without a reason", act.Index)
		}
		src := a.info.Tracks[act.Index]
		if act.Action == encode.Dropped || act.Action == encode.Converted && src.Type == media.TrackData {
			continue
		}
		if next >= len(b.info.Tracks) {
			t.Fatalf("track %d (%s %s) is missing", act.Index, act.Type, act.Codec)
		}
		if src.Cover { // read after all other tracks
			if !slices.ContainsFunc(b.info.Tracks, func(t media.Track) bool { return t.Cover }) {
				t.Errorf("track %d: the cover is missing", act.Index)
			}
			continue
		}
		out := b.info.Tracks[next]
		if act.Action == encode.Copied && src.Type != media.TrackAttachment {
			// MP4 has one number for MPEG audio layers 2 and 3.
			same := out.Codec == src.Codec || src.Codec == "mp2" && out.Codec == "mp3"
			if !same || a.packets[src.Index] != b.packets[next] {
				t.Errorf("track %d: %s with %d packets became %s with %d", src.Index, src.Codec, a.packets[src.Index], out.Codec, b.packets[next])
			}
			if d := offset(a, src.Index); d != nil && offset(b, next) != nil {
				if diff, _ := new(big.Rat).Sub(d, offset(b, next)).Float64(); diff > 0.0011 || diff < -0.0011 {
					t.Errorf("track %d moved by %v s against the video", src.Index, diff)
				}
			}
		}
		for _, k := range []string{"language", "title"} {
			want, got := src.Metadata[k], out.Metadata[k]
			if got == "" && k == "title" {
				got = out.Metadata["handler_name"] // MP4
			}
			if want == "deu" && got == "ger" { // QuickTime
				continue
			}
			if want != "" && want != "und" && got != want {
				t.Errorf("track %d: %s %q became %q", src.Index, k, want, got)
			}
		}
		next++
	}
	if len(listed) != len(a.info.Tracks) {
		t.Errorf("%d of %d tracks listed", len(listed), len(a.info.Tracks))
	}
}

func offset(c contents, track int) *big.Rat {
	if c.first[track] == nil || len(c.pts) == 0 {
		return nil
	}
	return new(big.Rat).Sub(c.first[track], seconds(c.pts[0], c.info.VideoTrack().TimeBase))
}

func compareFrame(t *testing.T, a, b contents) {
	t.Helper()
	if a.info.Format.Color != b.info.Format.Color && !sameButSiting(a, b) {
		t.Errorf("colour %+v became %+v", a.info.Format.Color, b.info.Format.Color)
	}
	if a.info.Rotation != b.info.Rotation {
		t.Errorf("rotation %d became %d", a.info.Rotation, b.info.Rotation)
	}
	sa, sb := a.info.SampleAspect, b.info.SampleAspect
	if sa.Num > 0 && sa.Num*sb.Den != sb.Num*sa.Den {
		t.Errorf("pixel aspect %v became %v", sa, sb)
	}
	if len(a.info.Chapters) != len(b.info.Chapters) {
		t.Errorf("%d chapters became %d", len(a.info.Chapters), len(b.info.Chapters))
		return
	}
	for i, c := range a.info.Chapters {
		if c.Metadata["title"] != b.info.Chapters[i].Metadata["title"] {
			t.Errorf("chapter %d: %q became %q", i, c.Metadata["title"], b.info.Chapters[i].Metadata["title"])
		}
	}
}

// sameButSiting: H.264 without a siting tag means left, so an unknown siting may become known; and it has a tag for 4:2:0 only.
func sameButSiting(a, b contents) bool {
	x, y := a.info.Format.Color, b.info.Format.Color
	if x.Siting == 0 || a.info.Format.Layout != media.YUV420 {
		x.Siting, y.Siting = 0, 0
	}
	return x == y
}

var fast = encode.Options{Preset: "ultrafast", CRF: 30, Threads: 1}

func healthy(path string) bool {
	return !strings.HasPrefix(filepath.Base(path), "broken_") && !strings.HasPrefix(filepath.Base(path), "audio_only")
}

// large clips take long to decode; one of each kind is enough, in the tests that name them.
func large(path string) bool {
	st, err := os.Stat(path)
	return err != nil || strings.Contains(path, "1080") || strings.Contains(path, "3026") || strings.Contains(path, "720p") || st.Size() > 450<<10
}

func TestEveryClipKeepsTimesAndStreams(t *testing.T) {
	for i, in := range clips(t) {
		if !healthy(in) {
			continue
		}
		exts := []string{".mp4"}
		if i%3 == 0 && !large(in) {
			exts = append(exts, ".mkv")
		}
		for _, ext := range exts {
			t.Run(filepath.Base(in)+ext, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out"+ext)
				a, actions := pass(t, in, out, fast)
				b := open(t, out, decode.Options{})
				compareTimes(t, a, b, ext == ".mp4")
				compareTracks(t, a, b, actions)
				compareFrame(t, a, b)
				if b.stats.Damaged > 0 || b.stats.Repaired > 0 {
					t.Errorf("the output is not clean: %+v", b.stats)
				}
			})
		}
	}
}

func TestContainers(t *testing.T) {
	for _, c := range []struct {
		in, ext, codec string
		exact          bool
	}{
		{"multi_2audio_2subs_chapters_attachment.mkv", ".mkv", "x264", true},
		{"multi_2audio_movtext_chapters_cover.mp4", ".mkv", "x264", false},
		{"multi_2audio_movtext_chapters_cover.mp4", ".mov", "x264", true},
		{"prores422_180p24_pcm.mov", ".mov", "prores", true},
		{"vfr_180p_h264_aac.mp4", ".mkv", "ffv1", false},
		{"bbb_180p24_vp9_opus.webm", ".webm", "vp9", true},
		{"av1_360p24_opus.mp4", ".webm", "vp8", false},
		{"hdr10_360p24_hevc10_pq_aac.mp4", ".mp4", "x265", true},
		{"sdr10bit_360p24_h264hi10_opus.mkv", ".mkv", "svtav1", true},
		{"audio_delayed700ms_180p_h264_aac.mkv", ".mov", "x264", true},
	} {
		t.Run(fmt.Sprint(c.in, c.ext, c.codec), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out"+c.ext)
			o := encode.Options{Codec: c.codec, Threads: 2}
			switch c.codec {
			case "x264", "x265":
				o.Preset = "ultrafast"
			case "svtav1":
				o.Preset = "12"
			case "vp9", "vp8":
				o.Preset, o.FFmpeg = "8", map[string]string{"deadline": "realtime"}
			}
			a, actions := pass(t, clip(t, c.in), out, o)
			b := open(t, out, decode.Options{})
			compareTimes(t, a, b, c.exact)
			compareTracks(t, a, b, actions)
			compareFrame(t, a, b)
			if a.info.Format.Depth != b.info.Format.Depth && c.codec != "vp8" {
				t.Errorf("%d bits became %d", a.info.Format.Depth, b.info.Format.Depth)
			}
		})
	}
}

// MPEG-TS has no origin: all times may move, by the same amount.
func TestTransportStreamKeepsDistances(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.ts")
	a, _ := pass(t, clip(t, "ts_180p60_h264_aac.ts"), out, fast)
	b := open(t, out, decode.Options{})
	if len(a.pts) != len(b.pts) {
		t.Fatalf("%d frames in, %d out", len(a.pts), len(b.pts))
	}
	for i := range a.pts {
		if a.pts[i]-a.pts[0] != b.pts[i]-b.pts[0] {
			t.Fatalf("frame %d: %d ticks after the first, want %d", i, b.pts[i]-b.pts[0], a.pts[i]-a.pts[0])
		}
	}
	if x, y := offset(a, 1), offset(b, 1); x.Cmp(y) != 0 {
		t.Errorf("sound moved from %v to %v against the frame", x, y)
	}
}

// ffprobe, where installed, reads the same times out of source and output.
func TestProbeAgrees(t *testing.T) {
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe")
	}
	times := func(path string) []string {
		b, err := exec.Command(probe, "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(strings.ReplaceAll(string(b), ",", " "))
	}
	for _, name := range []string{"vfr_180p_h264_aac.mp4", "rotate270_180p24_h264_aac.mp4", "black_854x480_sar1280x1281_editlist.mp4"} {
		in, out := clip(t, name), filepath.Join(t.TempDir(), "out.mp4")
		pass(t, in, out, fast)
		if a, b := times(in), times(out); strings.Join(a, " ") != strings.Join(b, " ") {
			t.Errorf("%s: ffprobe sees other times: %d frames, %d in the source", name, len(b), len(a))
		}
	}
}
