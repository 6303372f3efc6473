package decode

import (
	"vsr/internal/av"
	"vsr/media"
)

// timeline brings the clocks of an input onto one line that goes on where a clock goes back, jumps ahead or begins again, as in recordings
// that were joined. The streams of a programme share one clock, so they share its offsets: what belongs together stays together.
//
// A stretch of the input with one offset is an epoch. Each stream has its own place in the list of epochs, because around a joint
// packets of the old and the new stretch come mixed.
type timeline struct {
	tracks []lineTrack
	clocks []*lineClock
	loose  bool // the container has no clock of its own (MPEG-TS, MPEG-PS, Ogg): jumps ahead count too
}

// lineTrack is what is known of one stream. All times are in ticks of its programme's reference, as the input has them.
type lineTrack struct {
	tb    media.Rational
	clock int  // index into timeline.clocks
	timed bool // video and audio: they come often enough to tell a jump by
	main  bool // the video to upscale: its frames go on without a gap
	gap   int64
	epoch int
	seen  bool
	last  int64 // decoding time before
	end   int64 // of what was shown latest
	step  int64 // between the last two packets
	given int64 // decoding time given out last, in ticks of the track; media.NoTime before
}

// lineClock is the clock of one programme.
type lineClock struct {
	ref    media.Rational // the time base of the offsets
	main   int            // the track that settles the offsets, -1 without video
	epochs []epoch
}

type epoch struct {
	shift int64 // subtracted from the input's times
	first int64 // time of its first packet
	clock int64 // latest decoding time
	open  bool  // shift is provisional: the video has not come yet
}

// Thresholds of a jump, in seconds.
const (
	jumpAhead     = 10.0 // more than this ahead of all streams
	jumpBack      = 0.1  // in containers without a clock of their own
	jumpBackOther = 1.0  // in others, whose writers sometimes mix up a few packets
	nearEpoch     = 10.0 // a packet belongs to an epoch whose clock is not farther away
	audioTail     = 0.2  // audio may reach so far beyond the last frame before a joint without moving what comes after
	waitForVideo  = 2.0  // audio after a joint waits so long for the video
)

// newTimeline makes the line of an input. groups[i] is the programme of track i.
func newTimeline(info *media.Info, groups []int, loose bool) *timeline {
	l := &timeline{loose: loose}
	for i := range info.Tracks {
		t := &info.Tracks[i]
		for len(l.clocks) <= groups[i] {
			l.clocks = append(l.clocks, &lineClock{main: -1, epochs: []epoch{{first: media.NoTime, clock: media.NoTime}}})
		}
		c := l.clocks[groups[i]]
		main := i == info.Video
		timed := (t.Type == media.TrackVideo || t.Type == media.TrackAudio) && !t.Cover && t.TimeBase.Num > 0 && t.TimeBase.Den > 0
		if timed && (main || c.ref.Den == 0) {
			c.ref = t.TimeBase
		}
		if main {
			c.main = i
		}
		l.tracks = append(l.tracks, lineTrack{tb: t.TimeBase, clock: groups[i], timed: timed, main: main, given: media.NoTime})
	}
	for i := range l.tracks {
		t := &l.tracks[i]
		c := l.clocks[t.clock]
		if c.ref.Den == 0 {
			c.ref = media.Rational{Num: 1, Den: 90000}
		}
		ahead := jumpAhead
		if r := info.FrameRate; t.main && r.Num > 0 && r.Den > 0 {
			ahead = max(ahead, 4/r.Float()) // slides stay long
			t.step = c.ticks(1 / r.Float())
		}
		t.gap = c.ticks(ahead)
	}
	return l
}

func (c *lineClock) ticks(seconds float64) int64 { return int64(seconds / c.ref.Float()) }

// restart forgets all epochs, after a seek to where the first one is.
func (l *timeline) restart() {
	for _, c := range l.clocks {
		c.epochs = []epoch{{first: media.NoTime, clock: media.NoTime}}
	}
	for i := range l.tracks {
		t := &l.tracks[i]
		t.epoch, t.seen, t.last, t.end, t.given = 0, false, 0, 0, media.NoTime
	}
}

// jumps is how often a clock had to be mended.
func (l *timeline) jumps() int {
	n := 0
	for _, c := range l.clocks {
		n += len(c.epochs) - 1
	}
	return n
}

// place takes the next packet of a track, in file order, and returns the epoch that it belongs to.
func (l *timeline) place(track int, pts, dts, duration int64) (at int) {
	t := &l.tracks[track]
	c := l.clocks[t.clock]
	raw := dts
	if raw == media.NoTime {
		raw = pts
	}
	if raw == media.NoTime || t.tb.Num <= 0 || t.tb.Den <= 0 {
		return t.epoch
	}
	raw = av.Rescale(raw, t.tb, c.ref)
	show := raw
	if pts != media.NoTime {
		show = av.Rescale(pts, t.tb, c.ref)
	}
	if !t.timed {
		t.epoch = c.nearest(raw)
		return t.epoch
	}
	fresh := !t.seen
	switch {
	case fresh:
		t.epoch = c.nearest(raw)
	case l.jumped(t, c, raw):
		l.turn(track, raw, show)
		fresh = true
	}
	e := &c.epochs[t.epoch]
	if e.first == media.NoTime {
		e.first, e.clock = raw, raw
	}
	e.clock = max(e.clock, raw)
	if e.open && e.clock-e.first > c.ticks(waitForVideo) {
		e.open = false
	}
	if !fresh && raw > t.last {
		t.step = raw - t.last
	}
	length := av.Rescale(duration, t.tb, c.ref)
	if length <= 0 {
		length = t.step
	}
	if end := show + length; fresh || end > t.end {
		t.end = end
	}
	t.seen, t.last = true, raw
	return t.epoch
}

// jumped reports whether raw cannot be the next time of t on the clock that it has.
func (l *timeline) jumped(t *lineTrack, c *lineClock, raw int64) bool {
	back := jumpBackOther
	if l.loose {
		back = jumpBack
		if raw > max(t.last, c.epochs[t.epoch].clock)+t.gap {
			return true
		}
	}
	return raw < t.last-c.ticks(back)
}

// turn moves a track into the epoch that raw belongs to, a new one if it is the first to meet it.
func (l *timeline) turn(track int, raw, show int64) {
	t := &l.tracks[track]
	c := l.clocks[t.clock]
	line := t.last - c.epochs[t.epoch].shift
	for e := len(c.epochs) - 1; e >= 0; e-- {
		x := &c.epochs[e]
		if e == t.epoch || x.first == media.NoTime || raw < x.first-c.ticks(nearEpoch) || raw > x.clock+c.ticks(nearEpoch) {
			continue
		}
		if x.open && t.main {
			x.shift, x.open = show-l.end(t.clock, track), false
			t.epoch = e
			return
		}
		if later := e > t.epoch; later && !t.main || raw-x.shift > line && raw >= x.clock-c.ticks(waitForVideo) {
			t.epoch = e
			return
		}
	}
	x := epoch{shift: show - l.end(t.clock, track), first: raw, clock: raw}
	if c.main >= 0 && !t.main {
		v := &l.tracks[c.main]
		x.open = v.seen && c.epochs[v.epoch].clock-v.last < c.ticks(waitForVideo)
	}
	c.epochs = append(c.epochs, x)
	t.epoch = len(c.epochs) - 1
}

// end is where the line goes on after a joint that a track has met: at the end of that track, or of another that reaches well beyond it.
func (l *timeline) end(clock, track int) int64 {
	c := l.clocks[clock]
	of := func(t *lineTrack) int64 { return t.end - c.epochs[t.epoch].shift }
	own := of(&l.tracks[track])
	most := own
	for i := range l.tracks {
		if t := &l.tracks[i]; t.clock == clock && t.timed && t.seen && !c.epochs[t.epoch].open {
			most = max(most, of(t))
		}
	}
	if most > own+c.ticks(audioTail) {
		return most
	}
	return own
}

// nearest is the epoch whose clock is nearest to raw, for streams that come too seldom to tell.
func (c *lineClock) nearest(raw int64) int {
	best, least := len(c.epochs)-1, int64(1)<<62
	for e := len(c.epochs) - 1; e >= 0; e-- {
		x := &c.epochs[e]
		if x.clock == media.NoTime {
			continue
		}
		if d := max(raw-x.clock, x.clock-raw); d < least {
			best, least = e, d
		}
	}
	return best
}

// open reports whether the offset of a track's epoch may still change.
func (l *timeline) open(track, at int) bool { return l.clocks[l.tracks[track].clock].epochs[at].open }

// settle ends the wait for the video, at the end of the input.
func (l *timeline) settle() {
	for _, c := range l.clocks {
		for e := range c.epochs {
			c.epochs[e].open = false
		}
	}
}

// shift is what is subtracted from the times of a track in an epoch, in ticks of the track.
func (l *timeline) shift(track, at int) int64 {
	t := &l.tracks[track]
	c := l.clocks[t.clock]
	if c.epochs[at].shift == 0 || t.tb.Num <= 0 || t.tb.Den <= 0 {
		return 0
	}
	return av.Rescale(c.epochs[at].shift, c.ref, t.tb)
}

// rise lets the times of a packet follow those before it where its track went through a joint: audio of the one recording may reach into
// that of the next.
func (l *timeline) rise(p *media.Packet) {
	t := &l.tracks[p.Track]
	if !t.timed || p.DTS == media.NoTime {
		return
	}
	if l.jumps() > 0 && t.given != media.NoTime && p.DTS <= t.given && p.PTS != media.NoTime {
		by := t.given + 1 - p.DTS
		p.DTS, p.PTS = p.DTS+by, p.PTS+by
	}
	t.given = max(t.given, p.DTS)
}
