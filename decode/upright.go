package decode

import (
	"fmt"
	"slices"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// With Options.Autorotate frames are turned and mirrored as a player would show them, and the display matrix is gone. It comes with the stream,
// or with the first frame (the orientation of a JPEG).

// takeTurn takes the display matrix out of the description. It is called where the matrix of the stream is known.
func (s *Source) takeTurn(info *media.Info) {
	if !s.opt.Autorotate || info.Display.Identity() {
		return
	}
	s.turn = info.Display
	info.Display, info.Rotation = media.DisplayMatrix{}, 0
	info.VideoSideData = slices.DeleteFunc(slices.Clone(info.VideoSideData), func(sd media.SideData) bool { return sd.Type == av.PacketDisplayMatrix })
	if s.quarter() && info.SampleAspect.Num > 0 {
		info.SampleAspect.Num, info.SampleAspect.Den = info.SampleAspect.Den, info.SampleAspect.Num
	}
}

// quarter reports whether rows become columns.
func (s *Source) quarter() bool { return s.turn.Rotation()%180 != 0 }

// turnSpec are the filters that show a frame upright.
func turnSpec(m media.DisplayMatrix) string {
	var list []string
	if m.Mirrored() {
		list = append(list, "hflip")
	}
	switch m.Rotation() {
	case 90:
		list = append(list, "transpose=clock")
	case 180:
		list = append(list, "hflip,vflip")
	case 270:
		list = append(list, "transpose=cclock")
	}
	return strings.Join(list, ",")
}

// upright turns the frame in s.frame, if that is wanted, and reads p again.
func (s *Source) upright(p *av.Frame) error {
	if !s.opt.Autorotate {
		return nil
	}
	if list := av.FrameSideData(s.frame, av.FrameDisplayMatrix); len(list) > 0 && s.stats.Frames == 0 && s.turn == (media.DisplayMatrix{}) {
		s.info.Display = media.ReadDisplayMatrix(list[0].Data)
		s.takeTurn(s.info)
	}
	spec := turnSpec(s.turn)
	if spec == "" {
		return nil
	}
	if err := s.land(); err != nil {
		return err
	}
	if s.turner == nil || !s.turner.fits(p) {
		s.closeTurner()
		f, err := newFilter(p, s.info.VideoTrack().TimeBase, spec)
		if err != nil {
			return fmt.Errorf("autorotate: %w", err)
		}
		s.turner = f
	}
	if err := s.turner.push(s.frame); err != nil {
		return err
	}
	out := astiav.AllocFrame()
	defer out.Free()
	if err := s.turner.pull(out); err != nil {
		return err
	}
	s.frame.Unref()
	s.frame.MoveRef(out)
	pts, duration := p.PTS, p.Duration
	p.Read(s.frame)
	p.PTS, p.Duration = pts, duration
	return nil
}

func (s *Source) closeTurner() {
	if s.turner != nil {
		s.turner.close()
		s.turner = nil
	}
}
