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
)

// followRate takes over the rate of SetBitRate before the frame at pts.
func (s *Sink) followRate(pts int64) error {
	bps := s.bitRate.Load()
	if bps <= 0 {
		return nil
	}
	if s.codec.name != "vp8" || !s.opt.ZeroLatency || s.opt.BitRate == 0 {
		s.bitRate.CompareAndSwap(bps, 0)
		av.SetRate(s.encoder, 0, bps, int64(float64(bps)*s.opt.BufferSeconds))
		return nil
	}
	change := float64(bps)/float64(s.opt.BitRate) - 1
	wait := secondsToRise
	if change < 0 {
		change, wait = -change, secondsToFall
	}
	since := float64(pts-s.opened) * s.info.VideoTrack().TimeBase.Float()
	if change <= rateStep || s.reopened && since < wait {
		return nil // a later frame takes it over, unless another rate is asked for before
	}
	s.bitRate.CompareAndSwap(bps, 0)
	s.opt.BitRate, s.opened, s.reopened = bps, pts, true
	return s.reopen()
}

// reopen makes a new encoder for the same pictures. All packets of the old one have come out before.
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
