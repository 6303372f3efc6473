package encode_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/internal/testmedia"
	"vsr/media"
)

// toneClip writes a clip with a tone under a name and returns its path.
func toneClip(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	o := testmedia.Options{Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8}, Frames: 12, Rate: media.Rational{Num: 25, Den: 1}, Tone: 440}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	return path
}

// remux writes the packets of in and its frames into out.
func remux(t *testing.T, in, out string, codec string, audio encode.Audio) []encode.StreamAction {
	t.Helper()
	ctx := context.Background()
	s, err := decode.Open(ctx, in, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sink, err := encode.CreateFile(out, s.Info(), encode.Options{Codec: codec}, encode.FileOptions{Audio: audio, Overwrite: true})
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(out), err)
	}
	for {
		u, err := s.Next(ctx)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = sink.Write(ctx, u)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return sink.Actions()
}

// soundOf returns codec, bytes and the times of the first and last packet of the first audio track, in seconds after the first frame.
func soundOf(t *testing.T, path string) (codec string, data []byte, first, last float64) {
	t.Helper()
	s, err := decode.OpenCopy(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	video, seen := 0.0, false
	for {
		u, err := s.Next(context.Background())
		if err == io.EOF {
			return codec, data, first - video, last - video
		}
		if err != nil {
			t.Fatal(err)
		}
		tr := &s.Info().Tracks[u.Packet.Track]
		at := float64(u.Packet.PTS) * tr.TimeBase.Float()
		switch {
		case u.Packet.Track == s.Info().Video && !seen:
			video, seen = at, true
		case tr.Type == media.TrackAudio:
			if codec == "" {
				codec, first = tr.Codec, at
			}
			last = at
			data = append(data, u.Packet.Data...)
		}
	}
}

// TestUncompressedAudioStays brings PCM through each container that refuses its form, and back, without a changed sample.
func TestUncompressedAudioStays(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source.mkv")
	remux(t, toneClip(t, "tone.mkv"), source, "x264", "pcm")
	codec, want, first, _ := soundOf(t, source)
	if codec != "pcm_s16le" || len(want) < 2*44100*12/25 {
		t.Fatalf("the source holds %d bytes of %s", len(want), codec)
	}
	loud := 0
	for i := 0; i+1 < len(want); i += 2 {
		loud = max(loud, int(int16(uint16(want[i])|uint16(want[i+1])<<8)))
	}
	if loud < 4000 {
		t.Fatalf("the tone's highest sample is %d: it is not there", loud)
	}
	mp4 := "alac"
	if av.MP4HoldsPCM() {
		mp4 = "pcm_s16le"
	}
	for name, holds := range map[string]string{"a.mov": "pcm_s16le", "a.mp4": mp4, "a.m4v": "alac", "a.mkv": "pcm_s16le"} {
		path, back := filepath.Join(dir, name), filepath.Join(dir, "back.mkv")
		actions := remux(t, source, path, "x264", encode.AudioAuto)
		if codec, _, at, _ := soundOf(t, path); codec != holds || at-first > 0.002 || first-at > 0.002 {
			t.Errorf("%s: %s from %.4f s on, want %s from %.4f s on", name, codec, at, holds, first)
		}
		if a := actions[1]; holds == "alac" && (a.Action != encode.Converted || a.To != "alac" || !strings.Contains(a.Why, "without loss")) {
			t.Errorf("%s: %+v does not say what became of the audio", name, a)
		}
		remux(t, path, back, "x264", "pcm")
		// What lies before the first frame, AAC's priming, MP4 and MOV hide when they hold packets of another codec.
		hidden := 0
		if holds == "alac" {
			hidden = 2 * int(-first*44100)
		}
		if _, got, _, _ := soundOf(t, back); len(got) < len(want)-hidden-8 || !bytes.HasSuffix(want, got) {
			t.Errorf("%s: the samples came back changed: %d bytes of %d", name, len(got), len(want))
		}
	}
}

// TestRefusedAudioIsConverted asks for containers that hold no AAC, and for codecs by name. The audio stays as long and where it was.
func TestRefusedAudioIsConverted(t *testing.T) {
	tone := toneClip(t, "tone.mp4")
	_, _, first, last := soundOf(t, tone)
	for _, c := range []struct {
		name, video string
		audio       encode.Audio
		want        string
	}{{"a.webm", "vp9", encode.AudioAuto, "opus"}, {"a.mp4", "x264", "ac3", "ac3"}, {"a.mkv", "x264", "opus", "opus"}, {"a.ts", "x264", "mp3", "mp3"},
		{"a.mp4", "x264", "auto", "aac"}, {"a.mp4", "x264", "flac", "flac"}} {
		path := filepath.Join(t.TempDir(), c.name)
		actions := remux(t, tone, path, c.video, c.audio)
		codec, _, from, to := soundOf(t, path)
		if codec != c.want || from < first-0.05 || from > first+0.03 || to < last-0.05 || to > last+0.06 {
			t.Errorf("%s, audio %q: %s from %.3f to %.3f s, want %s from %.3f to %.3f", c.name, c.audio, codec, from, to, c.want, first, last)
		}
		if a := actions[1]; c.want != "aac" && (a.Action != encode.Converted || a.To != c.want) {
			t.Errorf("%s, audio %q: told as %+v", c.name, c.audio, a)
		}
	}
	if actions := remux(t, tone, filepath.Join(t.TempDir(), "a.webm"), "vp9", encode.AudioCopy); actions[1].Action != encode.Dropped {
		t.Errorf("audio copy into webm: %+v, want it dropped", actions[1])
	}
	_, err := encode.NewFile(filepath.Join(t.TempDir(), "a.mp4"), encode.FileOptions{Audio: "vinyl"})
	if r := (*encode.RequestError)(nil); !errors.As(err, &r) {
		t.Errorf("audio vinyl: %v, want a RequestError", err)
	}
}

// TestExtensionHoldsTheAudio names outputs beside inputs of which a container would lose something.
func TestExtensionHoldsTheAudio(t *testing.T) {
	pcm := filepath.Join(t.TempDir(), "pcm.mov")
	remux(t, toneClip(t, "tone.mkv"), pcm, "x264", "pcm")
	aac := toneClip(t, "aac.mp4")
	mp4 := ".mov"
	if av.MP4HoldsPCM() {
		mp4 = ".MP4"
	}
	for _, c := range []struct{ file, name, codec, want string }{
		{pcm, "C0001.MP4", "x264", mp4}, {pcm, "a.MOV", "x264", ".MOV"}, {pcm, "a.ts", "x264", ".mkv"}, {pcm, "a.m2ts", "x264", ".mkv"},
		{aac, "a.MP4", "x264", ".MP4"}, {aac, "a.3gp", "x264", ".mp4"}, {aac, "a.mp4", "prores", ".mov"}, {aac, "a.ts", "x265", ".ts"},
		{aac, "a.avi", "x264", ".mkv"}, {aac, "a.webm", "vp9", ".mkv"},
	} {
		s, err := decode.Open(context.Background(), c.file, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := encode.Extension(s.Info(), c.name, c.codec); got != c.want {
			t.Errorf("%s with %s and %s: %s, want %s", c.name, s.Info().Tracks[1].Codec, c.codec, got, c.want)
		}
		s.Close()
	}
}

// TestMP4ForApple looks into the file: HEVC is hvc1, the index stands in front of the data.
func TestMP4ForApple(t *testing.T) {
	tone := toneClip(t, "tone.mkv")
	for _, name := range []string{"a.mp4", "a.mov"} {
		path := filepath.Join(t.TempDir(), name)
		remux(t, tone, path, "x265", encode.AudioAuto)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		moov, mdat := bytes.Index(data, []byte("moov")), bytes.Index(data, []byte("mdat"))
		if moov < 0 || mdat < moov || !bytes.Contains(data[moov:mdat], []byte("hvc1")) || bytes.Contains(data[moov:mdat], []byte("hev1")) {
			t.Errorf("%s: moov at %d, mdat at %d, hvc1 at %d", name, moov, mdat, bytes.Index(data, []byte("hvc1")))
		}
	}
}

// TestLanguagesInMOV reads back what a MOV file says of languages that FFmpeg's muxer has no number for.
func TestLanguagesInMOV(t *testing.T) {
	ctx := context.Background()
	for _, lang := range []string{"deu", "fra", "ces", "zho", "nld", "ell", "srp", "jpn", "swe", "hrv", "cym"} {
		s, err := decode.Open(ctx, toneClip(t, "tone.mkv"), decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		info := *s.Info()
		info.Tracks = append([]media.Track{}, info.Tracks...)
		info.Tracks[1].Metadata = map[string]string{"language": lang}
		path := filepath.Join(t.TempDir(), "a.mov")
		sink, err := encode.CreateFile(path, &info, encode.Options{Preset: "ultrafast"}, encode.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			u, err := s.Next(ctx)
			if err == io.EOF {
				break
			}
			if err == nil {
				err = sink.Write(ctx, u)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := decode.OpenCopy(ctx, path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Info().Tracks[1].Metadata["language"]; got != lang {
			t.Errorf("%s: the file says %q", lang, got)
		}
		out.Close()
	}
}
