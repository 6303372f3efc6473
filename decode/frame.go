package decode

import (
	"context"
	"fmt"
	"io"
	"slices"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// frameSideData rides along with each frame.
var frameSideData = []int{av.FrameCaptions, av.FrameHDR10Plus, av.FrameTimecode, av.FrameStereo3D, av.FrameICC}

// firstSideData is read from the first frame only: it describes the stream.
var firstSideData = []int{av.FrameMastering, av.FrameLightLevel, av.FrameDisplayMatrix, av.FrameSpherical}

// frame takes one frame out of the deinterlacer or the decoder. got is false when they want more packets.
func (s *Source) toFrame(ctx context.Context) (got bool, err error) {
	defer s.unrefUnlessTurned()
	if s.pulldown.pull(s.frame) {
		return true, s.emit(ctx, false)
	}
	if s.deint == nil && s.waiting != nil {
		s.frame.MoveRef(s.waiting)
		s.waiting.Free()
		s.waiting = nil
		return true, s.deinterlace()
	}
	if s.deint != nil {
		switch err := s.deint.pull(s.frame); err {
		case nil:
			s.frame.SetPts(av.Rescale(s.frame.Pts(), s.deint.timeBase, s.info.VideoTrack().TimeBase))
			if s.opt.Deinterlace == DeinterlaceTelecine {
				s.pulldown.push(s.frame)
				return true, nil
			}
			return true, s.emit(ctx, false)
		case io.EOF:
			s.closeDeinterlacer()
			s.pulldown.flush()
			return true, nil
		case av.ErrAgain:
		default:
			return true, s.damage(err)
		}
	}
	switch err := av.Err(s.decoder.ReceiveFrame(s.frame)); err {
	case nil:
		s.failures = 0
		return true, s.decoded(ctx)
	case av.ErrAgain:
		return false, nil
	case io.EOF:
		if s.deint == nil || s.flushed {
			return false, nil
		}
		s.flushed = true
		return true, s.deint.push(nil)
	default:
		if err := s.gpuFailed(err); err != nil {
			return true, err
		}
		if s.failures++; s.drained && s.failures > 256 {
			return false, nil // a decoder that never ends
		}
		return true, s.damage(err)
	}
}

func (s *Source) unrefUnlessTurned() {
	if !s.turned {
		s.frame.Unref()
	}
}

// decoded gives the frame in s.frame its time and sends it on, through the deinterlacer if need be.
func (s *Source) decoded(ctx context.Context) error {
	if c := s.crop; c != (crop{}) && s.frame.Width() == s.codedWidth && s.frame.Height() == s.codedHeight {
		if err := av.Crop(s.frame, c.left, c.top, c.right, c.bottom); err != nil {
			return s.damage(err)
		}
		s.stats.Cropped++
	}
	var p av.Frame
	p.Read(s.frame)
	if l := s.opt.Limits; p.Width > l.Width || p.Height > l.Height {
		return s.damage(fmt.Errorf("frame of %dx%d is over the limit", p.Width, p.Height))
	}
	v := s.info.VideoTrack()
	best := p.BestEffort
	if best != media.NoTime {
		best -= s.origin[s.info.Video]
	}
	var typical int64
	if r := s.info.FrameRate; r.Num > 0 {
		typical = av.Rescale(1, media.Rational{Num: r.Den, Den: r.Num}, v.TimeBase)
	}
	pts, repaired := s.clock.next(best, p.Duration, typical)
	if repaired {
		s.stats.Repaired++
	}
	if p.Corrupt {
		s.stats.Corrupt++
	}
	s.frame.SetPts(pts)
	if s.opt.GPU != nil && s.opt.GPU.Upload {
		if err := s.upload(&p); err != nil {
			return err
		}
	}
	if s.inspect != nil {
		if err := s.inspect(s.frame); err != nil {
			return err
		}
	}
	if p.Interlaced {
		s.info.Interlaced = s.info.Interlaced || s.stats.Frames == 0
	}
	if !s.wantsDeinterlacer(&p) {
		return s.emit(ctx, false)
	}
	if p.Interlaced {
		s.stats.Interlaced++
	}
	if err := s.land(); err != nil { // the deinterlacer works on the host
		return err
	}
	return s.deinterlace()
}

// deinterlace hands the frame in s.frame to the deinterlacer, after a new one is made if there is none or its frame size is another.
func (s *Source) deinterlace() error {
	var p av.Frame
	p.Read(s.frame)
	if s.deint != nil && !s.deint.fits(&p) {
		s.waiting = astiav.AllocFrame()
		s.waiting.MoveRef(s.frame)
		return s.deint.push(nil)
	}
	if s.deint == nil {
		d, err := newDeinterlacer(&p, s.info.VideoTrack().TimeBase, s.opt)
		if err != nil {
			return err
		}
		s.deint, s.flushed = d, false
		s.opt.Logger.Info("deinterlacing", "stage", "decode", "filter", d.key.spec, "pts", p.PTS)
	}
	return s.deint.push(s.frame)
}

func (s *Source) closeDeinterlacer() {
	if s.deint != nil {
		s.deint.close()
		s.deint = nil
	}
}

func (s *Source) wantsDeinterlacer(p *av.Frame) bool {
	switch s.opt.Deinterlace {
	case DeinterlaceOff:
		return false
	case DeinterlaceOn, DeinterlaceTelecine:
		return true
	}
	return s.deint != nil || p.Interlaced
}

// emit copies the frame in s.frame into a pooled frame and queues it, if its time is wanted.
func (s *Source) emit(ctx context.Context, turned bool) error {
	var p av.Frame
	p.Read(s.frame)
	v := s.info.Video
	pts := p.PTS
	if pts < s.skipTo {
		s.seenBefore++
		return nil
	}
	if pts >= s.until[v] {
		s.pastEnd = true
		if len(s.info.Tracks) == 1 {
			s.ended = true
		}
		s.checkEnd(v, pts)
		return nil
	}
	if err := s.recolor(&p); err != nil {
		return err
	}
	if err := s.upright(&p); err != nil {
		return err
	}
	stream := videoParams(s.info).Color()
	f, sh, at, err := s.plan(&p, stream)
	if err != nil {
		return err
	}
	if err := s.usePool(f, at != nil, turned); err != nil {
		return err
	}
	out, err := s.pool.Get(ctx)
	if err != nil {
		return err
	}
	if at != nil {
		err = s.opt.GPU.Memory.Copy(out, at)
		s.stats.OnGPU++
	} else if err = s.convert.fill(out, s.frame, &p, sh); err != nil {
		out.Release()
		return s.damage(err)
	}
	if err != nil {
		out.Release()
		return err
	}
	if out.PTS, out.Duration = pts-s.shift(v), max(p.Duration, 0); s.fine > 1 && s.stats.Interlaced > 0 {
		out.Duration = 0 // up to the next frame
	}
	out.SideData = s.frameData(av.FrameSideData(s.frame, frameSideData...))
	if s.stats.Frames == 0 && s.first == nil {
		out.SideData = append(out.SideData, av.FrameSideData(s.frame, firstSideData...)...)
	}
	s.seeAspect(p.SampleAspect, out.PTS)
	s.queue = append(s.queue, media.Unit{Frame: out})
	return nil
}

// frameData counts what a frame carries, and leaves out HDR10+ with windows where the frame is not as it was coded: they would lie elsewhere.
func (s *Source) frameData(list []media.SideData) []media.SideData {
	moved := s.crop != crop{} || s.turner != nil || s.stats.FormatTurns > 0
	out := list[:0]
	for _, sd := range list {
		switch sd.Type {
		case av.FrameCaptions:
			s.stats.Captions++
		case av.FrameHDR10Plus:
			if moved && av.HDR10PlusWindows(sd.Data) > 1 {
				s.stats.Windows++
				continue
			}
			s.stats.HDR10Plus++
		case av.FrameICC:
			s.stats.ICC++
		case av.FrameTimecode:
			s.stats.Timecodes++
		}
		out = append(out, sd)
	}
	return out
}

// seeAspect counts changes of the pixel aspect. An unknown one is taken as square.
func (s *Source) seeAspect(a media.Rational, pts int64) {
	if a.Num <= 0 || a.Den <= 0 {
		a = media.Rational{Num: 1, Den: 1}
	}
	before := s.aspect
	s.aspect = a
	if before == (media.Rational{}) || a.Num*before.Den == before.Num*a.Den {
		return
	}
	if s.stats.AspectTurns++; s.stats.AspectTurns == 1 {
		s.stats.AspectAt, s.stats.AspectTo = pts, a
	}
}

// usePool makes sure that s.pool gives frames of a format. When it changes in mid-stream the frame waits in s.frame.
func (s *Source) usePool(f media.Format, onGPU, turned bool) error {
	if s.pool != nil && s.pool.Format() == f && s.pool.OnGPU() == onGPU {
		return nil
	}
	if s.pool != nil && s.pool.Format() != f && !turned && (s.stats.Frames > 0 || s.first != nil) {
		s.turned = true
		s.stats.FormatTurns++
		info := *s.info
		info.Format = f
		s.info = &info
		return media.ErrFormatChanged
	}
	s.pool.Close()
	if onGPU {
		s.pool = media.NewSurfacePool(f, s.opt.PoolSize, s.opt.GPU.Memory, true)
	} else {
		s.pool = media.NewPool(f, s.opt.PoolSize, nil)
	}
	s.pools = append(slices.DeleteFunc(s.pools, func(p *media.Pool) bool { return p.Outstanding() == 0 }), s.pool)
	return nil
}
