package decode

import (
	"math"

	"vsr/internal/av"
	"vsr/media"
)

// clock repairs the time stamps of the video track so that they strictly rise.
type clock struct {
	started bool
	last    int64 // time stamp given to the frame before
	step    int64 // last good distance, used when a time stamp is missing
}

// next returns the time stamp for a picture and whether it had to be made up.
func (c *clock) next(best, duration, typical int64) (pts int64, repaired bool) {
	if c.step == 0 {
		c.step = max(typical, 1)
	}
	switch {
	case best == media.NoTime && !c.started:
		pts, repaired = 0, true
	case best == media.NoTime:
		pts, repaired = c.last+c.step, true
	case c.started && best <= c.last:
		pts, repaired = c.last+1, true
	default:
		if c.started {
			c.step = best - c.last
		}
		pts = best
	}
	if !c.started && duration > 0 {
		c.step = duration
	}
	c.started, c.last = true, pts
	return pts, repaired
}

// setOrigin computes, per track, what is subtracted from every time stamp: see the package comment.
func (s *Source) setOrigin() {
	s.origin = make([]int64, len(s.streams))
	micro := media.Rational{Num: 1, Den: 1e6}
	var base int64
	if start := s.fc.StartTime(); start != media.NoTime && (s.live || av.Discontinuous(s.fc)) {
		base = start
	}
	for i := range s.origin {
		t := &s.info.Tracks[i]
		s.origin[i] = av.Rescale(base, micro, t.TimeBase)
		if t.Start != media.NoTime {
			t.Start -= s.origin[i]
		}
	}
	if base != 0 {
		for i := range s.info.Chapters {
			c := &s.info.Chapters[i]
			shift := av.Rescale(base, micro, c.TimeBase)
			c.Start, c.End = c.Start-shift, c.End-shift
		}
	}
	s.from, s.until = make([]int64, len(s.streams)), make([]int64, len(s.streams))
	for i := range s.from {
		tb := s.info.Tracks[i].TimeBase.Float()
		s.from[i], s.until[i] = math.MinInt64, math.MaxInt64
		if s.opt.Start > 0 && tb > 0 {
			s.from[i] = int64(math.Ceil(s.opt.Start/tb - 1e-6))
		}
		if s.opt.Duration > 0 && tb > 0 {
			s.until[i] = int64(math.Ceil((s.opt.Start+s.opt.Duration)/tb - 1e-6))
		}
	}
	s.skipTo = s.from[s.info.Video]
	if s.opt.SkipTo != 0 {
		s.skipTo = max(s.skipTo, s.opt.SkipTo+s.shift(s.info.Video))
	}
}

// shift is what remains to be subtracted from a time on the output's line, with Start.
func (s *Source) shift(track int) int64 {
	if s.opt.Start == 0 || s.opt.KeepTimes {
		return 0
	}
	return s.from[track]
}
