package adaptive

import (
	"context"
	"testing"
	"time"

	"vsr/media"
)

const ms = time.Millisecond

func TestControllerStartsOnTheBestLevelThatFits(t *testing.T) {
	for _, c := range []struct {
		cost []time.Duration
		want int
	}{
		{[]time.Duration{10 * ms, 5 * ms, ms}, 0},
		{[]time.Duration{50 * ms, 10 * ms, ms}, 1},
		{[]time.Duration{50 * ms, 40 * ms, 30 * ms}, 2}, // nothing fits: the last is still better than nothing
	} {
		if got := NewController(33*ms, c.cost, time.Time{}).Level(); got != c.want {
			t.Errorf("costs %v: level %d, want %d", c.cost, got, c.want)
		}
	}
}

// drive feeds a controller one frame every 33 ms for so long and returns the seconds at which the level changed.
func drive(c *Controller, from, length time.Duration, took func(level int) time.Duration) (changes []float64) {
	for at := from; at < from+length; at += 33 * ms {
		if c.Done(took(c.Level()), time.Time{}.Add(at)) {
			changes = append(changes, (at - from).Seconds())
		}
	}
	return changes
}

func TestControllerStepsDownSoonAndUpLate(t *testing.T) {
	c := NewController(33*ms, []time.Duration{15 * ms, 5 * ms, ms}, time.Time{})
	slow := func(level int) time.Duration { return []time.Duration{40 * ms, 10 * ms, ms}[level] }
	down := drive(c, 0, 3*time.Second, slow)
	if len(down) != 1 || down[0] < 2 || down[0] > 2.2 || c.Level() != 1 {
		t.Fatalf("level %d, changes at %v; want one change to level 1, a second after the first that does not count", c.Level(), down)
	}
	// The dear level keeps its price in memory: no way up while it is not predicted to fit.
	if up := drive(c, 3*time.Second, 30*time.Second, slow); len(up) != 0 {
		t.Errorf("stepped up at %v s although the level above does not fit", up)
	}
	c.cost[0] = 15 * ms
	quick := func(int) time.Duration { return 4 * ms }
	up := drive(c, 33*time.Second, 12*time.Second, quick)
	if len(up) != 1 || up[0] < 0 || c.Level() != 0 {
		t.Errorf("level %d, changes at %v s; want one step up", c.Level(), up)
	}
}

func TestControllerWaitsBeforeSteppingUp(t *testing.T) {
	c := NewController(33*ms, []time.Duration{15 * ms, 5 * ms}, time.Time{})
	c.level = 1
	up := drive(c, 0, 20*time.Second, func(int) time.Duration { return 5 * ms })
	if len(up) != 1 || up[0] < 10 || up[0] > 10.1 {
		t.Errorf("stepped up at %v s, want once at 10", up)
	}
}

// TestControllerForgivesASlowStart: the first frames meet cold memory and viewers that connect.
func TestControllerForgivesASlowStart(t *testing.T) {
	c := NewController(33*ms, []time.Duration{5 * ms, ms}, time.Time{})
	at := time.Duration(0)
	changes := drive(c, 0, 900*ms, func(int) time.Duration { return 60 * ms })
	at += 900 * ms
	changes = append(changes, drive(c, at, 5*time.Second, func(int) time.Duration { return 5 * ms })...)
	if len(changes) != 0 || c.Level() != 0 {
		t.Errorf("level %d, changes at %v s; want none for a slow start", c.Level(), changes)
	}
}

// TestControllerTriesLessOftenWhatFails: a level whose price says that it fits, and that brings trouble all the same, because
// something else does not keep up with it.
func TestControllerTriesLessOftenWhatFails(t *testing.T) {
	c := NewController(33*ms, []time.Duration{5 * ms, ms}, time.Time{})
	var ups []float64
	for i := range 30 * 400 {
		now := time.Time{}.Add(time.Duration(i) * 33 * ms)
		changed := false
		if c.Level() == 0 && i%3 == 0 {
			changed = c.Dropped(now)
		} else {
			changed = c.Done(5*ms, now)
		}
		if changed && c.Level() == 0 {
			ups = append(ups, now.Sub(time.Time{}).Seconds())
		}
	}
	if len(ups) < 4 {
		t.Fatalf("tried at %v s only", ups)
	}
	for i := 1; i < len(ups); i++ {
		before := patience.Seconds()
		if i > 1 {
			before = ups[i-1] - ups[i-2]
		}
		if pause := ups[i] - ups[i-1]; pause < 1.5*before && pause < impatience.Seconds() {
			t.Errorf("tried at %v s: the pauses do not grow", ups)
		}
	}
}

// TestControllerForgetsAPrice: a level that was dear while the machine was busy is tried again when it has been calm for long.
func TestControllerForgetsAPrice(t *testing.T) {
	c := NewController(33*ms, []time.Duration{40 * ms, ms}, time.Time{})
	up := drive(c, 0, 300*time.Second, func(level int) time.Duration { return []time.Duration{4 * ms, ms}[level] })
	if len(up) != 1 || up[0] < 60 || up[0] > 200 || c.Level() != 0 {
		t.Errorf("level %d, changes at %v s; want one step up after one to three minutes", c.Level(), up)
	}
}

func TestControllerCountsDrops(t *testing.T) {
	c := NewController(33*ms, []time.Duration{10 * ms, ms}, time.Time{})
	changed := false
	for i := range 90 {
		now := time.Time{}.Add(time.Duration(i) * 33 * ms)
		if i%10 == 0 {
			changed = c.Dropped(now) || changed
		} else {
			changed = c.Done(5*ms, now) || changed
		}
	}
	if !changed || c.Level() != 1 {
		t.Errorf("one frame in ten dropped: level %d, want 1", c.Level())
	}
}

// TestSlowEnhancerKeepsAgeBounded plays a 30 fps source against an enhancer of 80 ms behind a one-slot mailbox.
func TestSlowEnhancerKeepsAgeBounded(t *testing.T) {
	var now time.Time
	pass := func(took time.Duration) func(context.Context, *media.Frame) (*media.Frame, error) {
		return func(_ context.Context, f *media.Frame) (*media.Frame, error) { now = now.Add(took); return f, nil }
	}
	l, err := New([]Level{{Name: "slow", Enhanced: true, Cost: 80 * ms, Process: pass(80 * ms)}},
		Options{MaxLatency: 150 * ms, now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	format := media.Format{Width: 2, Height: 2, Depth: 8}
	var worst time.Duration
	out := 0
	for next := 0; next < 30*20; {
		// The mailbox holds the newest frame captured so far.
		newest := int(now.Sub(time.Time{}) / (33 * ms))
		next = max(next, newest)
		captured := time.Time{}.Add(time.Duration(next) * 33 * ms)
		if captured.After(now) {
			now = captured
		}
		f, err := l.Process(context.Background(), media.NewFrame(format), captured)
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			out++
			worst = max(worst, now.Sub(captured))
			f.Release()
		}
		next++
	}
	if worst > 150*ms || out < 200 {
		t.Errorf("%d frames in 20 s, the oldest %v at its output; want at least 200, none over 150 ms", out, worst)
	}
}

func TestEnhancementOffUsesTheLastLevel(t *testing.T) {
	var used string
	level := func(name string) Level {
		return Level{Name: name, Enhanced: name == "net", Process: func(_ context.Context, f *media.Frame) (*media.Frame, error) { used = name; return f, nil }}
	}
	l, err := New([]Level{level("net"), level("plain")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on   bool
		want string
	}{{true, "net"}, {false, "plain"}, {true, "net"}} {
		l.SetEnhance(c.on)
		f, err := l.Process(context.Background(), media.NewFrame(media.Format{Width: 1, Height: 1, Depth: 8}), time.Now())
		if err != nil || f == nil {
			t.Fatalf("frame %v, error %v", f, err)
		}
		if used != c.want || l.Stats().Name != c.want {
			t.Errorf("enhancement %v ran level %s (stats say %s), want %s", c.on, used, l.Stats().Name, c.want)
		}
	}
}

func TestLevelSlowerThanTheDeadlineStillGivesFrames(t *testing.T) {
	now := time.Time{}
	l, err := New([]Level{{Name: "huge", Cost: time.Second, Process: func(_ context.Context, f *media.Frame) (*media.Frame, error) {
		now = now.Add(time.Second)
		return f, nil
	}}}, Options{MaxLatency: 100 * ms, now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f, err := l.Process(context.Background(), media.NewFrame(media.Format{Width: 1, Height: 1, Depth: 8}), now)
		if err != nil || f == nil {
			t.Fatalf("frame %d: %v, error %v", i, f, err)
		}
	}
}

// TestMeasureNeverShowsAFrameTwice: an engine that keeps its last result, or what has not changed of it, would seem to cost nothing.
func TestMeasureNeverShowsAFrameTwice(t *testing.T) {
	f := media.NewFrame(media.Format{Width: 8, Height: 4, Depth: 8})
	f.Row(0, 1)[3] = 77
	var last []byte
	calls := 0
	r := []Level{{Name: "watcher", Process: func(_ context.Context, g *media.Frame) (*media.Frame, error) {
		var now []byte
		for y := range f.Height {
			now = append(now, g.Row(0, y)[:f.Width]...)
			for x, v := range g.Row(0, y)[:f.Width] {
				if i := y*f.Width + x; last != nil && v == last[i] {
					t.Errorf("call %d: sample %d is that of the call before", calls, i)
				}
				if g == f || v^f.Row(0, y)[x] > 7 {
					t.Errorf("call %d gets another frame, or the caller's own frame", calls)
				}
			}
		}
		last = now
		calls++
		time.Sleep(ms)
		return g, nil
	}}}
	if err := Measure(context.Background(), r, f, 5*ms, time.Second); err != nil {
		t.Fatal(err)
	}
	if calls < 3 || r[0].Cost < ms || f.Row(0, 0)[0] != 0 {
		t.Errorf("%d calls, cost %v", calls, r[0].Cost)
	}
	f.Release()
}

// TestMeasureForgivesSlowMoments: some calls of a level are disturbed, and the first ones make plans.
func TestMeasureForgivesSlowMoments(t *testing.T) {
	f := media.NewFrame(media.Format{Width: 8, Height: 4, Depth: 8})
	defer f.Release()
	level := func(name string, usual time.Duration, slow ...int) Level {
		calls := 0
		return Level{Name: name, Process: func(_ context.Context, g *media.Frame) (*media.Frame, error) {
			time.Sleep(usual)
			for _, n := range slow {
				if n == calls {
					time.Sleep(40 * ms)
				}
			}
			calls++
			return g, nil
		}}
	}
	r := []Level{level("at first", ms, 0, 1, 2, 3, 4), level("every second", ms, 3, 5, 7), level("slow", 60*ms)}
	if err := Measure(context.Background(), r, f, 5*ms, time.Second); err != nil {
		t.Fatal(err)
	}
	if r[0].Cost > 30*ms || r[1].Cost > 30*ms || r[2].Cost < 60*ms {
		t.Errorf("costs %v, %v and %v", r[0].Cost, r[1].Cost, r[2].Cost)
	}
}

// TestDearLevelsAreLeftOut: a level that costs as much as a better one is closed, and plain resampling that costs more than the
// network is only for those who switch enhancement off.
func TestDearLevelsAreLeftOut(t *testing.T) {
	var closed, used []string
	level := func(name string, cost time.Duration) Level {
		return Level{Name: name, Cost: cost, Enhanced: name != "plain", Close: func() error { closed = append(closed, name); return nil },
			Process: func(_ context.Context, f *media.Frame) (*media.Frame, error) {
				used = append(used, name)
				return f, nil
			}}
	}
	now := time.Time{}
	u, err := New([]Level{level("fast", 20*ms), level("odd", 25*ms), level("nano", 9*ms), level("plain", 18*ms)}, Options{Interval: 33 * ms, MaxLatency: time.Hour, now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if len(closed) != 1 || closed[0] != "odd" {
		t.Errorf("closed %v, want odd alone", closed)
	}
	run := func() string {
		f, err := u.Process(context.Background(), media.NewFrame(media.Format{Width: 1, Height: 1, Depth: 8}), now)
		if err != nil || f == nil {
			t.Fatalf("frame %v, error %v", f, err)
		}
		return used[len(used)-1]
	}
	if got := run(); got != "fast" {
		t.Errorf("begins on %s, want fast: 20 ms fit into 33", got)
	}
	for range 400 { // everything is dropped: down as far as it goes
		now = now.Add(33 * ms)
		u.Superseded()
	}
	if got := run(); got != "nano" {
		t.Errorf("after trouble %s runs, want nano", got)
	}
	u.SetEnhance(false)
	if got := run(); got != "plain" {
		t.Errorf("switched off %s runs, want plain", got)
	}
}

// TestPinnedLevelStays whatever it costs.
func TestPinnedLevelStays(t *testing.T) {
	now := time.Time{}
	pass := func(_ context.Context, f *media.Frame) (*media.Frame, error) { now = now.Add(80 * ms); return f, nil }
	u, err := New([]Level{{Name: "slow", Enhanced: true, Cost: 80 * ms, Process: pass}, {Name: "plain", Cost: ms, Process: pass}},
		Options{Interval: 33 * ms, MaxLatency: time.Hour, Pinned: true, now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		f, err := u.Process(context.Background(), media.NewFrame(media.Format{Width: 1, Height: 1, Depth: 8}), now)
		if err != nil || f == nil {
			t.Fatalf("frame %v, error %v", f, err)
		}
		u.Superseded()
		if st := u.Stats(); st.Name != "slow" || st.Changes != 0 {
			t.Fatalf("%+v, want slow throughout", st)
		}
	}
}

// TestMeasureLeavesTheHopeless: a level that no frame rate could use is not measured to the end while a publisher waits.
func TestMeasureLeavesTheHopeless(t *testing.T) {
	f := media.NewFrame(media.Format{Width: 8, Height: 4, Depth: 8})
	defer f.Release()
	calls := 0
	r := []Level{{Name: "huge", Process: func(_ context.Context, g *media.Frame) (*media.Frame, error) {
		calls++
		time.Sleep(30 * ms)
		return g, nil
	}}}
	if err := Measure(context.Background(), r, f, time.Second, 20*ms); err != nil {
		t.Fatal(err)
	}
	if calls != warmUps+1 || r[0].Cost < 30*ms {
		t.Errorf("%d calls, cost %v; want %d", calls, r[0].Cost, warmUps+1)
	}
}
