package upscale

import (
	"errors"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// remux copies the streams of several files into one, in the order of the files, with all times moved by so many seconds. video is the index of the
// track that is the video.
func remux(t *testing.T, path string, by float64, video int, from ...string) {
	t.Helper()
	out, err := encode.NewFile(path, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info := media.Info{Video: video}
	var packets []*media.Packet
	for _, name := range from {
		src, err := decode.OpenCopy(t.Context(), name, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		first := len(info.Tracks)
		for _, tr := range src.Info().Tracks {
			tr.Index += first
			tr.Start = media.NoTime // the muxer is to keep what it is given
			info.Tracks = append(info.Tracks, tr)
		}
		if first <= video && video < len(info.Tracks) {
			info.FrameRate, info.SampleAspect = src.Info().FrameRate, src.Info().SampleAspect
		}
		for {
			u, err := src.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			p := *u.Packet
			p.Track += first
			shift := int64(math.Round(by / info.Tracks[p.Track].TimeBase.Float()))
			if p.PTS != media.NoTime {
				p.PTS += shift
			}
			if p.DTS != media.NoTime {
				p.DTS += shift
			}
			packets = append(packets, &p)
		}
		src.Close()
	}
	at := func(p *media.Packet) float64 { return float64(p.DTS) * info.Tracks[p.Track].TimeBase.Float() }
	slices.SortStableFunc(packets, func(a, b *media.Packet) int {
		switch d := at(a) - at(b); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	if err := out.Start(&info); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := out.WritePacket(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents counts the frames of a file and the packets of its audio, and tells the first time of each in seconds.
func contents(t *testing.T, path string) (frames, packets int, frame, packet float64) {
	t.Helper()
	src, err := decode.Open(t.Context(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return frames, packets, frame, packet
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			if frames++; frames == 1 {
				frame = float64(u.Frame.PTS) * src.Info().VideoTrack().TimeBase.Float()
			}
		} else if tr := src.Info().Tracks[u.Packet.Track]; tr.Type == media.TrackAudio {
			if packets++; packets == 1 {
				packet = float64(u.Packet.PTS) * tr.TimeBase.Float()
			}
		}
		u.Release()
	}
}

// A drone's file: its first track is one JPEG, larger than the video and not marked as a cover. The video is what is upscaled.
func TestCaseThumbnailFirst(t *testing.T) {
	jpg := writeImage(t, "thumb.jpg", func(f *os.File) error {
		return jpeg.Encode(f, draw(image.NewRGBA(image.Rect(0, 0, 320, 240)), false), nil)
	})
	film := clip(t, "film.mp4", testmedia.Options{Frames: 12, Tone: 440})
	for _, ext := range []string{".mp4", ".mkv"} {
		in := filepath.Join(t.TempDir(), "in"+ext)
		remux(t, in, 0, 1, jpg, film)
		out := filepath.Join(t.TempDir(), "out"+ext)
		j, err := Open(t.Context(), in, tinyOptions(t, out))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", ext, err)
		}
		j.Close()
		src, err := decode.Open(t.Context(), out, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if f := src.Info().Format; f.Width != 2*tinyFormat.Width || f.Height != 2*tinyFormat.Height || len(src.Info().Tracks) != 3 {
			t.Errorf("%s: %v, %d tracks", ext, f, len(src.Info().Tracks))
		}
		if frames, packets, _, _ := contents(t, out); frames != 12 || packets < 15 {
			t.Errorf("%s: %d frames, %d packets of audio", ext, frames, packets)
		}
	}
}

// A phone's clip that was trimmed without encoding: the edit list begins in the middle of a group of pictures. What it hides stays hidden, of
// the audio too, in every container.
func TestCaseEditList(t *testing.T) {
	whole := clip(t, "whole.mp4", testmedia.Options{Frames: 48, Tone: 440}) // 24 a second
	in := filepath.Join(t.TempDir(), "in.mp4")
	remux(t, in, -0.75, 0, whole)
	frames, _, first, _ := contents(t, in)
	if frames != 30 || math.Abs(first) > 0.001 { // the premise: FFmpeg itself hides three quarters of a second
		t.Fatalf("the input shows %d frames from %g s", frames, first)
	}
	for _, ext := range []string{".mp4", ".mkv", ".mov"} {
		out := filepath.Join(t.TempDir(), "out"+ext)
		j, err := Open(t.Context(), in, tinyOptions(t, out))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", ext, err)
		}
		j.Close()
		const priming = 0.1 // seconds of audio before the first frame, which decoders need
		frames, packets, frame, packet := contents(t, out)
		if frames != 30 || math.Abs(frame) > 0.001 || packet < -priming || packet > 0.05 || packets > 70 {
			t.Errorf("%s: %d frames from %g s, %d packets of audio from %g s", ext, frames, frame, packets, packet)
		}
	}
}

// A recording whose clock begins at an hour: --start counts from its first frame, the number of frames to expect is right, and nothing waits.
func TestCaseStartsAtAnHour(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in.mkv")
	remux(t, in, 3600, 0, clip(t, "whole.mp4", testmedia.Options{Frames: 24, Tone: 440}))
	for _, ext := range []string{".mkv", ".mp4"} {
		out := filepath.Join(t.TempDir(), "all"+ext)
		j, err := Open(t.Context(), in, tinyOptions(t, out))
		if err != nil {
			t.Fatal(err)
		}
		if n := j.Expected(); n < 23 || n > 26 {
			t.Errorf("%s: %d frames are expected of 24", ext, n)
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", ext, err)
		}
		j.Close()
		if frames, packets, _, _ := contents(t, out); frames != 24 || packets < 35 {
			t.Errorf("%s: %d frames, %d packets of audio", ext, frames, packets)
		}
		o := tinyOptions(t, filepath.Join(t.TempDir(), "part"+ext))
		o.Decode.Start, o.Decode.Duration = 0.5, 0.25
		if j, err = Open(t.Context(), in, o); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", ext, err)
		}
		j.Close()
		if frames, _, first, _ := contents(t, o.Output); frames != 6 || math.Abs(first) > 0.001 {
			t.Errorf("%s: from half a second, a quarter of one: %d frames from %g s", ext, frames, first)
		}
	}
}
