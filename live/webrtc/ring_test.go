package webrtc

import (
	"context"
	"testing"
	"time"
)

func TestRingDropsToNextKeyFrame(t *testing.T) {
	r := newRing(3)
	if r.push(accessUnit{time: 0}); r.lost() != 0 || len(r.waiting) != 0 {
		t.Fatal("a delta frame before the first key frame must be dropped, and not be counted")
	}
	r.push(accessUnit{time: 1, key: true})
	r.push(accessUnit{time: 2})
	r.push(accessUnit{time: 3})
	if want := r.push(accessUnit{time: 4}); !want {
		t.Error("an overflow must ask for a key frame")
	}
	if want := r.push(accessUnit{time: 5}); want {
		t.Error("it must ask only once")
	}
	r.push(accessUnit{time: 6, key: true})
	p, ok := r.pull(context.Background())
	if !ok || p.time != 6 {
		t.Errorf("after the overflow came frame %d, want 6, the key frame", p.time)
	}
	if r.lost() != 5 {
		t.Errorf("lost %d, want 5", r.lost())
	}
}

func TestRingPullEnds(t *testing.T) {
	r := newRing(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok := r.pull(ctx); ok {
		t.Error("pull with an ended context gave a frame")
	}
	done := make(chan bool)
	go func() { _, ok := r.pull(context.Background()); done <- ok }()
	r.close()
	if <-done {
		t.Error("pull from a closed ring gave a frame")
	}
	if r.push(accessUnit{key: true}); len(r.waiting) != 0 {
		t.Error("a closed ring took a frame")
	}
}

func TestRateIsTheLowestWithinBounds(t *testing.T) {
	now := time.Now()
	r := rates{min: 100, max: 1000, since: now, estimates: map[*viewer]int{}}
	a, b := &viewer{}, &viewer{}
	sent := func(n int64) func() int64 { return func() int64 { return n } }
	for _, c := range []struct {
		name     string
		v        *viewer
		estimate int
		after    time.Duration
		sent     int64
		want     int
		changed  bool
	}{
		{"first", a, 500, 0, 0, 500, true},
		{"a little more", a, 510, 0, 0, 510, false},
		{"the slower viewer rules", b, 300, 0, 0, 300, true},
		{"never below the floor", b, 20, 0, 0, 100, true},
		{"never above the ceiling", b, 5000, 0, 0, 510, true},
		{"at most 1.5 times what was sent", b, 5000, 2 * time.Second, 50, 300, true},
	} {
		now = now.Add(c.after)
		got, changed := r.update(c.v, c.estimate, now, sent(c.sent))
		if got != c.want || changed != c.changed {
			t.Errorf("%s: target %d, changed %v; want %d, %v", c.name, got, changed, c.want, c.changed)
		}
	}
	r.forget(a)
	if len(r.estimates) != 1 {
		t.Error("a viewer that left still counts")
	}
}
