package webrtc

import (
	"sync"
	"time"
)

// rates turns the viewers' bandwidth estimates into one target for the one encoder: the lowest estimate, clamped to
// [min, max] and to 1.5 times what was really sent. The last clamp is there because the estimator grows without bound while
// it is not probed (it has no detector for an application that sends less than it may).
type rates struct {
	mu        sync.Mutex
	min, max  int
	estimates map[*viewer]int
	sent      int // bit/s in the last window
	since     time.Time
	target    int
}

const rateWindow = time.Second

// update takes a viewer's new estimate and the bytes sent since the last window. It returns the target in bit/s and whether
// it differs by more than 5 % from the one before, so that encoders are not bothered by noise.
func (r *rates) update(v *viewer, estimate int, now time.Time, takeBytes func() int64) (target int, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.estimates[v] = estimate
	if d := now.Sub(r.since); d >= rateWindow {
		r.sent, r.since = int(float64(8*takeBytes())/d.Seconds()), now
	}
	target = r.max
	for _, e := range r.estimates {
		target = min(target, e)
	}
	if r.sent > 0 {
		target = min(target, max(r.sent*3/2, r.min))
	}
	target = max(target, r.min)
	changed = target*20 > r.target*21 || target*20 < r.target*19
	if changed {
		r.target = target
	}
	return target, changed
}

// lowest is the lowest estimate, 0 for none.
func (r *rates) lowest() (bps int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.estimates {
		if bps == 0 || e < bps {
			bps = e
		}
	}
	return bps
}

// now is the target in force, 0 before the first.
func (r *rates) now() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.target
}

func (r *rates) forget(v *viewer) {
	r.mu.Lock()
	delete(r.estimates, v)
	r.mu.Unlock()
}
