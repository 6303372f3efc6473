package output

import (
	"time"

	"vsr/encode"
	"vsr/media"
)

// clock makes the times of one pipeline after the other into one line that rises, with the pause between two as it was.
type clock struct {
	base         media.Rational
	offset, last int64 // ticks of base
	written      time.Time
	fresh        bool // no time of this pipeline has come
}

// restart says that the next time is of a new pipeline, in ticks of base.
func (c *clock) restart(base media.Rational) {
	if c.base.Den > 0 && c.base != base {
		c.last = int64(float64(c.last) * c.base.Float() / base.Float())
	}
	c.base, c.fresh = base, true
}

// at is t on the line, now.
func (c *clock) at(t int64, now time.Time) int64 {
	if c.fresh && !c.written.IsZero() {
		c.offset = c.last + max(int64(now.Sub(c.written).Seconds()/c.base.Float()), 1) - t
	}
	c.fresh, c.last, c.written = false, t+c.offset, now
	return c.last
}

const (
	opusPacket = 960     // 20 ms in ticks of encode.OpusClock
	mostLag    = 24_000  // how far audio may be behind the video before silence stands in for it
	longestGap = 480_000 // that silence fills up; a longer one stays
	overlap    = 480     // of two packets that is a rounding and no repetition
	smallGap   = 2 * opusPacket
)

// soundLine makes audio continuous: what is late is left out, and silence fills gaps, so that every receiver has a whole line of it.
type soundLine struct {
	end     int64 // of the last packet, ticks of encode.OpusClock
	started bool
}

func (l *soundLine) restart() { l.started = false }

// take gives what is to be sent for a packet whose times are moved by shift.
func (l *soundLine) take(p *media.Packet, shift int64) (list []*media.Packet) {
	q := *p
	q.PTS += shift
	q.DTS = q.PTS
	if q.Duration <= 0 {
		q.Duration = opusPacket
	}
	if l.started && q.PTS < l.end-overlap {
		return nil
	}
	if l.started && q.PTS-l.end > smallGap {
		list = l.fill(q.PTS, q.PTS)
	}
	l.end, l.started = q.PTS+q.Duration, true
	return append(list, &q)
}

// fill gives silence up to a time. Where nothing has come yet, the line begins at from; where for long nothing has, it goes on at until.
func (l *soundLine) fill(until, from int64) (list []*media.Packet) {
	switch {
	case !l.started:
		l.end, l.started = from, true
	case until-l.end > longestGap:
		l.end = until
	}
	for l.end+opusPacket <= until {
		list = append(list, &media.Packet{PTS: l.end, DTS: l.end, Duration: opusPacket, Key: true, Data: encode.OpusSilence})
		l.end += opusPacket
	}
	return list
}

// rebased is a PacketWriter whose times begin at 0 with the first key frame of the video. What comes before is left out.
type rebased struct {
	to      encode.PacketWriter
	video   int
	audio   int // left out when -1
	base    media.Rational
	start   int64
	begun   bool
	written func(video bool)

	// Encoders count frames, and a source that loses some has them further apart: when there was no key frame for most seconds, one is asked for.
	most     float64 // 0 never asks
	keyframe func()
	key      int64 // time of the last one, or of the last asking
}

// keyframeDistance is how far key frames may be apart where receivers join at them, in seconds.
const keyframeDistance = 2.0

// Start implements encode.PacketWriter.
func (r *rebased) Start(info *media.Info) error {
	r.base = info.VideoTrack().TimeBase
	return r.to.Start(info)
}

// GlobalHeader asks as the writer behind does.
func (r *rebased) GlobalHeader() bool {
	h, ok := r.to.(interface{ GlobalHeader() bool })
	return ok && h.GlobalHeader()
}

// WritePacket implements encode.PacketWriter.
func (r *rebased) WritePacket(p *media.Packet) error {
	isVideo := p.Track == r.video
	if !isVideo && p.Track != r.audio {
		return nil
	}
	if !r.begun {
		if !isVideo || !p.Key {
			return nil
		}
		r.start, r.begun = p.PTS, true
	}
	if isVideo && r.most > 0 {
		if p.Key {
			r.key = p.PTS
		} else if float64(p.PTS-r.key)*r.base.Float() >= r.most {
			r.key = p.PTS
			r.keyframe()
		}
	}
	q := *p
	shift := r.start
	if !isVideo {
		shift = int64(float64(r.start)*r.base.Float()/encode.OpusClock.Float() + 0.5)
	}
	if q.PTS -= shift; q.PTS < 0 {
		return nil
	}
	q.DTS -= shift
	if err := r.to.WritePacket(&q); err != nil {
		return err
	}
	r.written(isVideo)
	return nil
}

// Close implements encode.PacketWriter.
func (r *rebased) Close() error { return r.to.Close() }

// Abort ends the writer behind without a goodbye, where it can.
func (r *rebased) Abort() error {
	if a, ok := r.to.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return r.to.Close()
}
