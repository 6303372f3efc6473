package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
)

var tiny = media.Format{Width: 4, Height: 2, Layout: media.YUV420, Depth: 8}

// fakeSource gives n frames from pool, with a packet after every second one, and then end.
type fakeSource struct {
	pool   *media.Pool
	n      int
	end    error
	delay  time.Duration
	change int // the frame in front of which the format changes, 0 for never
	next   int
	packet bool
	closed int
}

func (s *fakeSource) Next(ctx context.Context) (media.Unit, error) {
	if s.packet {
		s.packet = false
		return media.Unit{Packet: &media.Packet{PTS: int64(s.next)}}, nil
	}
	if s.change > 0 && s.next == s.change {
		s.change = 0
		return media.Unit{}, media.ErrFormatChanged
	}
	if s.next == s.n {
		return media.Unit{}, s.end
	}
	if err := sleep(ctx, s.delay); err != nil {
		return media.Unit{}, err
	}
	fr, err := s.pool.Get(ctx)
	if err != nil {
		return media.Unit{}, err
	}
	s.next++
	s.packet = s.next%2 == 0
	fr.PTS = int64(s.next)
	return media.Unit{Frame: fr}, nil
}

func (s *fakeSource) Close() error { s.closed++; return nil }

// fakeSink writes down what it was given.
type fakeSink struct {
	got             []string
	delay           time.Duration
	failAt          int // the unit at which Write fails, from 1
	closeErr        error
	closed, aborted int
}

func (s *fakeSink) Write(ctx context.Context, u media.Unit) error {
	defer u.Release()
	if err := sleep(ctx, s.delay); err != nil {
		return err
	}
	if s.failAt > 0 && len(s.got)+1 == s.failAt {
		return errors.New("encode: disk full")
	}
	if u.Frame != nil {
		s.got = append(s.got, fmt.Sprintf("f%d", u.Frame.PTS))
	} else {
		s.got = append(s.got, fmt.Sprintf("p%d", u.Packet.PTS))
	}
	return nil
}

func (s *fakeSink) Close() error { s.closed++; return s.closeErr }
func (s *fakeSink) Abort() error { s.aborted++; return nil }

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold is a step that takes d for each frame.
func hold(name string, d time.Duration) Step {
	return Step{Name: name, Stage: Video(func(ctx context.Context, fr *media.Frame) (*media.Frame, error) {
		if err := sleep(ctx, d); err != nil {
			fr.Release()
			return nil, err
		}
		return fr, nil
	})}
}

func expected(n int) (want []string) {
	for i := 1; i <= n; i++ {
		want = append(want, fmt.Sprintf("f%d", i))
		if i%2 == 0 {
			want = append(want, fmt.Sprintf("p%d", i))
		}
	}
	return want
}

func noFrameOut(t *testing.T, pool *media.Pool) {
	t.Helper()
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were not released", n)
	}
}

func TestOrderAndStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := media.NewPool(tiny, 20, nil)
		src := &fakeSource{pool: pool, n: 6, end: io.EOF, delay: 10 * time.Millisecond}
		sink := &fakeSink{delay: time.Millisecond}
		var last Stats
		stats, err := Run(t.Context(), src, []Step{hold("scene", 0), hold("sr", 100*time.Millisecond)}, sink,
			Options{Progress: func(s Stats) { last = s }})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected(6), sink.got); diff != "" {
			t.Error(diff)
		}
		if src.closed != 1 || sink.closed != 1 || sink.aborted != 0 {
			t.Errorf("closed source %d, sink %d, aborted %d times", src.closed, sink.closed, sink.aborted)
		}
		// Stages overlap: 10 ms until the first frame, 6 x 100 ms of sr, 2 x 1 ms for the last frame and packet.
		if stats.Elapsed != 612*time.Millisecond {
			t.Errorf("took %v, want 612ms", stats.Elapsed)
		}
		want := []StageStats{
			{Name: "decode", FramesOut: 6, Packets: 3, Busy: 60 * time.Millisecond, BusyMS: 60},
			{Name: "scene", FramesIn: 6, FramesOut: 6, Packets: 3},
			{Name: "sr", FramesIn: 6, FramesOut: 6, Packets: 3, Busy: 600 * time.Millisecond, BusyMS: 600},
			{Name: "encode", FramesIn: 6, FramesOut: 6, Packets: 3, Busy: 9 * time.Millisecond, BusyMS: 9},
		}
		if diff := cmp.Diff(want, stats.Stages); diff != "" {
			t.Error(diff)
		}
		if stats.Bottleneck() != "sr" || stats.FramesIn() != 6 || stats.FramesOut() != 6 {
			t.Errorf("bottleneck %s, %d in, %d out", stats.Bottleneck(), stats.FramesIn(), stats.FramesOut())
		}
		if !last.Closing || last.FramesOut() != 6 {
			t.Errorf("last progress: %+v", last)
		}
		noFrameOut(t, pool)
	})
}

// A slow sink holds everybody up: never more frames are out than queues and stages can hold.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := media.NewPool(tiny, 50, nil)
		most := 0
		src := &fakeSource{pool: pool, n: 40, end: io.EOF}
		step := hold("sr", 0)
		step.Queue.Depth = 2
		watch := Step{Name: "watch", Queue: Queue{Depth: 1}, Stage: Video(func(_ context.Context, fr *media.Frame) (*media.Frame, error) {
			most = max(most, pool.Outstanding())
			return fr, nil
		})}
		sink := &fakeSink{delay: time.Second}
		if _, err := Run(t.Context(), src, []Step{step, watch}, sink, Options{Depth: 1}); err != nil {
			t.Fatal(err)
		}
		// Queues of 2, 1 and 1, and one frame in each of the four stages.
		if most > 8 || most < 5 {
			t.Errorf("%d frames out at once, want 5 to 8", most)
		}
		noFrameOut(t, pool)
	})
}

// The smallest legal pool is one frame for each stage that may hold one.
func TestSmallestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := media.NewPool(tiny, 1, nil)
		sink := &fakeSink{}
		if _, err := Run(t.Context(), &fakeSource{pool: pool, n: 9, end: io.EOF}, []Step{hold("sr", time.Second)}, sink, Options{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected(9), sink.got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := media.NewPool(tiny, 20, nil)
		step := hold("sr", 100*time.Millisecond)
		step.Queue = Queue{Depth: 2, Policy: DropOldest}
		sink := &fakeSink{}
		stats, err := Run(t.Context(), &fakeSource{pool: pool, n: 30, end: io.EOF, delay: 10 * time.Millisecond}, []Step{step}, sink, Options{})
		if err != nil {
			t.Fatal(err)
		}
		packets, frames, lastFrame := 0, 0, 0
		for _, s := range sink.got {
			var kind rune
			var n int
			fmt.Sscanf(s, "%c%d", &kind, &n)
			if kind == 'p' {
				packets++
				if n != 2*packets {
					t.Errorf("packet %d came as number %d", n, packets)
				}
				continue
			}
			if n <= lastFrame {
				t.Errorf("frame %d after frame %d", n, lastFrame)
			}
			frames, lastFrame = frames+1, n
		}
		if packets != 15 {
			t.Errorf("%d of 15 packets came through", packets)
		}
		if frames == 30 || int64(frames)+stats.Dropped() != 30 {
			t.Errorf("%d frames came, %d counted as dropped, want 30 together and some dropped", frames, stats.Dropped())
		}
		if lastFrame < 29 {
			t.Errorf("the last frame to come was %d: the newest should win", lastFrame)
		}
		noFrameOut(t, pool)
	})
}

// The first error at each door stops all, is the one reported, and nothing is left behind.
func TestErrorAtEveryDoor(t *testing.T) {
	bad := errors.New("bad")
	failing := func(after int) Step {
		n := 0
		return Step{Name: "sr", Stage: Video(func(_ context.Context, fr *media.Frame) (*media.Frame, error) {
			if n++; n > after {
				fr.Release()
				return nil, bad
			}
			return fr, nil
		})}
	}
	tests := []struct {
		name   string
		source fakeSource
		step   Step
		sink   fakeSink
		stage  string
	}{
		{"source", fakeSource{n: 7, end: bad}, hold("sr", 0), fakeSink{}, "decode"},
		{"source at once", fakeSource{n: 0, end: bad}, hold("sr", 0), fakeSink{}, "decode"},
		{"stage", fakeSource{n: 30, end: io.EOF}, failing(9), fakeSink{}, "sr"},
		{"stage with a slow sink", fakeSource{n: 30, end: io.EOF}, failing(9), fakeSink{delay: time.Second}, "sr"},
		{"sink", fakeSource{n: 30, end: io.EOF}, hold("sr", time.Millisecond), fakeSink{failAt: 8}, "encode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool := media.NewPool(tiny, 20, nil)
				src, sink := tt.source, tt.sink
				src.pool = pool
				_, err := Run(t.Context(), &src, []Step{hold("scene", 0), tt.step}, &sink, Options{})
				var re *StageError
				if !errors.As(err, &re) || re.Stage != tt.stage {
					t.Fatalf("error %v, want one of stage %s", err, tt.stage)
				}
				if src.closed != 1 || sink.closed != 0 || sink.aborted != 1 {
					t.Errorf("closed source %d, sink %d, aborted %d times", src.closed, sink.closed, sink.aborted)
				}
				noFrameOut(t, pool)
			})
		})
	}
}

func TestCancelAtEveryDoor(t *testing.T) {
	const long = time.Hour
	tests := []struct {
		name string
		src  fakeSource
		step Step
		sink fakeSink
	}{
		{"source waits for input", fakeSource{n: 99, end: io.EOF, delay: long}, hold("sr", 0), fakeSink{}},
		{"stage works", fakeSource{n: 99, end: io.EOF}, hold("sr", long), fakeSink{}},
		{"sink works", fakeSource{n: 99, end: io.EOF}, hold("sr", 0), fakeSink{delay: long}},
		{"all idle between", fakeSource{n: 99, end: io.EOF, delay: 3 * time.Second}, hold("sr", time.Second), fakeSink{}},
	}
	for _, tt := range tests {
		for _, policy := range []Policy{Wait, DropOldest} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, policy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					pool := media.NewPool(tiny, 99, nil)
					ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second+time.Millisecond, errors.New("second Ctrl-C"))
					defer cancel()
					src, step, sink := tt.src, tt.step, tt.sink
					src.pool, step.Queue.Policy = pool, policy
					if policy == DropOldest && src.delay == 0 {
						src.delay = time.Second
					}
					stats, err := Run(ctx, &src, []Step{step}, &sink, Options{Interval: time.Second, Progress: func(Stats) {}})
					if err == nil || err.Error() != "second Ctrl-C" {
						t.Errorf("error %v", err)
					}
					if stats.Elapsed != 10*time.Second+time.Millisecond {
						t.Errorf("stopped after %v", stats.Elapsed)
					}
					if sink.aborted != 1 || src.closed != 1 {
						t.Errorf("sink aborted %d times, source closed %d times", sink.aborted, src.closed)
					}
					noFrameOut(t, pool)
				})
			})
		}
	}
}

// The first Ctrl-C: the source stops, even when it is waiting, and what is under way is finished and published.
func TestSoftStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := media.NewPool(tiny, 20, nil)
		stop := make(chan struct{})
		time.AfterFunc(4500*time.Millisecond, func() { close(stop) })
		sink := &fakeSink{}
		stats, err := Run(t.Context(), &fakeSource{pool: pool, n: 99, end: io.EOF, delay: time.Second}, []Step{hold("sr", 900*time.Millisecond)},
			sink, Options{Stop: stop})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected(4), sink.got); diff != "" {
			t.Error(diff)
		}
		if stats.Elapsed != 4900*time.Millisecond || sink.closed != 1 || sink.aborted != 0 {
			t.Errorf("ended after %v, sink closed %d, aborted %d times", stats.Elapsed, sink.closed, sink.aborted)
		}
		noFrameOut(t, pool)
	})
}

func TestFormatChange(t *testing.T) {
	for _, accept := range []bool{false, true} {
		pool := media.NewPool(tiny, 20, nil)
		sink := &fakeSink{}
		_, err := Run(t.Context(), &fakeSource{pool: pool, n: 6, end: io.EOF, change: 3}, []Step{hold("sr", 0)}, sink, Options{AcceptFormatChange: accept})
		want := 6
		if !accept {
			want = 3
			if !errors.Is(err, media.ErrFormatChanged) {
				t.Errorf("error %v, want ErrFormatChanged", err)
			}
		} else if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(expected(want), sink.got); diff != "" {
			t.Error(diff)
		}
		if sink.closed != 1 {
			t.Errorf("sink closed %d times: frames before the change are to be published", sink.closed)
		}
		noFrameOut(t, pool)
	}
}

func TestCloseErrorIsReported(t *testing.T) {
	pool := media.NewPool(tiny, 20, nil)
	full := errors.New("encode: no space left")
	_, err := Run(t.Context(), &fakeSource{pool: pool, n: 2, end: io.EOF}, nil, &fakeSink{closeErr: full}, Options{})
	var re *StageError
	if !errors.As(err, &re) || re.Stage != "encode" || !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

func TestStageMaySwallow(t *testing.T) {
	pool := media.NewPool(tiny, 20, nil)
	sink := &fakeSink{}
	odd := Step{Name: "odd", Stage: func(_ context.Context, u media.Unit) (media.Unit, error) {
		if u.Frame != nil && u.Frame.PTS%2 == 0 {
			u.Release()
			return media.Unit{}, nil
		}
		return u, nil
	}}
	stats, err := Run(t.Context(), &fakeSource{pool: pool, n: 5, end: io.EOF}, []Step{odd}, sink, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"f1", "p2", "f3", "p4", "f5"}, sink.got); diff != "" {
		t.Error(diff)
	}
	if stats.FramesIn() != 5 || stats.FramesOut() != 3 {
		t.Errorf("%d in, %d out", stats.FramesIn(), stats.FramesOut())
	}
	noFrameOut(t, pool)
}

// A ring that is full of packets must wait, since packets are never dropped.
func TestRingOfPacketsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Queue{Depth: 2, Policy: DropOldest})
		var pushed atomic.Int64
		go func() {
			for i := range ringPackets + 3 {
				if q.push(t.Context(), media.Unit{Packet: &media.Packet{PTS: int64(i)}}) == nil {
					pushed.Add(1)
				}
			}
			q.close()
		}()
		synctest.Wait()
		if pushed.Load() != ringPackets {
			t.Fatalf("%d packets went into a ring of %d", pushed.Load(), ringPackets)
		}
		for i := range ringPackets + 3 {
			u, ok, err := q.pull(t.Context())
			if err != nil || !ok || u.Packet.PTS != int64(i) {
				t.Fatalf("pull %d: %+v, %v, %v", i, u, ok, err)
			}
		}
		if _, ok, err := q.pull(t.Context()); ok || err != nil {
			t.Errorf("after the end: ok %v, error %v", ok, err)
		}
	})
}

// Of a full ring the oldest frame goes, and the packets around it stay in their places.
func TestRingDropsTheOldest(t *testing.T) {
	pool := media.NewPool(tiny, 9, nil)
	q := newQueue(Queue{Depth: 2, Policy: DropOldest})
	push := func(pts int64, packet bool) {
		u := media.Unit{Packet: &media.Packet{PTS: pts}}
		if !packet {
			fr, _ := pool.Get(t.Context())
			fr.PTS = pts
			u = media.Unit{Frame: fr}
		}
		if err := q.push(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	push(1, true)
	push(2, false)
	push(3, false)
	push(4, false) // 2 goes
	push(5, true)  // takes no frame's place: audio that comes behind a frame must not cost it
	push(6, true)
	push(7, false) // 3 goes
	q.close()
	var got []int64
	for {
		u, ok, _ := q.pull(t.Context())
		if !ok {
			break
		}
		if u.Packet != nil {
			got = append(got, u.Packet.PTS)
			continue
		}
		got = append(got, u.Frame.PTS)
		u.Release()
	}
	if diff := cmp.Diff([]int64{1, 4, 5, 6, 7}, got); diff != "" || q.dropped() != 2 {
		t.Errorf("%d dropped, left: %s", q.dropped(), diff)
	}
	noFrameOut(t, pool)
}

// endlessSink needs a long time to close, until it is interrupted.
type endlessSink struct {
	interrupted chan struct{}
	closing     func()
}

func (s *endlessSink) Write(_ context.Context, u media.Unit) error { u.Release(); return nil }
func (s *endlessSink) Interrupt()                                  { close(s.interrupted) }
func (s *endlessSink) Close() error {
	s.closing()
	<-s.interrupted
	return errors.New("gave up")
}

// A context that ends while the sink closes interrupts it, and the run ends with the context's cause.
func TestCancelWhileTheSinkCloses(t *testing.T) {
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	sink := &endlessSink{interrupted: make(chan struct{}), closing: func() { cancel(cause) }}
	if _, err := Run(ctx, &fakeSource{end: io.EOF}, nil, sink, Options{}); !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
}
