package live

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vsr/decode"
	"vsr/live/webrtc"
	"vsr/live/webrtc/livetest"
	"vsr/media"
	"vsr/sr/adaptive"
)

// agesOf is what a histogram of seconds says: how many values, their sum, and how many were at most a bound of its own.
type agesOf struct {
	count uint64
	sum   float64
	young uint64
}

// ages reads the histogram of frame ages, with 200 ms as the bound.
func ages(t *testing.T, s *Session) agesOf {
	t.Helper()
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "vsr_live_frame_age_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		a := agesOf{count: h.GetSampleCount(), sum: h.GetSampleSum()}
		for _, b := range h.GetBucket() {
			if b.GetUpperBound() == 0.2 {
				a.young = b.GetCumulativeCount()
			}
		}
		return a
	}
	t.Fatal("no histogram of ages")
	return agesOf{}
}

// TestSlowEnhancer runs a source of 30 frames a second through an enhancer that takes 80 ms for each, for 20 s. Behind an
// unbounded queue the age would grow by 0.6 s each second; here its median stays below 200 ms, about 120 ms on an idle machine.
// The bound is in frames of the enhancer, so that a machine that is busy with other things does not fail it.
func TestSlowEnhancer(t *testing.T) {
	t.Parallel()
	const quarters, quarter = 4, 5 * time.Second
	var took []time.Duration // of the enhancer, by its one goroutine; read after the end
	var mu sync.Mutex
	s := startSession(t, func(c *Options) { c.Source = "lavfi:testsrc2=size=64x48:rate=30" }, func(s *Session) {
		s.makeLevels = func(_ context.Context, f *media.Frame, out *media.Info) (*adaptive.Upscaler, error) {
			to := even(f.Scaled(s.o.Scale))
			out.Format = to
			plain := adaptive.Plain(to)
			slow := adaptive.Level{Name: "slow", Enhanced: true, Cost: 80 * time.Millisecond, Process: func(ctx context.Context, f *media.Frame) (*media.Frame, error) {
				begin := time.Now()
				time.Sleep(80 * time.Millisecond)
				out, err := plain.Process(ctx, f)
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
				return out, err
			}}
			return adaptive.New([]adaptive.Level{slow}, adaptive.Options{MaxLatency: s.o.MaxLatency})
		}
	})
	waitFor(t, "the first frames", func() bool { return ages(t, s).count >= 5 })
	var mean [quarters]float64
	first := ages(t, s)
	for i := range mean {
		before := ages(t, s)
		time.Sleep(quarter)
		after := ages(t, s)
		if after.count-before.count < 10 {
			t.Fatalf("%d frames in %v", after.count-before.count, quarter)
		}
		mean[i] = (after.sum - before.sum) / float64(after.count-before.count)
	}
	last, st := ages(t, s), s.Status()
	mu.Lock()
	slices.Sort(took)
	median := took[len(took)/2]
	mu.Unlock()
	n, young := last.count-first.count, last.young-first.young
	t.Logf("mean age by quarters %.0f ms, %d of %d frames younger than 200 ms, the enhancer takes %v, dropped %v", scaled(mean[:], 1000), young, n, median, st.Dropped)
	if median < 100*time.Millisecond && 2*young < n {
		t.Errorf("only %d of %d frames are younger than 200 ms", young, n)
	}
	if limit := (2*median + 150*time.Millisecond).Seconds(); mean[quarters-1] > limit {
		t.Errorf("the age grows: %.0f ms, the limit is %.0f ms", scaled(mean[:], 1000), 1000*limit)
	}
	if st.Dropped["superseded"]+st.Dropped["deadline"] < int64(n) {
		t.Errorf("%v dropped for %d frames: more than half must go", st.Dropped, n)
	}
}

func scaled(v []float64, by float64) (out []float64) {
	for _, x := range v {
		out = append(out, x*by)
	}
	return out
}

// TestLossyLine watches through 2 % loss and 30 +- 15 ms of delay, which lets packets overtake each other, and beside it over a
// perfect line. The bad line must not stop the frame for more than a second longer than the good one. Without
// retransmission every second frame of a 4 s group would be lost with the first packet.
func TestLossyLine(t *testing.T) {
	t.Parallel()
	s := startSession(t, func(c *Options) { c.Source = "lavfi:testsrc2=size=160x90:rate=30" })
	r, err := livetest.NewRelay(livetest.Line{Loss: 0.02, Delay: 30 * time.Millisecond, Jitter: 15 * time.Millisecond, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	perfect, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer perfect.Close()
	bad := client(s)
	bad.Relay = r
	v, err := bad.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	feed, err := decode.NewFeed("h264", decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	var good, lossy pauses
	shown, gone := 0, 0
	for r.Lost() < 12 || shown < 150 {
		select {
		case p := <-perfect.Units:
			good.see(p.Arrival)
		case p := <-v.Units:
			frames, lost, err := feed.Decode(ctx, p.Data, int64(p.Ticks))
			if err != nil {
				t.Fatal(err)
			}
			if lost {
				gone++
			}
			for _, f := range frames {
				f.Release()
				shown++
			}
			if len(frames) > 0 && !lost { // what a person sees: decoded frames
				lossy.see(p.Arrival)
			}
		case <-ctx.Done():
			t.Fatalf("%d frames, %d packets lost on purpose, then nothing more", shown, r.Lost())
		}
	}
	t.Logf("%d frames with %d packets lost on purpose: longest pause %v, %v on a perfect line; %d frames did not decode", shown, r.Lost(), lossy.longest, good.longest, gone)
	if lossy.longest > time.Second+good.longest || gone > 0 {
		t.Errorf("longest pause %v, %v on a perfect line; %d of %d frames did not decode", lossy.longest, good.longest, gone, shown)
	}
	asked := scrape(t, s)
	nacks, plis := asked[`vsr_live_rtcp_total{feed="live",type="nack"}`], asked[`vsr_live_rtcp_total{feed="live",type="pli"}`]
	if t.Logf("%v NACKs, %v PLIs", nacks, plis); nacks == 0 || 2*plis > float64(r.Lost()) { // each viewer asks for a key frame once, at its start
		t.Errorf("%v NACKs and %v PLIs: packets are not sent again", nacks, plis)
	}
}

// pauses finds the longest time between two frames.
type pauses struct {
	last    time.Time
	longest time.Duration
}

func (p *pauses) see(at time.Time) {
	if !p.last.IsZero() {
		p.longest = max(p.longest, at.Sub(p.last))
	}
	p.last = at
}

// TestKeyFramesComeAtOnce: a viewer that asks gets one within a few frames, and one that joins begins with one, while the
// first viewer gets no more frames in between than half a second has. The encoder's own come every 4 s, which is 120 frames.
func TestKeyFramesComeAtOnce(t *testing.T) {
	s := startSession(t, func(c *Options) { c.Source, c.Model = "lavfi:testsrc2=size=160x90:rate=30", "nano-x2" })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	a, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	next := func(v *livetest.Viewer) livetest.AccessUnit {
		select {
		case p := <-v.Units:
			return p
		case <-ctx.Done():
			t.Fatal("no more frames")
			return livetest.AccessUnit{}
		}
	}
	if !webrtc.IsKey("h264", next(a).Data) {
		t.Error("the first viewer's first frame is no key frame")
	}
	for range 24 { // past the time within which requests are merged, and the one that is put off by it
		next(a)
	}
	for len(a.Units) > 0 {
		<-a.Units
	}
	if err := a.Report("pli"); err != nil {
		t.Fatal(err)
	}
	frames := 1
	for ; !webrtc.IsKey("h264", next(a).Data) && frames < 60; frames++ {
	}
	t.Logf("the key frame is number %d after the PLI", frames)
	if frames > 6 {
		t.Errorf("the key frame is number %d after the PLI, want at most 6: four are on their way", frames)
	}
	for range 24 {
		next(a)
	}
	for len(a.Units) > 0 {
		<-a.Units
	}
	begin := time.Now()
	b, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first := next(b)
	t.Logf("the second viewer's first frame came after %v, %d frames of the first viewer", first.Arrival.Sub(begin), len(a.Units))
	if n := len(a.Units); n > 15 || !webrtc.IsKey("h264", first.Data) {
		t.Errorf("%d frames went by before the second viewer had one; key %v", n, webrtc.IsKey("h264", first.Data))
	}
}

// TestLostSource ends a source again and again: the viewer stays connected, and frames go on with rising times.
func TestLostSource(t *testing.T) {
	t.Parallel()
	var sawLost bool
	s := startSession(t, func(c *Options) { c.Source = "lavfi:testsrc2=size=64x48:rate=30:duration=1" })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	last, jump := uint32(0), int32(0)
	for n := 0; n < 50; {
		select {
		case p := <-v.Units:
			if n++; n > 1 {
				step := int32(p.Ticks - last)
				jump = max(jump, step)
				if step <= 0 {
					t.Fatalf("frame %d: the time runs from %d to %d", n, last, p.Ticks)
				}
			}
			last = p.Ticks
		case <-time.After(20 * time.Millisecond):
			st := s.Status()
			sawLost = sawLost || st.State == "lost" && st.Error != ""
		case <-ctx.Done():
			t.Fatal("the frames do not come back")
		}
	}
	if !sawLost {
		t.Error("the status never said that the source is lost")
	}
	if jump < 9000 {
		t.Errorf("the longest step is %d ticks: the time while the source was away is missing", jump)
	}
	if s.server.Viewers() != 1 {
		t.Errorf("%d viewers, want the one that stayed", s.server.Viewers())
	}
}

// TestCameraThatCannotBeReached: one that refuses and one that never answers. Each try is one line, in words.
func TestCameraThatCannotBeReached(t *testing.T) {
	t.Parallel()
	stalls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stalls.Close()
	go func() {
		for {
			c, err := stalls.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	for name, address := range map[string]string{"refuses": freeAddress(t), "stalls": stalls.Addr().String()} {
		s := startSession(t, func(c *Options) { c.Source = "rtsp://user:secret@" + address + "/stream" })
		waitFor(t, name+": the state lost", func() bool { return s.Status().State == "lost" })
		st := s.Status()
		if st.Error == "" || strings.Contains(st.Error, "\n") || strings.Contains(st.Error+st.Source, "secret") || !strings.Contains(st.Source, address) {
			t.Errorf("%s: the page is told %q about %q", name, st.Error, st.Source)
		}
		if _, err := client(s).Watch(shortly(t)); err == nil {
			t.Errorf("%s: a viewer was let in", name)
		}
		t.Logf("%s: %s", name, st.Error)
	}
}

func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
