package live

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/live/webrtc/livetest"
	"vsr/media"
)

// reel keeps an encoder's packets.
type reel struct{ packets [][]byte }

func (r *reel) Start(*media.Info) error { return nil }
func (r *reel) WritePacket(p *media.Packet) error {
	r.packets = append(r.packets, p.Data)
	return nil
}
func (r *reel) Close() error { return nil }

// shooting is n frames of a camera of 64x48, each group of 15 with a key frame at its start.
func shooting(t *testing.T, n int) [][]byte {
	t.Helper()
	o := testmedia.Options{Frames: n, Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, Format: o.Format, FrameRate: media.Rational{Num: 30, Den: 1}}
	out := &reel{}
	sink, err := encode.Create(info, encode.Options{Codec: "x264", ZeroLatency: true, BitRate: 500_000, KeyframeSeconds: 0.5}, out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		fr := media.NewFrame(o.Format)
		o.Draw(fr, i)
		fr.PTS, fr.Scene = int64(i)*3000, 1
		if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.packets
}

// TestNetworkCamera: an RTSP camera that plays, falls silent in mid-stream, plays again, is unplugged and comes back. The viewer
// stays connected all the time, and the page is told the truth.
func TestNetworkCamera(t *testing.T) {
	t.Parallel()
	clip := shooting(t, 30)
	cam, err := livetest.NewCamera(clip[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := cam.On(); err != nil {
		t.Fatal(err)
	}
	defer cam.Off()
	var silent atomic.Bool
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			if !silent.Load() {
				cam.Send(clip[n%len(clip)], uint32(n)*3000)
			}
			time.Sleep(time.Second / 30)
		}
	}()
	s := startSession(t, func(c *Options) { c.Source, c.Model = cam.URL(), "nano-x2" }, func(s *Session) { s.patience = 800 * time.Millisecond })
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	frames := func(when string) {
		t.Helper()
		for len(v.Units) > 0 { // those from before
			<-v.Units
		}
		for range 10 {
			select {
			case <-v.Units:
			case <-ctx.Done():
				t.Fatalf("%s: no frames; the page is told %+v", when, s.Status())
			}
		}
	}
	lost := func(when string) {
		t.Helper()
		waitFor(t, when+": the state lost", func() bool { st := s.Status(); return st.State == "lost" && st.Error != "" })
		t.Logf("%s: %s", when, s.Status().Error)
	}
	frames("at first")
	silent.Store(true)
	lost("silent")
	silent.Store(false)
	frames("after the silence")
	cam.Off()
	lost("unplugged")
	if err := cam.On(); err != nil {
		t.Fatal(err)
	}
	frames("plugged in again")
	if n := s.server.Viewers(); n != 1 {
		t.Errorf("%d viewers, want the one that stayed", n)
	}
}
