package encode_test

import (
	"context"
	"errors"
	"io/fs"
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

// feed writes n frames of a synthetic clip into sink.
func feed(t *testing.T, s *testmedia.Source, sink *encode.Sink, n int) {
	t.Helper()
	for n > 0 {
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			n--
		}
		if err := sink.Write(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
}

func synthetic(t *testing.T, o testmedia.Options) *testmedia.Source {
	t.Helper()
	s, err := testmedia.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func folder(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestAbortLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, frames := range []int{0, 1, 20} {
		dir := t.TempDir()
		s := synthetic(t, testmedia.Options{Tone: 440})
		sink, err := encode.CreateFile(filepath.Join(dir, "out.mp4"), s.Info(), fast, encode.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		feed(t, s, sink, frames)
		if got := folder(t, dir); len(got) != 1 || !strings.HasSuffix(got[0], ".part") {
			t.Errorf("while writing the folder holds %v", got)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Write(ctx, u); !errors.Is(err, context.Canceled) {
			t.Errorf("write after cancel: %v", err)
		}
		if err := sink.Abort(); err != nil {
			t.Error(err)
		}
		if got := folder(t, dir); len(got) != 0 {
			t.Errorf("after abort the folder holds %v", got)
		}
		if n := s.Outstanding(); n != 0 {
			t.Errorf("%d frames are still out", n)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestNoOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.mkv")
	if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := synthetic(t, testmedia.Options{})
	var d *encode.DestinationError
	_, err := encode.CreateFile(path, s.Info(), fast, encode.FileOptions{})
	if !errors.As(err, &d) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("existing file: %v", err)
	}
	sink, err := encode.CreateFile(path, s.Info(), fast, encode.FileOptions{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, s, sink, 3)
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("the old file changed before the new one was whole")
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); len(b) < 100 {
		t.Error("the file was not replaced")
	}
}

// Somebody else makes the file while we write: theirs stays.
func TestLostRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.mkv")
	s := synthetic(t, testmedia.Options{})
	sink, err := encode.CreateFile(path, s.Info(), fast, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, s, sink, 2)
	if err := os.WriteFile(path, []byte("theirs"), 0o666); err != nil {
		t.Fatal(err)
	}
	var d *encode.DestinationError
	if err := sink.Close(); !errors.As(err, &d) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("close: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "theirs" {
		t.Error("their file is gone")
	}
	if got := folder(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestLostFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	s := synthetic(t, testmedia.Options{})
	var d *encode.DestinationError
	if _, err := encode.CreateFile(filepath.Join(dir, "out.mp4"), s.Info(), fast, encode.FileOptions{}); !errors.As(err, &d) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	sink, err := encode.CreateFile(filepath.Join(dir, "out.mp4"), s.Info(), fast, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, s, sink, 2)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); !errors.As(err, &d) {
		t.Errorf("folder lost: %v", err)
	}
}

func TestRequestErrors(t *testing.T) {
	info := synthetic(t, testmedia.Options{}).Info()
	for _, c := range []struct {
		name string
		o    encode.Options
	}{
		{"out.mp4", encode.Options{Codec: "h266"}},
		{"out.mp4", encode.Options{PixFmt: "pal8"}},
		{"out.mp4", encode.Options{CRF: 52}},
		{"out.mp4", encode.Options{Codec: "x265", CRF: -1}},
		{"out.mp4", encode.Options{Preset: "warp"}},
		{"out.webm", encode.Options{Codec: "x264"}},
		{"out.avi", encode.Options{}},
		{"out.xyz", encode.Options{}},
		{"out", encode.Options{}},
		{"out.mp4", encode.Options{FFmpeg: map[string]string{"no-such": "1"}}},
	} {
		dir := t.TempDir()
		_, err := encode.CreateFile(filepath.Join(dir, c.name), info, c.o, encode.FileOptions{})
		var r *encode.RequestError
		if !errors.As(err, &r) {
			t.Errorf("%s %+v: %v", c.name, c.o, err)
		}
		if got := folder(t, dir); len(got) != 0 {
			t.Errorf("%s: the folder holds %v", c.name, got)
		}
	}
}

func TestNoFrames(t *testing.T) {
	dir := t.TempDir()
	sink, err := encode.CreateFile(filepath.Join(dir, "out.mp4"), synthetic(t, testmedia.Options{}).Info(), fast, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); !errors.Is(err, encode.ErrNoFrames) {
		t.Errorf("close without frames: %v", err)
	}
	if got := folder(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %v", got)
	}
}

// recorder is a PacketWriter that remembers, as a live output would.
type recorder struct {
	info    *media.Info
	packets []*media.Packet
	closed  bool
}

func (r *recorder) Start(info *media.Info) error      { r.info = info; return nil }
func (r *recorder) WritePacket(p *media.Packet) error { r.packets = append(r.packets, p); return nil }
func (r *recorder) Close() error                      { r.closed = true; return nil }
func (r *recorder) keys() (keys []int) {
	for i, p := range r.packets {
		if p.Key {
			keys = append(keys, i)
		}
	}
	return keys
}

func TestZeroLatency(t *testing.T) {
	s := synthetic(t, testmedia.Options{Frames: 20, Cuts: []int{12}})
	r := &recorder{}
	sink, err := encode.Create(s.Info(), encode.Options{ZeroLatency: true, BitRate: 1e6, Threads: 1}, r)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 20; n++ {
		if n == 6 {
			sink.RequestKeyframe()
		}
		feed(t, s, sink, 1)
		if len(r.packets) != n {
			t.Fatalf("%d packets after %d frames", len(r.packets), n)
		}
		if p := r.packets[n-1]; p.PTS != p.DTS || p.PTS != int64(n-1)*512 {
			t.Errorf("packet %d: pts %d dts %d", n-1, p.PTS, p.DTS)
		}
	}
	if err := sink.Close(); err != nil || !r.closed {
		t.Errorf("close: %v, writer closed %v", err, r.closed)
	}
	if got := r.keys(); len(got) != 3 || got[0] != 0 || got[1] != 5 || got[2] != 12 {
		t.Errorf("keyframes at %v, want 0, the request at 5 and the cut at 12", got)
	}
	for _, k := range r.keys() { // Annex B with its headers: NAL type 7 is the sequence parameter set (H.264 table 7-1)
		if d := r.packets[k].Data; !strings.Contains(string(d[:min(len(d), 64)]), "\x00\x00\x01\x67") {
			t.Errorf("keyframe %d has no headers: % x", k, d[:16])
		}
	}
}

// Every codec that reorders or keeps frames must give each back once.
func TestScenesStartWithKeyframes(t *testing.T) {
	for _, codec := range []string{"x264", "x265", "svtav1", "vp9"} {
		o := encode.Options{Codec: codec, Threads: 1, Preset: map[string]string{"x264": "ultrafast", "x265": "ultrafast", "svtav1": "12", "vp9": "8"}[codec]}
		s := synthetic(t, testmedia.Options{Frames: 24, Cuts: []int{9}})
		r := &recorder{}
		sink, err := encode.Create(s.Info(), o, r)
		if err != nil {
			t.Fatal(err)
		}
		feed(t, s, sink, 24)
		if err := sink.Close(); err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		seen := map[int64]bool{}
		cut := false
		for _, p := range r.packets {
			if seen[p.PTS] || p.PTS < p.DTS || p.Duration != 512 {
				t.Errorf("%s: pts %d dts %d duration %d, seen %v", codec, p.PTS, p.DTS, p.Duration, seen[p.PTS])
			}
			seen[p.PTS] = true
			cut = cut || p.Key && p.PTS == 9*512
		}
		if len(seen) != 24 || !cut {
			t.Errorf("%s: %d frames, keyframe at the cut: %v", codec, len(seen), cut)
		}
	}
}

func TestLosslessIsExact(t *testing.T) {
	for _, c := range []struct {
		codec string
		f     media.Format
	}{
		{"ffv1", media.Format{Width: 65, Height: 33, Layout: media.YUV420, Depth: 8}},
		{"ffv1", media.Format{Width: 64, Height: 34, Layout: media.YUV444, Depth: 16}},
		{"ffv1", media.Format{Width: 66, Height: 32, Layout: media.YUV422, Depth: 10, Alpha: true}},
		{"ffv1", media.Format{Width: 31, Height: 17, Layout: media.Gray, Depth: 12}},
		{"x264", media.Format{Width: 64, Height: 32, Layout: media.YUV422, Depth: 10}},
		{"x264", media.Format{Width: 63, Height: 31, Layout: media.YUV444, Depth: 8}},
	} {
		c.f.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}
		o := testmedia.Options{Format: c.f, Frames: 5}
		path := filepath.Join(t.TempDir(), "out.mkv")
		if err := testmedia.WriteClip(path, o, encode.Options{Codec: c.codec, CRF: -1, Threads: 1}); err != nil {
			t.Fatal(err)
		}
		s := synthetic(t, o)
		d, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			want, _ := s.Next(context.Background())
			got, err := d.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if encode.Sum(want.Frame) != encode.Sum(got.Frame) {
				t.Errorf("%s %v: frame %d differs", c.codec, c.f, i)
			}
			want.Release()
			got.Release()
		}
		d.Close()
	}
}

// An output that is a link to a file is written where the link leads to, and the link stays.
func TestThroughLink(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	file, link := filepath.Join(other, "real.mkv"), filepath.Join(dir, "link.mkv")
	if err := os.WriteFile(file, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	s := synthetic(t, testmedia.Options{Frames: 2})
	sink, err := encode.CreateFile(link, s.Info(), fast, encode.FileOptions{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, s, sink, 2)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is no link any more: %v", err)
	}
	if b, _ := os.ReadFile(file); len(b) < 100 {
		t.Errorf("the file that it leads to holds %d bytes", len(b))
	}
	for _, d := range []string{dir, other} {
		if list, _ := os.ReadDir(d); len(list) != 1 {
			t.Errorf("%d files are left in %s", len(list), d)
		}
	}
}

// A killed process leaves its temporary file behind; the next that writes the same output removes it, and no file that is at work.
func TestLeftoversOfKilledProcesses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.mkv")
	dead, early, others := filepath.Join(dir, ".out.mkv.ABCDEFGH.part"), filepath.Join(dir, ".out.mkv.ABCDEFGI.part"), filepath.Join(dir, ".out.mkv2.ABCDEFGH.part")
	for path, text := range map[string]string{dead: "half a file", early: "", others: "of another output"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	one, err := encode.NewFile(out, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Abort()
	if err := os.WriteFile(one.Temp(), []byte("at work"), 0o666); err != nil {
		t.Fatal(err)
	}
	two, err := encode.NewFile(out, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Abort()
	for path, want := range map[string]bool{dead: false, early: true, others: true, one.Temp(): true, two.Temp(): true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
	if err := os.Chtimes(early, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	three, err := encode.NewFile(out, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer three.Abort()
	if _, err := os.Stat(early); err == nil {
		t.Error("an empty file of an hour ago stays")
	}
}
