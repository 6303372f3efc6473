package live

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// TestAudioOfAFile: the AAC of a looped file comes to a viewer as Opus whose times rise by the length of a packet, over the end of a round too,
// and is in the recording beside the frames.
func TestAudioOfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, record := filepath.Join(dir, "in.mkv"), filepath.Join(dir, "rec.mkv")
	o := testmedia.Options{Frames: 36, Tone: 440, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	if err := testmedia.WriteClip(path, o, encode.Options{Preset: "veryfast"}); err != nil {
		t.Fatal(err)
	}
	var made atomic.Int32
	s := startSession(t, func(o *Options) { o.Source, o.Loop, o.Record = path, true, record }, plainLevels(&made))
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	v, err := client(s).Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	const packets = 150 // three seconds, two rounds
	last, size, odd := uint32(0), 0, 0
	for n := 0; n < packets; n++ {
		select {
		case p := <-v.Audio:
			size += len(p.Data)
			if step := int32(p.Ticks - last); n > 0 && (step <= 0 || step > 48000) { // a round is longer than this second
				t.Errorf("packet %d: a step of %d ticks", n, step)
			} else if n > 0 && step != 960 { // 20 ms
				odd++
			}
			last = p.Ticks
		case <-ctx.Done():
			t.Fatalf("%d packets of audio; the page is told %+v", n, s.Status())
		}
	}
	if odd > 10 { // at each round's end, and where the machine lost some
		t.Errorf("%d of %d steps are not 20 ms", odd, packets)
	}
	if mean := size / packets; mean < 40 { // silence has 3 bytes
		t.Errorf("packets of %d bytes in the mean", mean)
	}
	if got := watchFrames(t, v, 5); got.Width != 128 {
		t.Errorf("%v", got)
	}

	src, err := decode.OpenCopy(t.Context(), record, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	counts := map[string]int{}
	for {
		u, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		counts[src.Info().Tracks[u.Packet.Track].Codec]++
	}
	if counts["opus"] < packets/2 || counts["vp8"]+counts["h264"] < 20 { // what is flushed so far
		t.Errorf("the recording holds %v", counts)
	}
}
