package decode_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

const clipFolder = "../../shared/data/clips/derived/"

func clip(t *testing.T, name string) string {
	t.Helper()
	if _, err := os.Stat(clipFolder + name); err != nil {
		t.Skip("no clip " + clipFolder + name)
	}
	return clipFolder + name
}

// drain reads a source to its end or first error and counts what came.
func drain(s *decode.Source) (frames, packets int, err error) {
	for {
		u, err := s.Next(context.Background())
		switch {
		case err == io.EOF:
			return frames, packets, nil
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case err != nil:
			return frames, packets, err
		}
		if u.Frame != nil {
			frames++
		} else {
			packets++
		}
		u.Release()
	}
}

func TestUnsupported(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		write("empty.mp4", ""), write("text.mp4", "Hello, I am no video.\n"), write("zeros.mkv", strings.Repeat("\x00", 5000)),
		write("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
		write("list.ffconcat", "ffconcat version 1.0\nfile /etc/passwd\n"),
		write("odd:name%03d.mp4", "nothing"),
		"http://127.0.0.1:1/x.mp4", "rtsp://user:secret@127.0.0.1:1/x",
	} {
		_, err := decode.Open(context.Background(), path, decode.Options{})
		var u *decode.UnsupportedError
		if !errors.As(err, &u) || u.Reason == "" {
			t.Errorf("%s: %v", path, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the message shows the password: %v", err)
		}
	}
	if _, err := decode.Open(context.Background(), filepath.Join(dir, "none.mp4"), decode.Options{}); !errors.Is(err, fs.ErrNotExist) || errors.As(err, new(*decode.UnsupportedError)) {
		t.Errorf("missing file: %v", err)
	}
}

func TestBrokenClips(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames int // at least; 0 when it must be refused
	}{{"broken_empty.mp4", 0}, {"broken_no_moov.mp4", 0}, {"broken_text.mp4", 0}, {"broken_bitflips.ts", 100}, {"broken_truncated_faststart.mp4", 30}} {
		s, err := decode.Open(context.Background(), clip(t, c.name), decode.Options{})
		if c.frames == 0 {
			if !errors.As(err, new(*decode.UnsupportedError)) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		n, _, err := drain(s)
		if err != nil || n < c.frames {
			t.Errorf("%s: %d frames, %v", c.name, n, err)
		}
		s.Close()
	}
}

// Frames that the decoder mended are counted, the same with any number of threads and after Close, and end a strict source.
func TestMendedFramesCount(t *testing.T) {
	path := clip(t, "broken_bitflips.ts")
	var want int64 // of one thread, where the marks on the frames are whole too
	for i, threads := range []int{1, 2, 4, 4, 4, 4, 2} {
		o := decode.Options{Threads: threads}
		if i == 6 {
			o.Start = 1.25 // found by going back twice: what was met before the second try does not count
		}
		s, err := decode.Open(context.Background(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := drain(s); err != nil {
			t.Fatal(err)
		}
		before := s.Stats()
		s.Close()
		if threads == 1 {
			want = before.Corrupt
		}
		if after := s.Stats(); want == 0 || before.Corrupt != want || after.Corrupt != want {
			t.Errorf("%d threads: %d mended frames counted, %d after Close, want %d, not 0", threads, before.Corrupt, after.Corrupt, want)
		}
	}
	s, err := decode.Open(context.Background(), path, decode.Options{Strict: true})
	if err == nil {
		_, _, err = drain(s)
		s.Close()
	}
	if !errors.Is(err, decode.ErrDamaged) && !errors.As(err, new(*decode.UnsupportedError)) {
		t.Errorf("strict: %v", err)
	}
}

func TestLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clip.mkv")
	if err := testmedia.WriteClip(path, testmedia.Options{Frames: 2, Tone: 200}, encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []decode.Limits{{Width: 319}, {Height: 179}, {Pixels: 320*180 - 1}, {Streams: 1}} {
		if _, err := decode.Open(context.Background(), path, decode.Options{Limits: l}); !errors.As(err, new(*decode.UnsupportedError)) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	s, err := decode.Open(context.Background(), path, decode.Options{Limits: decode.Limits{Width: 320, Height: 180, Pixels: 320 * 180, Streams: 2}})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// Every pixel format must give pure red its place in the frame's own matrix.
func TestPixelFormats(t *testing.T) {
	for _, pf := range []string{"pal8", "rgb24", "bgr0", "rgba", "gbrp", "gbrp12le", "gbrap", "rgb48be", "rgb565le", "rgb8",
		"nv12", "nv21", "nv24", "p010le", "yuyv422", "uyvy422", "yuv410p", "yuv411p", "yuv440p", "yuvj420p", "yuvj444p", "yuv420p", "yuv420p9le", "yuv420p10be",
		"yuv422p12le", "yuv444p14le", "yuv444p16le", "yuva420p", "yuva444p10le", "gbrpf32le"} {
		s, err := decode.Open(context.Background(), "color=red:s=66x34:r=10:d=0.3,format="+pf, decode.Options{Format: "lavfi"})
		if err != nil {
			t.Errorf("%s: %v", pf, err)
			continue
		}
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		f := u.Frame
		if strings.HasPrefix(pf, "rgb") && f.Color.Matrix != media.MatrixBT709 {
			t.Errorf("%s: matrix %d", pf, f.Color.Matrix)
		}
		kr, kb := 0.299, 0.114
		if f.Color.Matrix == media.MatrixBT709 {
			kr, kb = 0.2126, 0.0722
		}
		y, cb, cr := kr, -kr/(2*(1-kb)), 0.5
		top := float64(int(1)<<f.Depth - 1)
		unit := float64(int(1) << (f.Depth - 8))
		want := [4]float64{16*unit + 219*unit*y, 128*unit + 224*unit*cb, 128*unit + 224*unit*cr, top}
		if f.Color.Range == media.RangeFull {
			want = [4]float64{top * y, 128*unit + top*cb, 128*unit + top*cr, top}
		}
		for p := range f.Planes() {
			row := f.Row(p, 1)
			v := float64(row[6])
			if f.Depth > 8 {
				v = float64(int(row[6]) | int(row[7])<<8)
			}
			if math.Abs(v-want[p]) > 2.5*unit {
				t.Errorf("%s as %v %+v: plane %d is %v, want %.0f", pf, f.Format, f.Color, p, v, want[p])
			}
		}
		u.Release()
		s.Close()
	}
}

func TestGrayFormats(t *testing.T) {
	for _, c := range []struct {
		pf     string
		layout media.Layout
		depth  int
		alpha  bool
	}{{"gray", media.Gray, 8, false}, {"gray10le", media.Gray, 10, false}, {"gray16be", media.Gray, 16, false}, {"monow", media.Gray, 8, false}, {"ya8", media.YUV444, 8, true}} {
		s, err := decode.Open(context.Background(), "color=white:s=66x34:r=10:d=0.1,format="+c.pf, decode.Options{Format: "lavfi"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		f := u.Frame
		if f.Layout != c.layout || f.Depth != c.depth || f.Alpha != c.alpha || f.Color.Range == media.RangeUnspecified {
			t.Errorf("%s became %v, alpha %v, %+v", c.pf, f.Format, f.Alpha, f.Color)
		}
		if n := f.BytesPerSample(); f.Row(0, 5)[10*n+n-1] < byte(0xe0>>(8*n-f.Depth)) { // the high byte of a bright sample
			t.Errorf("%s: white is %v", c.pf, f.Row(0, 5)[10*n:11*n])
		}
		u.Release()
		s.Close()
	}
}

func TestInterlaced(t *testing.T) {
	for _, name := range []string{"interlaced_480i29.97_bff_h264_ac3.mkv", "interlaced_576i25_mpeg2_mp2.mpg"} {
		var combed [2]float64
		var pts [2][]int64
		for i, mode := range []decode.Deinterlace{decode.DeinterlaceOff, decode.DeinterlaceAuto} {
			s, err := decode.Open(context.Background(), clip(t, name), decode.Options{Deinterlace: mode})
			if err != nil {
				t.Fatal(err)
			}
			if !s.Info().Interlaced {
				t.Errorf("%s: not seen as interlaced", name)
			}
			for {
				u, err := s.Next(context.Background())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if u.Frame != nil {
					pts[i] = append(pts[i], u.Frame.PTS)
					combed[i] += combing(u.Frame)
				}
				u.Release()
			}
			s.Close()
		}
		if len(pts[0]) != len(pts[1]) || combed[1] > 0.7*combed[0] {
			t.Errorf("%s: %d and %d frames, combing %g to %g", name, len(pts[0]), len(pts[1]), combed[0], combed[1])
		}
		for i := range pts[0] {
			if pts[0][i] != pts[1][i] {
				t.Fatalf("%s: frame %d at %d, without deinterlacing at %d", name, i, pts[1][i], pts[0][i])
			}
		}
	}
}

// combing is the mean difference of each line from its neighbours where it lies outside both.
func combing(f *media.Frame) (sum float64) {
	for y := 1; y+1 < f.Height; y++ {
		a, b, c := f.Row(0, y-1), f.Row(0, y), f.Row(0, y+1)
		for x := range b {
			lo, hi := min(a[x], c[x]), max(a[x], c[x])
			if b[x] > hi {
				sum += float64(b[x] - hi)
			} else if b[x] < lo {
				sum += float64(lo - b[x])
			}
		}
	}
	return sum / float64(f.Width*f.Height)
}

func TestInfo(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(*media.Info) bool
	}{
		{"rotate270_180p24_h264_aac.mp4", func(i *media.Info) bool { return i.Rotation == 90 }},
		{"interlaced_576i25_mpeg2_mp2.mpg", func(i *media.Info) bool { return i.SampleAspect == media.Rational{Num: 16, Den: 15} }},
		{"hdr10_360p24_hevc10_pq_aac.mp4", func(i *media.Info) bool {
			return i.Format.Color.Transfer == media.TransferPQ && i.Format.Depth == 10 && len(i.VideoSideData) >= 2
		}},
		{"bt601_fullrange_180p_h264.mp4", func(i *media.Info) bool {
			return i.Format.Color.Range == media.RangeFull && i.Format.Color.Matrix == media.MatrixSMPTE170M
		}},
		{"multi_2audio_movtext_chapters_cover.mp4", func(i *media.Info) bool {
			covers := 0
			for _, t := range i.Tracks {
				if t.Cover {
					covers++
				}
			}
			return covers == 1 && !i.VideoTrack().Cover && len(i.Chapters) == 2 && i.Format.Width == 320
		}},
		{"wrongext_ogg_named.mp4", func(i *media.Info) bool { return i.Container == "ogg" && i.VideoTrack().Codec == "theora" }},
	} {
		s, err := decode.Open(context.Background(), clip(t, c.name), decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !c.check(s.Info()) {
			t.Errorf("%s: %+v", c.name, s.Info())
		}
		s.Close()
	}
}

func TestRepeatMarksEqualFrames(t *testing.T) {
	s, err := decode.Open(context.Background(), "color=blue:s=32x32:r=10:d=0.3", decode.Options{Format: "lavfi"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame.Repeat != (i > 0) {
			t.Errorf("frame %d: repeat %v", i, u.Frame.Repeat)
		}
		u.Release()
	}
}

// A consumer that keeps frames stops the source at its pool, and cancelling frees it.
func TestPoolBoundsAndCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := decode.Open(context.Background(), clip(t, "vfr_180p_h264_aac.mp4"), decode.Options{PoolSize: 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var kept []media.Unit
	frames := 0
	for {
		u, err := s.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			break
		}
		if u.Frame != nil {
			frames++
		}
		kept = append(kept, u)
	}
	if frames != 3 || s.Outstanding() != 3 {
		t.Errorf("%d frames given, %d out, want 3", frames, s.Outstanding())
	}
	for _, u := range kept {
		u.Release()
	}
	if err := s.Close(); err != nil || s.Outstanding() != 0 {
		t.Errorf("close: %v, %d frames out", err, s.Outstanding())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func FuzzDamaged(f *testing.F) {
	dir := f.TempDir()
	for _, ext := range []string{".mp4", ".mkv", ".ts"} {
		path := filepath.Join(dir, "seed"+ext)
		if err := testmedia.WriteClip(path, testmedia.Options{Frames: 4, Tone: 200, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}},
			encode.Options{Preset: "ultrafast", Threads: 1}); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(bytes.ReplaceAll(data, []byte{0, 0, 1}, []byte{0, 9, 1}))
	}
	limits := decode.Limits{Width: 1024, Height: 1024, Pixels: 1 << 18, Streams: 16, PacketBytes: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<17 {
			return
		}
		path := filepath.Join(t.TempDir(), "x.mp4")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		o := decode.Options{Threads: 1, Limits: limits, RGB: len(data)&1 != 0, FieldRate: len(data)&6 == 2}
		if len(data)&6 == 4 {
			o.Deinterlace = decode.DeinterlaceTelecine
		}
		s, err := decode.Open(ctx, path, o)
		if err != nil {
			if ctx.Err() != nil {
				t.Fatal("open takes for ever")
			}
			return
		}
		defer s.Close()
		for n := 0; n < 2000; n++ {
			u, err := s.Next(ctx)
			if errors.Is(err, media.ErrFormatChanged) {
				continue
			}
			if err != nil {
				if ctx.Err() != nil {
					t.Fatal("decoding takes for ever")
				}
				break
			}
			u.Release()
		}
		if s.Outstanding() > 1 { // one may wait in the queue
			t.Errorf("%d frames are out", s.Outstanding())
		}
	})
}
