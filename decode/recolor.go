package decode

import (
	"fmt"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Networks and filters further on know Y'CbCr matrices that are made of two luma weights, and R'G'B'. The other matrices of H.273 are
// converted here, once, by zimg; where that cannot be, the input is refused. zimg's constant luminance goes by another transfer than
// H.273's (a gray of one half came out as 0.57), so these are refused, too.

// plain gives the matrix that a video of another kind is converted to: YCgCo (8), derived from the primaries (12) and ICtCp (14). ok is
// false for matrices that nothing here converts: constant luminance (10, 13), SMPTE ST 2085 (11) and those after 14.
func plain(c media.Color) (to media.Matrix, ok bool) {
	switch c.Matrix {
	case media.MatrixYCgCo, media.MatrixDerivedNCL, media.MatrixICtCp:
	default:
		return c.Matrix, false
	}
	switch c.Primaries {
	case media.PrimariesBT2020:
		return media.MatrixBT2020NCL, true
	case 5, 6, 7: // BT.470BG, SMPTE 170M and 240M
		return media.MatrixSMPTE170M, true
	case media.PrimariesUnspecified, 0, 3:
		if c.Matrix == media.MatrixICtCp {
			return media.MatrixBT2020NCL, true
		}
	}
	return media.MatrixBT709, true
}

// exotic reports whether frames of a matrix must be converted.
func exotic(m media.Matrix) bool {
	_, _, weights := m.LumaWeights()
	return !weights && m != media.MatrixRGB && m != media.MatrixUnspecified && m != 3
}

// recolor converts the frame in s.frame to a matrix that all know, if it is of another, and reads p again.
func (s *Source) recolor(p *av.Frame) error {
	stream := videoParams(s.info).Color()
	c := tagged(p.Color, stream)
	if s.linear {
		refused := &UnsupportedError{Reason: "this FFmpeg leaves the light of OpenEXR images linear, and cannot encode it with its filter zscale", Hint: "convert the images to 16-bit PNG or TIFF first"}
		if !av.HasFilter("zscale") {
			return refused
		}
		return s.through(p, "zscale=tin=linear:t=iec61966-2-1", media.MatrixRGB, refused)
	}
	if !exotic(c.Matrix) {
		return nil
	}
	if d, ok := av.DescribePixels(p.Format); ok && d.RGB { // the tag speaks of nothing
		return nil
	}
	to, ok := plain(c)
	if !ok || !av.HasFilter("zscale") {
		return matrixError(c.Matrix)
	}
	spec := fmt.Sprintf("zscale=min=%d:m=%d:rin=%s:r=%[3]s%s", c.Matrix, to, rangeName(c.Range), zimgTags(c))
	return s.through(p, spec, to, matrixError(c.Matrix))
}

// through sends the frame in s.frame through a filter whose frames have the matrix to, and reads p again. It fails with refused if the filter does
// not take the frame.
func (s *Source) through(p *av.Frame, spec string, to media.Matrix, refused error) error {
	if err := s.land(); err != nil {
		return err
	}
	if s.matrix == nil || !s.matrix.fits(p) || s.matrix.key.spec != spec {
		s.closeMatrix()
		f, err := newFilter(p, s.info.VideoTrack().TimeBase, spec)
		if err != nil {
			s.opt.Logger.Warn("matrix", "stage", "decode", "err", err)
			return refused
		}
		s.matrix = f
	}
	if err := s.matrix.push(s.frame); err != nil {
		return err
	}
	out := astiav.AllocFrame()
	defer out.Free()
	if err := s.matrix.pull(out); err != nil {
		return err
	}
	s.frame.Unref()
	s.frame.MoveRef(out)
	pts, duration := p.PTS, p.Duration
	p.Read(s.frame)
	p.PTS, p.Duration, p.Color.Matrix = pts, duration, to
	return nil
}

// zimgTags are the primaries and the transfer for zimg, which wants them for matrices that go by way of light.
func zimgTags(c media.Color) string {
	if c.Matrix == media.MatrixYCgCo {
		return ""
	}
	primaries, transfer := c.Primaries, c.Transfer
	if primaries == media.PrimariesUnspecified || primaries == 0 || primaries == 3 {
		if primaries = 1; c.Matrix == media.MatrixICtCp {
			primaries = media.PrimariesBT2020
		}
	}
	if transfer == media.TransferUnspecified || transfer == 0 || transfer == 3 {
		if transfer = 1; c.Matrix == media.MatrixICtCp {
			transfer = media.TransferPQ
		}
	}
	return fmt.Sprintf(":pin=%d:p=%[1]d:tin=%d:t=%[2]d", primaries, transfer)
}

func rangeName(r media.Range) string {
	if r == media.RangeFull {
		return "full"
	}
	return "limited"
}

func matrixError(m media.Matrix) error {
	names := map[media.Matrix]string{media.MatrixYCgCo: "YCgCo", media.MatrixBT2020CL: "BT.2020 constant luminance", media.MatrixSMPTE2085: "SMPTE ST 2085",
		media.MatrixDerivedNCL: "derived from the primaries", media.MatrixDerivedCL: "constant luminance, derived from the primaries", media.MatrixICtCp: "ICtCp"}
	name, known := names[m]
	if !known {
		name = "unknown"
	}
	return &UnsupportedError{Reason: fmt.Sprintf("colors are coded by matrix %d of H.273 (%s), which cannot be converted here", m, name), Hint: "convert the video to BT.709 or BT.2020 first"}
}

func (s *Source) closeMatrix() {
	if s.matrix != nil {
		s.matrix.close()
		s.matrix = nil
	}
}
