package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// The clips that are whole miss nothing, whatever their edit lists say.
func TestWholeFilesMissNothing(t *testing.T) {
	files, _ := filepath.Glob("../../shared/data/clips/*/*.m[po][4v]")
	if len(files) == 0 {
		t.Skip("no clips under ../../shared/data/clips")
	}
	for _, f := range files {
		src, err := decode.OpenCopy(context.Background(), f, decode.Options{})
		if err != nil {
			continue // broken beyond reading, or without video
		}
		if _, _, err := drain(src); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		want := strings.Contains(f, "broken_truncated")
		if s := src.Stats(); s.Truncated != want || s.Missing > 0 != want {
			t.Errorf("%s: truncated %v, %d missing", f, s.Truncated, s.Missing)
		}
		src.Close()
	}
}

// twoMP4 writes a video with its index behind the frames, and with the index in front.
func twoMP4(t *testing.T, frames int) (behind, front []byte) {
	t.Helper()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.mp4"), filepath.Join(dir, "b.mp4")
	if err := testmedia.WriteClip(a, testmedia.Options{Frames: frames, Tone: 440, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}},
		encode.Options{Preset: "ultrafast", CRF: 30}); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("ffmpeg", "-v", "error", "-i", a, "-c", "copy", b).CombinedOutput(); err != nil {
		t.Skipf("ffmpeg: %v: %s", err, text)
	}
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return read(b), read(a)
}

// written puts bytes into a file.
func written(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cut.mp4")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// An MP4 with its index in front says how many frames a cut has taken, wherever it was cut.
func TestCutMP4(t *testing.T) {
	const frames = 40
	_, whole := twoMP4(t, frames)
	data := bytes.Index(whole, []byte("mdat"))
	for _, part := range []float64{0.2, 0.5, 0.9, 0.999, 1} {
		for _, strict := range []bool{false, true} {
			path := written(t, whole[:data+int(part*float64(len(whole)-data))])
			src, err := decode.Open(context.Background(), path, decode.Options{Strict: strict})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := drain(src)
			s := src.Stats()
			src.Close()
			switch {
			case part == 1 && (err != nil || got != frames || s.Truncated):
				t.Errorf("whole, strict %v: %d frames, %+v, %v", strict, got, s, err)
			case part < 1 && strict && !errors.Is(err, decode.ErrDamaged):
				t.Errorf("cut at %v, strict: %v", part, err)
			case part < 1 && !strict && (err != nil || !s.Truncated || int64(got)+s.Missing < frames || int64(got)+s.Missing > frames+1):
				t.Errorf("cut at %v: %d frames of %d, %+v, %v", part, got, frames, s, err) // the frame that was cut in two may decode
			}
		}
	}
	path := written(t, whole[:len(whole)*9/10])
	src, err := decode.Open(context.Background(), path, decode.Options{Strict: true, Duration: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, _, err := drain(src); err != nil {
		t.Errorf("what is beyond the wanted end is missed: %v", err)
	}
}

// Packets that are no frames are skipped and counted, and the video goes on behind them.
func TestSpoiltPackets(t *testing.T) {
	const frames = 60
	_, whole := twoMP4(t, frames)
	data := bytes.Index(whole, []byte("mdat"))
	at := data + (len(whole)-data)/2
	clear(whole[at : at+(len(whole)-data)/8])
	for _, strict := range []bool{false, true} {
		src, err := decode.Open(context.Background(), written(t, whole), decode.Options{Strict: strict})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := drain(src)
		s := src.Stats()
		src.Close()
		if strict && !errors.Is(err, decode.ErrDamaged) {
			t.Errorf("strict: %d frames, %v", got, err)
		}
		if !strict && (err != nil || s.Damaged < 2 || int64(got)+s.Damaged > frames || got < frames*2/3 || s.Truncated) {
			t.Errorf("%d frames of %d, %+v, %v", got, frames, s, err)
		}
	}
}

// An MP4 that was cut before its index is complete is refused by name.
func TestMP4WithoutIndex(t *testing.T) {
	whole, _ := twoMP4(t, 20)
	index := bytes.Index(whole, []byte("moov")) - 4
	huge := bytes.Clone(whole[:index])
	binary.BigEndian.PutUint32(huge[bytes.Index(huge, []byte("mdat"))-4:], 0x7fffffff)
	open := bytes.Clone(whole[:index])
	binary.BigEndian.PutUint32(open[bytes.Index(open, []byte("mdat"))-4:], 0)
	for name, text := range map[string][]byte{"in the data": whole[:index/2], "before the index": whole[:index], "at the begin of the index": whole[:index+100],
		"a data box of 2 GiB": huge, "a data box without end": open} {
		_, err := decode.Open(context.Background(), written(t, text), decode.Options{})
		var u *decode.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(u.Reason, "without its index (moov)") || u.Hint == "" {
			t.Errorf("cut %s: %v", name, err)
		}
	}
	// Cut further on the video's part is whole and FFmpeg reads it; the sound, which comes later, is gone, and that is said.
	for _, strict := range []bool{false, true} {
		src, err := decode.Open(context.Background(), written(t, whole[:bytes.LastIndex(whole, []byte("trak"))+40]), decode.Options{Strict: strict})
		if err != nil {
			t.Fatal(err)
		}
		got, packets, err := drain(src)
		if s := src.Stats(); got != 20 && !strict || packets > 0 || s.Truncated == strict || errors.Is(err, decode.ErrDamaged) != strict {
			t.Errorf("cut in the index, strict %v: %d frames, %d packets, %+v, %v", strict, got, packets, s, err)
		}
		src.Close()
	}
	spoilt := bytes.Clone(whole)
	copy(spoilt[index+8:], bytes.Repeat([]byte{0xff}, 64))
	for name, text := range map[string][]byte{"text": []byte("....ftypHello, I am no video.\n"), "a spoilt index": spoilt} {
		if _, err := decode.Open(context.Background(), written(t, text), decode.Options{}); err == nil || strings.Contains(err.Error(), "without its index") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Frames that grow over the limit in mid-stream, and packets over theirs, are skipped and counted.
func TestLimitsInMidStream(t *testing.T) {
	small := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}
	large := small
	large.Width, large.Height = 128, 96
	path := filepath.Join(t.TempDir(), "turn.ts")
	if err := testmedia.WriteTurn(path, testmedia.Options{Frames: 10, Format: small}, testmedia.Options{Frames: 10, Format: large}, encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limits  decode.Limits
		frames  int
		damaged int64
	}{{decode.Limits{}, 20, 0}, {decode.Limits{Width: 100}, 10, 10}, {decode.Limits{Height: 95}, 10, 10}} {
		src, err := decode.Open(context.Background(), path, decode.Options{Limits: c.limits})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := drain(src)
		if s := src.Stats(); err != nil || got != c.frames || s.Damaged != c.damaged {
			t.Errorf("%+v: %d frames, %+v, %v", c.limits, got, s, err)
		}
		src.Close()
	}
	var u *decode.UnsupportedError
	if _, err := decode.Open(context.Background(), path, decode.Options{Limits: decode.Limits{PacketBytes: 10}}); !errors.As(err, &u) || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("packets of 10 bytes: %v", err)
	}
}
