package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// video writes a clip of 48 frames with two cuts, a tone and a frame left out here and there.
func video(t *testing.T, name string) (path string, o testmedia.Options) {
	t.Helper()
	o = testmedia.Options{Frames: 48, Cuts: []int{11, 30}, Tone: 440, Drop: func(n int) bool { return n%9 == 5 },
		Format: media.Format{Width: 96, Height: 64, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}}
	path = filepath.Join(t.TempDir(), name)
	if err := testmedia.WriteClip(path, o, encode.Options{CRF: 12, Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	return path, o
}

// feed decodes in and hands the frames from number first on to w, until it has given count of them.
func feed(t *testing.T, in string, clip testmedia.Options, w *Writer, first, count int64) {
	t.Helper()
	src, err := decode.Open(context.Background(), in, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for n := int64(0); n < first+count; {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame == nil {
			continue
		}
		u.Frame.Scene = uint64(clip.Scene(testmedia.Number(u.Frame, 1)))
		n++
		if n <= first {
			u.Release()
			continue
		}
		if err := w.Write(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// short are segments of 8 to 14 frames.
func short(e encode.Options, after *Record) WriterOptions {
	return WriterOptions{Encode: e, Min: 8, Max: 14, After: after}
}

func open(t *testing.T, in string) *media.Info {
	t.Helper()
	src, err := decode.Open(context.Background(), in, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	return src.Info()
}

func fresh(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "work"), testPlan())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func join(t *testing.T, s *Store, segments []Record, in, out string, e encode.Options, cut bool) {
	t.Helper()
	info := open(t, in)
	if _, err := Join(context.Background(), s, segments, out, JoinOptions{Input: in, Encode: e, Info: info, Cut: cut}); err != nil {
		t.Fatal(err)
	}
}

// content lists all that a file holds: frames with time, duration and frame; packets with times and bytes.
func content(t *testing.T, path string) (frames, packets []string) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return frames, packets
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := u.Packet; p != nil {
			packets = append(packets, fmt.Sprint(p.Track, p.PTS, p.DTS, p.Duration, p.Data))
			continue
		}
		frames = append(frames, fmt.Sprintf("%d +%d %x", u.Frame.PTS, u.Frame.Duration, encode.Sum(u.Frame)))
		u.Release()
	}
}

func times(frames []string) []string {
	out := make([]string, len(frames))
	for i, f := range frames {
		out[i] = f[:strings.LastIndexByte(f, ' ')]
	}
	return out
}

// apart divides times into the stamps, in order, and the durations, sorted.
func apart(times []string) (stamps, durations []string) {
	for _, t := range times {
		stamp, duration, _ := strings.Cut(t, " ")
		stamps, durations = append(stamps, stamp), append(durations, duration)
	}
	slices.Sort(durations)
	return stamps, durations
}

// The same segments come out however often the work was stopped; joined, they hold every frame at its time and the sound byte by byte.
func TestResumedPiecesEqualUninterrupted(t *testing.T) {
	// x264's mbtree reads memory that it never wrote, so that even two uninterrupted runs differ with it.
	for _, e := range []encode.Options{{Preset: "fast", FFmpeg: map[string]string{"mbtree": "0"}}, {Codec: "ffv1"}} {
		in, clip := video(t, "in.mp4")
		whole := fresh(t)
		w := NewWriter(whole, open(t, in), short(e, nil))
		feed(t, in, clip, w, 0, 1000)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		segments, err := whole.Done()
		if err != nil || len(segments) < 4 {
			t.Fatalf("%d segments, error %v", len(segments), err)
		}
		out := filepath.Join(t.TempDir(), "out.mkv")
		join(t, whole, segments, in, out, e, false)

		torn := fresh(t)
		var after *Record
		var from int64
		for stop := int64(5); ; stop += 13 {
			w := NewWriter(torn, open(t, in), short(e, after))
			feed(t, in, clip, w, from, stop-from)
			if stop > 48 {
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				break
			}
			w.Abort()
			done, err := torn.Done()
			if err != nil {
				t.Fatal(err)
			}
			if n := len(done); n > 0 {
				after, from = &done[n-1], done[n-1].First+done[n-1].Frames
			}
		}
		again, err := torn.Done()
		if err != nil || len(again) != len(segments) {
			t.Fatalf("%d segments after interruptions, %d without, error %v", len(again), len(segments), err)
		}
		second := filepath.Join(t.TempDir(), "out.mkv")
		join(t, torn, again, in, second, e, false)
		f1, p1 := content(t, out)
		f2, p2 := content(t, second)
		if diff := cmp.Diff(f1, f2); diff != "" {
			t.Errorf("%s: frames differ (-whole +resumed):\n%s", e.Codec, diff)
		}
		if diff := cmp.Diff(p1, p2); diff != "" {
			t.Errorf("%s: packets differ", e.Codec)
		}
	}
}

// A joined file holds the same times, durations, sound and description as one written in one go.
func TestJoinedEqualsDirect(t *testing.T) {
	for _, tt := range []struct{ codec, ext string }{
		{"x264", ".mp4"}, {"x264", ".mkv"}, {"x264", ".ts"}, {"x264", ".mov"}, {"x265", ".mp4"}, {"svtav1", ".mkv"}, {"vp9", ".mp4"},
		{"vp8", ".mkv"}, {"prores", ".mov"}, {"ffv1", ".mkv"},
	} {
		t.Run(tt.codec+tt.ext, func(t *testing.T) {
			in, clip := video(t, "in.mp4")
			e := encode.Options{Codec: tt.codec, Threads: 1}
			switch tt.codec {
			case "x264", "x265":
				e.Preset = "ultrafast"
			case "svtav1":
				e.Preset = "10"
			case "vp9", "vp8":
				e.Preset = "8"
			}
			info := open(t, in)
			info.SampleAspect = media.Rational{Num: 4, Den: 3}
			dir := t.TempDir()
			direct, out := filepath.Join(dir, "direct"+tt.ext), filepath.Join(dir, "joined"+tt.ext)
			sink, err := encode.CreateFile(direct, info, e, encode.FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			src, err := decode.Open(context.Background(), in, decode.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			for {
				u, err := src.Next(context.Background())
				if errors.Is(err, io.EOF) {
					break
				}
				if err == nil {
					err = sink.Write(context.Background(), u)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
			s := fresh(t)
			w := NewWriter(s, info, short(e, nil))
			feed(t, in, clip, w, 0, 1000)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			segments, err := s.Done()
			if err != nil {
				t.Fatal(err)
			}
			actions, err := Join(context.Background(), s, segments, out, JoinOptions{Input: in, Encode: e, Info: info})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sink.Actions(), actions); diff != "" {
				t.Errorf("streams (-direct +joined):\n%s", diff)
			}
			sameButFrames(t, direct, out)
		})
	}
}

func sameButFrames(t *testing.T, direct, joined string) {
	t.Helper()
	f1, p1 := content(t, direct)
	f2, p2 := content(t, joined)
	t1, t2 := times(f1), times(f2)
	if ext := filepath.Ext(direct); ext == ".mp4" || ext == ".mov" {
		// What these store of a frame is how long it is until the next one in decoding order. Where the next is a B-frame, that is the length of
		// another frame; of which one depends on how the encoder reorders, and x265 4.2 does so otherwise in a short segment.
		var d1, d2 []string
		t1, d1 = apart(t1)
		t2, d2 = apart(t2)
		if diff := cmp.Diff(d1, d2); diff != "" {
			t.Errorf("durations (-direct +joined):\n%s", diff)
		}
	}
	if diff := cmp.Diff(t1, t2); diff != "" {
		t.Errorf("times (-direct +joined):\n%s", diff)
	}
	if diff := cmp.Diff(p1, p2); diff != "" {
		t.Errorf("packets of the sound differ: %d and %d", len(p1), len(p2))
	}
	a, b := open(t, direct), open(t, joined)
	type facts struct {
		Format       media.Format
		Aspect, Rate media.Rational
		Rotation     int
		TimeBase     media.Rational
		Codec        string
	}
	of := func(i *media.Info) facts {
		return facts{i.Format, i.SampleAspect, i.FrameRate, i.Rotation, i.VideoTrack().TimeBase, i.VideoTrack().Codec}
	}
	if diff := cmp.Diff(of(a), of(b)); diff != "" {
		t.Errorf("description (-direct +joined):\n%s", diff)
	}
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Log("ffprobe is not installed")
		return
	}
	count := func(path string) string {
		b, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
		if err != nil {
			t.Fatalf("ffprobe: %v: %s", err, b)
		}
		return strings.Trim(strings.SplitN(string(b), "\n", 2)[0], ", ")
	}
	if n := count(joined); n != strconv.Itoa(len(f1)) {
		t.Errorf("ffprobe counts %s frames, want %d", n, len(f1))
	}
}

// A stopped run leaves a segment that plays but is not committed; the join then ends the sound with the video.
func TestPartialPieceIsJoinedNotCommitted(t *testing.T) {
	in, clip := video(t, "in.mp4")
	e := encode.Options{Preset: "ultrafast"}
	s := fresh(t)
	o := short(e, nil)
	o.Stopped = func() bool { return true }
	w := NewWriter(s, open(t, in), o)
	feed(t, in, clip, w, 0, 20)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := s.Done()
	if err != nil {
		t.Fatal(err)
	}
	p := w.Partial()
	if p == nil || len(done) == 0 || p.Index != len(done) {
		t.Fatalf("partial segment %+v behind %d committed", p, len(done))
	}
	out := filepath.Join(t.TempDir(), "out.mp4")
	join(t, s, append(done, *p), in, out, e, true)
	frames, packets := content(t, out)
	if len(frames) != 20 {
		t.Errorf("%d frames, want 20", len(frames))
	}
	if _, all := content(t, in); len(packets) == 0 || len(packets) >= len(all) {
		t.Errorf("%d of %d packets of sound", len(packets), len(all))
	}
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Path(*p)); !os.IsNotExist(err) {
		t.Error("the partial segment survives the sweep")
	}
	if again, err := s.Done(); err != nil || len(again) != len(done) {
		t.Errorf("%d segments after the sweep, %d before, error %v", len(again), len(done), err)
	}
}

// A damaged segment is found before it gets into a video, and made again.
func TestDamagedPieceIsNotJoined(t *testing.T) {
	in, clip := video(t, "in.mp4")
	e := encode.Options{Preset: "ultrafast"}
	s := fresh(t)
	w := NewWriter(s, open(t, in), short(e, nil))
	feed(t, in, clip, w, 0, 1000)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := s.Done()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.Path(all[1]))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x40
	if err := os.WriteFile(s.Path(all[1]), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Done(); err != nil || len(done) != 1 {
		t.Errorf("%d segments count as done, error %v; want the one before the damage", len(done), err)
	}
}
