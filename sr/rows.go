package sr

import (
	"slices"

	"vsr/internal/rows"
	"vsr/media"
)

// period finds the shortest repetition of an axis: from lo to hi the weights repeat every n outputs while the inputs go on by one. n is 0
// where there is none of 2 to 4, which are the scales of the networks.
func (a *axis) period() (n, lo, hi int) {
	for n = 2; n <= 4; n++ {
		same := func(i int) bool {
			return a.start[i+n] == a.start[i]+1 && slices.Equal(a.weight[i*a.taps:(i+1)*a.taps], a.weight[(i+n)*a.taps:(i+n+1)*a.taps])
		}
		middle := len(a.start) / 2
		if middle+n >= len(a.start) || !same(middle) {
			continue
		}
		for lo = middle; lo > 0 && same(lo-1); lo-- {
		}
		for hi = middle; hi+n < len(a.start) && same(hi); hi++ {
		}
		if hi += n; hi-lo >= 4*n {
			return n, lo, hi
		}
	}
	return 0, 0, 0
}

// run8 resamples a plane of 8-bit samples as runPlain does, in C.
func (s *scaler) run8(dst *media.Frame, q int, src *media.Frame, p int) {
	if s.flat == nil {
		s.flat = make([]float32, s.y.taps*len(s.x.start))
		s.slots = make([]int64, s.y.taps)
		s.across = rows.Axis{Taps: s.x.taps, Start: make([]int64, len(s.x.start)), Weight: s.x.weight}
		for i, v := range s.x.start {
			s.across.Start[i] = int64(v)
		}
		s.across.Period, s.across.Lo, s.across.Hi = s.x.period()
	}
	n := len(s.x.start)
	for y, first := range s.y.start {
		for k := range s.slots {
			at := first + k
			slot := at % s.y.taps
			s.slots[k] = int64(slot)
			if s.held[slot] != at {
				s.held[slot] = at
				rows.Resample(s.flat[slot*n:(slot+1)*n], src.Row(p, at), s.in, &s.across)
			}
		}
		rows.Blend(dst.Row(q, y), s.flat, s.slots, s.y.weight[y*s.y.taps:(y+1)*s.y.taps])
	}
}
