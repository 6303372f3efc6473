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

// next returns the time stamp for a frame and whether it had to be made up.
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

// programs gives each track the number of its programme's clock, from 0. Inputs with one programme have one clock.
func (s *Source) programs() []int {
	groups, seen := make([]int, len(s.streams)), map[int]int{}
	for i := range groups {
		p := av.ProgramOf(s.fc, i)
		if _, known := seen[p]; p >= 0 && !known {
			seen[p] = len(seen)
		}
		groups[i] = p
	}
	for i, p := range groups {
		if p < 0 { // what is in none goes by the clock of the video
			p = groups[s.info.Video]
		}
		groups[i] = seen[p]
	}
	return groups
}

// setOrigin computes, per track, what is subtracted from every time stamp: see the package comment.
func (s *Source) setOrigin() {
	loose := s.live || av.Discontinuous(s.fc)
	groups := s.programs()
	s.line = newTimeline(s.info, groups, loose)
	s.origin, s.given, s.primer = make([]int64, len(s.streams)), make([]bool, len(s.streams)), make([]*stashed, len(s.streams))
	micro := media.Rational{Num: 1, Den: 1e6}
	var base []int64 // of each clock
	start := s.fc.StartTime()
	for i := range s.line.clocks {
		base = append(base, 0)
		if loose && start != media.NoTime {
			base[i] = s.clockStart(groups, i, start)
		}
	}
	for i := range s.origin {
		t := &s.info.Tracks[i]
		s.origin[i] = av.Rescale(base[groups[i]], micro, t.TimeBase)
		if t.Start != media.NoTime {
			t.Start -= s.origin[i]
		}
	}
	if first := base[groups[s.info.Video]]; first != 0 {
		for i := range s.info.Chapters {
			c := &s.info.Chapters[i]
			shift := av.Rescale(first, micro, c.TimeBase)
			c.Start, c.End = c.Start-shift, c.End-shift
		}
	}
	s.setBounds()
}

// clockStart is the first time of a programme's clock, in microseconds; start is that of the whole input.
func (s *Source) clockStart(groups []int, clock int, start int64) int64 {
	if len(s.line.clocks) == 1 {
		return start
	}
	first := media.NoTime
	for i := range groups {
		t := &s.info.Tracks[i]
		if groups[i] != clock || t.Start == media.NoTime || !s.line.tracks[i].timed {
			continue
		}
		if at := av.Rescale(t.Start, t.TimeBase, media.Rational{Num: 1, Den: 1e6}); first == media.NoTime || at < first {
			first = at
		}
	}
	if first == media.NoTime {
		return start
	}
	return first
}

// setBounds computes the first and the last time wanted of each track. Options.Start counts from the beginning of the input.
func (s *Source) setBounds() {
	s.from, s.until = make([]int64, len(s.streams)), make([]int64, len(s.streams))
	for i := range s.from {
		tb := s.info.Tracks[i].TimeBase.Float()
		s.from[i], s.until[i] = math.MinInt64, math.MaxInt64
		if s.opt.Start > 0 && tb > 0 {
			s.from[i] = int64(math.Ceil((s.begin+s.opt.Start)/tb - 1e-6))
		}
		if s.opt.Duration > 0 && tb > 0 {
			s.until[i] = int64(math.Ceil((s.begin+s.opt.Start+s.opt.Duration)/tb - 1e-6))
		}
	}
	for i := range s.info.Tracks {
		if t := &s.info.Tracks[i]; t.Start != media.NoTime && s.shift(i) != 0 {
			t.Start = max(t.Start-s.shift(i), 0)
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
