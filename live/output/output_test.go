package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/live/webrtc"
	"vsr/media"
)

// text is a writer that may be read at any time.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
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

var testFormat = media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}

// station is a hub that a synthetic source of 30 frames a second feeds.
type station struct {
	*Hub
	log    *text
	sink   atomic.Pointer[encode.Sink]
	frames atomic.Int64
	codec  string
	audio  bool
}

func newStation(t *testing.T, audio bool) *station {
	t.Helper()
	st := &station{log: &text{}, codec: "x264", audio: audio}
	st.Hub = NewHub(Options{Encoder: encode.Options{Codec: "x264", Preset: "ultrafast", ZeroLatency: true, KeyframeSeconds: 1, BitRate: 400_000, Threads: 1},
		Logger: slog.New(slog.NewTextHandler(st.log, nil)), Keyframe: func(string) {
			if s := st.sink.Load(); s != nil {
				s.RequestKeyframe()
			}
		}})
	t.Cleanup(func() {
		st.Shutdown()
		if t.Failed() {
			t.Log(st.log)
		}
	})
	return st
}

// play feeds the hub, as one pipeline, until ctx ends.
func (st *station) play(t *testing.T, ctx context.Context) {
	o := testmedia.Options{Format: testFormat, Rate: media.Rational{Num: 30, Den: 1}, Frames: 1 << 20}
	if st.audio {
		o.Tone = 440
	}
	src, err := testmedia.New(o)
	if err != nil {
		t.Error(err)
		return
	}
	info := *src.Info()
	var opus *encode.Opus
	if st.audio {
		if opus, err = encode.NewOpus(&info.Tracks[1]); err != nil {
			t.Error(err)
			return
		}
		defer opus.Close()
		track := opus.Track()
		track.Index = 1
		info.Tracks = []media.Track{info.Tracks[0], track}
	}
	sink, err := encode.Create(&info, encode.Options{Codec: st.codec, Preset: map[string]string{"x264": "ultrafast"}[st.codec], ZeroLatency: true, KeyframeSeconds: 1, BitRate: 400_000, Threads: 1}, st.Hub)
	if err != nil {
		t.Error(err)
		return
	}
	st.sink.Store(sink)
	defer sink.Close()
	begin := time.Now()
	for ctx.Err() == nil {
		u, err := src.Next(ctx)
		if err != nil {
			return
		}
		if u.Packet != nil {
			list, _ := opus.Convert(u.Packet)
			for _, p := range list {
				if err := sink.Write(ctx, media.Unit{Packet: p}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
			continue
		}
		at := time.Duration(float64(u.Frame.PTS) * info.Tracks[0].TimeBase.Float() * float64(time.Second))
		select {
		case <-time.After(time.Until(begin.Add(at))):
		case <-ctx.Done():
			u.Release()
			return
		}
		st.Frame(u.Frame)
		if err := sink.Write(ctx, u); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		st.frames.Add(1)
	}
}

// run plays until the test ends or the function that it returns is called, which waits.
func (st *station) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		st.play(t, ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// status is the state of the output named.
func (st *station) status(name string) Status {
	for _, s := range st.Outputs() {
		if s.Name == name {
			return s
		}
	}
	return Status{}
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

// freePort finds a loopback port that nobody uses at the moment.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// receiver is a server that takes one stream, made of FFmpeg's library.
type receiver struct {
	frames, audio atomic.Int64
	codec         atomic.Value // of the audio
	cancel        context.CancelFunc
	done          chan struct{}
	err           error
}

func receive(address string, options map[string]string) *receiver {
	ctx, cancel := context.WithCancel(context.Background())
	r := &receiver{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = r.run(ctx, address, options)
	}()
	return r
}

func (r *receiver) run(ctx context.Context, address string, options map[string]string) error {
	src, err := decode.Open(ctx, address, decode.Options{Network: true, LowDelay: true, Threads: 1, FFmpeg: options})
	if err != nil {
		return err
	}
	defer src.Close()
	for _, tr := range src.Info().Tracks {
		if tr.Type == media.TrackAudio {
			r.codec.Store(tr.Codec)
		}
	}
	for {
		u, err := src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, media.ErrFormatChanged):
			return err
		case u.Frame != nil:
			r.frames.Add(1)
		case u.Packet != nil:
			r.audio.Add(1)
		}
		u.Release()
	}
}

func (r *receiver) kill() { r.cancel(); <-r.done }

func (r *receiver) waitFor(t *testing.T, name string, frames, audio int64) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d frames and %d packets of audio by %s", frames, audio, name), func() bool {
		select {
		case <-r.done:
			t.Fatalf("%s: the receiver has ended after %d frames: %v", name, r.frames.Load(), r.err)
		default:
		}
		return r.frames.Load() >= frames && r.audio.Load() >= audio
	})
}

// TestServersComeAndGo: RTMP, SRT and a recording at once. Each server is killed and comes back; the output says so and connects again, and the
// others go on. No stream key is seen anywhere.
func TestServersComeAndGo(t *testing.T) {
	t.Parallel()
	st := newStation(t, true)
	record := filepath.Join(t.TempDir(), "rec.mkv")
	servers := map[string]struct {
		push, listen string
		options      map[string]string
	}{}
	rtmp, srt := freePort(t, "tcp"), freePort(t, "udp")
	const key = "sk_0123456789abcdef"
	servers["rtmp"] = struct {
		push, listen string
		options      map[string]string
	}{fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s#name=rtmp", rtmp, key), fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", rtmp, key), map[string]string{"listen": "1"}}
	servers["srt"] = struct {
		push, listen string
		options      map[string]string
	}{fmt.Sprintf("srt://127.0.0.1:%d?streamid=%s#name=srt", srt, key), fmt.Sprintf("srt://127.0.0.1:%d?mode=listener", srt), nil}
	for _, s := range servers {
		target, err := ParseAddress(Address(s.push))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Add(target, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Add(Recording(record), true); err != nil {
		t.Fatal(err)
	}
	stop := st.run(t)
	for name := range servers {
		waitFor(t, name+" to find nobody", func() bool { s := st.status(name); return s.State == StateRetrying && s.Reason != "" })
	}
	recording := "recording rec.mkv"
	for round := range 2 {
		for name, s := range servers {
			before := st.status(recording)
			r := receive(s.listen, s.options)
			r.waitFor(t, name, 20, 20)
			if codec := r.codec.Load(); codec != "aac" {
				t.Errorf("%s: audio %v", name, codec)
			}
			if got := st.status(name); got.State != StateConnected || got.Frames < 20 || got.Bytes == 0 || got.Connects != round+1 {
				t.Errorf("%s: %+v", name, got)
			}
			r.kill()
			waitFor(t, name+" to notice", func() bool { return st.status(name).State != StateConnected })
			waitFor(t, "the recording to go on", func() bool { return st.status(recording).Frames > before.Frames+20 })
			if s := st.status(recording); s.Dropped != 0 || s.Connects != 1 {
				t.Errorf("the recording: %+v", s)
			}
		}
	}
	frames := st.frames.Load()
	stop()
	src, err := decode.Open(t.Context(), record, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	counts := map[bool]int64{}
	for {
		u, err := src.Next(t.Context())
		if err != nil {
			break
		}
		counts[u.Frame != nil]++
		u.Release()
	}
	if counts[true] < frames-35 || counts[false] < counts[true] { // up to the first key frame
		t.Errorf("the recording holds %d of %d frames, %d packets of audio", counts[true], frames, counts[false])
	}
	if all := st.log.String() + fmt.Sprint(st.Outputs()); strings.Contains(all, key) || strings.Contains(all, key[:12]) {
		t.Errorf("the key is shown:\n%s", all)
	}
}

// TestControl: an output that is stopped by hand ends, sends nothing more and comes back when it is started.
func TestControl(t *testing.T) {
	t.Parallel()
	st := newStation(t, false)
	dir := t.TempDir()
	if _, err := st.Add(Recording(filepath.Join(dir, "a.mkv")), true); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Add(Recording(filepath.Join(dir, "b.mkv")), false); err != nil {
		t.Fatal(err)
	}
	st.run(t)
	a, b := "recording a.mkv", "recording b.mkv"
	waitFor(t, "a to record", func() bool { return st.status(a).Frames > 5 })
	if s := st.status(b); s.State != StateStopped || s.Frames != 0 {
		t.Errorf("b: %+v", s)
	}
	if err := st.Control(a, false); err != nil {
		t.Fatal(err)
	}
	if err := st.Control(b, true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a to stop", func() bool { return st.status(a).State == StateStopped })
	was := st.status(a).Frames
	waitFor(t, "b to record", func() bool { return st.status(b).Frames > 5 })
	if now := st.status(a).Frames; now != was {
		t.Errorf("a recorded %d frames more", now-was)
	}
	if err := st.Control(a, true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a to record again", func() bool { return st.status(a).Frames > was+5 })
	if files, _ := filepath.Glob(filepath.Join(dir, "a*.mkv")); len(files) != 2 {
		t.Errorf("recordings %v, want one of each time", files)
	}
	if err := st.Control("c", true); err == nil {
		t.Error("an output that is none was started")
	}
}

// stuck is a connection whose writes never end before Interrupt.
type stuck struct {
	once  sync.Once
	ended chan struct{}
}

func (c *stuck) Write(_ context.Context, u media.Unit) error {
	u.Release()
	<-c.ended
	return io.ErrClosedPipe
}
func (c *stuck) Bytes() int64         { return 0 }
func (c *stuck) Failed() <-chan error { return nil }
func (c *stuck) Interrupt()           { c.once.Do(func() { close(c.ended) }) }
func (c *stuck) Close() error         { return nil }
func (c *stuck) Abort() error         { return nil }

// TestStuckOutput: one output hangs in its first write, with packets and with frames. The other loses nothing, and what waits for the stuck one
// is bounded.
func TestStuckOutput(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{false, true} {
		st := newStation(t, false)
		record := Recording(filepath.Join(t.TempDir(), "rec.mkv"))
		if _, err := st.Add(record, true); err != nil {
			t.Fatal(err)
		}
		out, err := st.Add(Target{Name: "stuck", Kind: KindStream, Address: "udp://127.0.0.1:9"}, false)
		if err != nil {
			t.Fatal(err)
		}
		out.maker = maker{raw: func(*stream) bool { return raw }, open: func(context.Context, *Output, *stream) (connection, error) {
			return &stuck{ended: make(chan struct{})}, nil
		}}
		if err := st.Control("stuck", true); err != nil {
			t.Fatal(err)
		}
		st.run(t)
		waitFor(t, "frames lost by the stuck output alone", func() bool { return st.status("stuck").Dropped > 5 })
		begun := st.status(record.Name)
		waitFor(t, "the recording to go on", func() bool { return st.status(record.Name).Frames > begun.Frames+30 })
		if s := st.status(record.Name); s.Dropped != 0 {
			t.Errorf("raw %v: the recording: %+v", raw, s)
		}
		out.mu.Lock()
		if len(out.queue) > queueLength || out.waiting > frameQueue {
			t.Errorf("raw %v: %d units wait, %d of them frames", raw, len(out.queue), out.waiting)
		}
		out.mu.Unlock()
		if raw && st.pool.Outstanding() > 2*frameQueue {
			t.Errorf("%d copies of frames are out", st.pool.Outstanding())
		}
	}
}

// TestOwnEncoder: an output with a bit rate of its own, and one of H.264 from viewers' VP8, encode by themselves.
func TestOwnEncoder(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"x264", "vp8"} {
		st := newStation(t, true)
		st.codec = codec
		port := freePort(t, "tcp")
		words := map[string]string{"x264": "#bitrate=100k&name=own", "vp8": "#name=own"}[codec]
		target, err := ParseAddress(Address(fmt.Sprintf("rtmp://127.0.0.1:%d/live/x%s", port, words)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Add(target, true); err != nil {
			t.Fatal(err)
		}
		r := receive(fmt.Sprintf("rtmp://127.0.0.1:%d/live/x", port), map[string]string{"listen": "1"})
		st.run(t)
		r.waitFor(t, codec, 30, 30)
		if s := st.status("own"); s.State != StateConnected || (s.BitRate == 100_000) != (codec == "x264") {
			t.Errorf("%+v", s)
		}
		r.kill()
	}
}

// TestSourceComesBack: an output stays connected when the source is lost and comes back as it was, and its times go on rising.
func TestSourceComesBack(t *testing.T) {
	t.Parallel()
	st := newStation(t, false)
	port := freePort(t, "tcp")
	target, err := ParseAddress(Address(fmt.Sprintf("rtmp://127.0.0.1:%d/live/x#name=out", port)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Add(target, true); err != nil {
		t.Fatal(err)
	}
	r := receive(fmt.Sprintf("rtmp://127.0.0.1:%d/live/x", port), map[string]string{"listen": "1"})
	stop := st.run(t)
	r.waitFor(t, "the server", 20, 10) // silence, since there is no audio
	stop()
	was := r.frames.Load()
	st.run(t)
	r.waitFor(t, "the server, of the source that came back", was+20, 20)
	if s := st.status("out"); s.Connects != 1 {
		t.Errorf("%+v", s)
	}
	r.kill()
}

// TestWHIP: vsr's own server as the receiver of a push, which needs a token; it goes and comes back.
func TestWHIP(t *testing.T) {
	t.Parallel()
	st := newStation(t, true)
	const token = "tok_0123456789abcdef"
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t, "tcp"))
	for name, word := range map[string]string{"out": token, "wrong": "tok_wrong"} {
		target, err := ParseAddress(Address("whip+http://" + address + "/whip#token=" + word + "&name=" + name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Add(target, true); err != nil {
			t.Fatal(err)
		}
	}
	st.run(t)
	waitFor(t, "nobody to answer", func() bool { return strings.Contains(st.status("out").Reason, "nobody answers") })
	for round := range 2 {
		s, err := webrtc.New(webrtc.Options{Listen: address, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		p, err := s.Accept(ctx)
		if err != nil {
			t.Fatalf("%v; %+v", err, st.Outputs())
		}
		frames, audio := 0, 0
		for frames < 20 || audio < 20 {
			u, err := p.Next(ctx)
			if err != nil {
				t.Fatalf("after %d frames and %d packets of audio: %v; %+v", frames, audio, err, st.Outputs())
			}
			if u.Audio {
				audio++
			} else {
				frames++
			}
		}
		cancel()
		if got := st.status("out"); p.Codec() != "h264" || got.State != StateConnected || got.Connects != round+1 {
			t.Errorf("%s: %+v", p.Codec(), got)
		}
		if round == 0 {
			waitFor(t, "the wrong token to be refused", func() bool { return strings.Contains(st.status("wrong").Reason, "refuses the key") })
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		waitFor(t, "the output to notice", func() bool { return st.status("out").State != StateConnected })
	}
	if all := st.log.String() + fmt.Sprint(st.Outputs()); strings.Contains(all, token) || strings.Contains(all, "/whip") {
		t.Errorf("the token or the path is shown:\n%s", all)
	}
}
