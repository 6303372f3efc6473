package live

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/live/webrtc/livetest"
	"vsr/media"
)

// text is a writer that may be read at any time.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (n *text) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *text) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// startSession runs a session on free loopback ports until the test ends. touch may change it before it runs.
func startSession(t *testing.T, change func(*Options), touch ...func(*Session)) *Session {
	t.Helper()
	o, log := Defaults(), &text{}
	o.Listen, o.Logger = "127.0.0.1:0", slog.New(slog.NewTextHandler(log, nil))
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range touch {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		s.Close()
		if t.Failed() {
			t.Log(log)
		}
	})
	return s
}

// freeAddress finds a loopback TCP port that nobody uses at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func client(s *Session) livetest.Client {
	return livetest.Client{Base: "http://" + s.server.Addr(), Token: s.server.Token()}
}

// watchFrames decodes n frames of a viewer and returns the last frame's format.
func watchFrames(t *testing.T, v *livetest.Viewer, n int) media.Format {
	t.Helper()
	var feed *decode.Feed
	defer func() {
		if feed != nil {
			feed.Close()
		}
	}()
	var f media.Format
	timeout := time.After(60 * time.Second)
	for got := 0; got < n; {
		select {
		case p := <-v.Units:
			if feed == nil {
				var err error
				if feed, err = decode.NewFeed(v.Codec(), decode.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			frames, _, err := feed.Decode(context.Background(), p.Data, int64(p.Ticks))
			if err != nil {
				t.Fatal(err)
			}
			for _, fr := range frames {
				f = fr.Format
				fr.Release()
				got++
			}
		case <-timeout:
			t.Fatalf("%d of %d frames came", got, n)
		}
	}
	return f
}

func TestLiveShowsASourceAtTheServer(t *testing.T) {
	for _, codec := range []string{"h264", "vp8"} {
		s := startSession(t, func(c *Options) { c.Source, c.Codec = "lavfi:testsrc2=size=160x90:rate=30", codec })
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		v, err := client(s).Watch(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if f := watchFrames(t, v, 15); f.Width != 320 || f.Height != 180 || v.Codec() != codec {
			t.Errorf("%s: frames of %v in %s", codec, f, v.Codec())
		}
		st := s.Status()
		if st.OutSize != "320×180" || st.Model == "" {
			t.Errorf("status %+v", st)
		}
		v.Close()
	}
}

// camera publishes n synthetic frames at 30 a second, then hangs up.
func camera(s *Session, codec string, w, h, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	p, err := client(s).Publish(ctx, codec)
	if err != nil {
		return err
	}
	defer p.Close()
	info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, FrameRate: media.Rational{Num: 30, Den: 1},
		Format: media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	encoder := map[string]string{"h264": "x264", "vp8": "vp8"}[codec]
	out := &publisherWriter{p: p}
	sink, err := encode.Create(info, encode.Options{Codec: encoder, ZeroLatency: true, BitRate: 1_000_000}, out)
	if err != nil {
		return err
	}
	defer sink.Abort()
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for i := range n {
		select {
		case <-p.Keyframe:
			sink.RequestKeyframe()
		default:
		}
		fr := media.NewFrame(info.Format)
		for y := range h {
			row := fr.Row(0, y)
			for x := range row {
				row[x] = byte(x + y + 2*i)
			}
		}
		fr.PTS, fr.Scene = int64(i)*3000, 1
		if err := sink.Write(ctx, media.Unit{Frame: fr}); err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

type publisherWriter struct{ p *livetest.Publisher }

func (w *publisherWriter) Start(*media.Info) error { return nil }
func (w *publisherWriter) WritePacket(p *media.Packet) error {
	return w.p.Send(p.Data, uint32(p.PTS))
}
func (w *publisherWriter) Close() error { return nil }

func TestLiveEnhancesACamera(t *testing.T) {
	record := filepath.Join(t.TempDir(), "rec.mkv")
	s := startSession(t, func(c *Options) { c.Record = record })
	done := make(chan error, 1)
	go func() { done <- camera(s, "vp8", 64, 48, 120) }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f := watchFrames(t, v, 20); f.Width != 128 || f.Height != 96 {
		t.Errorf("frames of %v, want 128x96", f)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the camera", func() bool { return s.level().Name == "" })
	src, err := decode.Open(context.Background(), record, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if f := src.Info().Format; f.Width != 128 || f.Height != 96 {
		t.Errorf("recording of %v, want 128x96", f)
	}
	// A second camera, of another size, after the first: the feed goes on.
	go func() { done <- camera(s, "h264", 96, 64, 300) }()
	w, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if f := watchFrames(t, w, 10); f.Width != 192 || f.Height != 128 {
		t.Errorf("second camera: frames of %v, want 192x128", f)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestRTPClockGoesOnThroughTheWrap(t *testing.T) {
	var c rtpClock
	for i, in := range []uint32{4294967000, 4294967290, 10, 5, 3010} {
		want := []int64{0, 290, 306, 301, 3306}[i]
		if got := c.extend(in); got != want {
			t.Errorf("step %d: %d, want %d", i, got, want)
		}
	}
}

func TestRTPTimeRisesOverPipelines(t *testing.T) {
	var r rtpTime
	begin := time.Now()
	r.restart()
	first := r.at(9000, begin)
	second := r.at(12000, begin.Add(33*time.Millisecond))
	r.restart()
	third := r.at(0, begin.Add(1033*time.Millisecond))
	fourth := r.at(3000, begin.Add(1066*time.Millisecond))
	if first != 9000 || second != 12000 || third != 12000+90000 || fourth != third+3000 {
		t.Errorf("times %d %d, then %d %d of the next pipeline; want 9000 12000, 102000 105000", first, second, third, fourth)
	}
}
