package encode

import (
	"fmt"
	"io"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
)

// When an encoder that cannot change its rate is opened again. Each time costs a key frame, which on a slow line is the
// last thing to send, so a rise, which nobody waits for, is taken slowly.
const (
	rateStep      = 0.15 // share of the present rate
	secondsToFall = 1.0  // since the last time
	secondsToRise = 5.0
	rateUsed      = 0.7 // share of a cap above which it matters
)

// followRate takes over the rate of SetBitRate before the frame at pts.
func (s *Sink) followRate(pts int64) error {
	bps, tick := s.bitRate.Load(), s.info.VideoTrack().TimeBase.Float()
	used := float64(s.meter.rate(pts, tick)) // always asked, since it forgets what is old
	switch {
	case bps <= 0:
		return nil
	case !s.opensAgain():
		s.bitRate.CompareAndSwap(bps, 0)
		av.SetRate(s.encoder, 0, bps, int64(float64(bps)*s.opt.BufferSeconds))
		return nil
	}
	change := float64(bps)/float64(s.opt.BitRate) - 1
	wait, limit := secondsToRise, s.opt.BitRate // a rise helps only an encoder that is at its cap
	if change < 0 {
		change, wait, limit = -change, secondsToFall, bps // and a fall only one that is over the new cap
	}
	since := float64(pts-s.opened) * tick
	if change <= rateStep || s.reopened && since < wait || used < rateUsed*float64(limit) {
		return nil // a later frame takes it over, unless another rate is asked for before
	}
	s.bitRate.CompareAndSwap(bps, 0)
	s.opt.BitRate, s.opened, s.reopened = bps, pts, true
	return s.reopen()
}

// opensAgain reports whether this encoder follows its rate only so.
func (s *Sink) opensAgain() bool {
	return s.codec.name == "vp8" && s.opt.ZeroLatency && s.opt.BitRate > 0
}

// meter knows what came out of the encoder in the last second.
type meter struct {
	pts  []int64
	bits []int
}

// add counts a packet.
func (m *meter) add(pts int64, bytes int) {
	m.pts, m.bits = append(m.pts, pts), append(m.bits, 8*bytes)
}

// rate is the bits of the second before now, with a tick of so many seconds. It forgets what is older.
func (m *meter) rate(now int64, tick float64) (bits int) {
	old := 0
	for i, pts := range m.pts {
		if float64(now-pts)*tick > 1 {
			old = i + 1
			continue
		}
		bits += m.bits[i]
	}
	m.pts, m.bits = append(m.pts[:0], m.pts[old:]...), append(m.bits[:0], m.bits[old:]...)
	return bits
}

// reopen makes a new encoder for the same frames. All packets of the old one have come out before.
func (s *Sink) reopen() error {
	if err := av.Err(s.encoder.SendFrame(nil)); err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", s.codec.name, err)
	}
	if err := s.collect(); err != nil {
		return err
	}
	enc := astiav.FindEncoderByName(s.codec.encoder)
	pixels, w, h := s.encoder.PixelFormat(), s.encoder.Width(), s.encoder.Height()
	s.encoder.Free()
	return s.openEncoder(enc, s.info, pixels, w, h)
}
