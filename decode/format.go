package decode

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

var (
	planarName = regexp.MustCompile(`^(gray|yuvj?|yuva)(420p|422p|444p)?(\d*)(le)?$`)
	planarRGB  = regexp.MustCompile(`^gbra?p(\d*)(le)?$`)
)

// shape says how a decoder's pixel format becomes a media.Format: as it is, or through swscale into target.
type shape struct {
	layout media.Layout
	depth  int
	alpha  bool
	target astiav.PixelFormat // PixelFormatNone when the planes are copied as they are
	via    astiav.PixelFormat // a step between: swscale takes palettes and few-bit RGB for BT.601 and shifts their bits; PixelFormatNone for most
	rgb    bool               // the source is RGB: the matrix is of our own choice
	planes bool               // it stays RGB, as planes G, B, R
	full   bool               // yuvj formats: full range by name

	fullSource bool // of a frame that is converted to limited range
}

// shapeOf finds the nearest of gray, 4:2:0, 4:2:2 and 4:4:4 that loses neither chroma nor depth. With keepRGB what is RGB becomes planes G, B, R,
// else 4:4:4.
func shapeOf(f astiav.PixelFormat, keepRGB bool) (shape, error) {
	info, ok := av.DescribePixels(f)
	if !ok || info.Hardware {
		return shape{}, &UnsupportedError{Reason: fmt.Sprintf("pixel format %d is not supported", int(f))}
	}
	if s, ok := direct(info, keepRGB); ok {
		return s, nil
	}
	s := shape{rgb: info.RGB || info.Pal || info.Bayer || strings.HasPrefix(info.Name, "xyz"), alpha: info.Alpha && !info.Pal, full: strings.HasPrefix(info.Name, "yuvj")}
	s.planes = s.rgb && keepRGB
	switch {
	case s.rgb || s.alpha && info.Components == 2:
		s.layout = media.YUV444
	case info.Components == 1:
		s.layout = media.Gray
	case info.ShiftX >= 1 && info.ShiftY >= 1:
		s.layout = media.YUV420
	case info.ShiftX >= 1:
		s.layout = media.YUV422
	default:
		s.layout = media.YUV444
	}
	depths := []int{8, 10, 12, 14, 16}
	if s.alpha || s.layout == media.Gray {
		depths = []int{8, 10, 12, 16} // swscale has no others there
	}
	want := info.Depth
	if info.Float {
		want = 16
	}
	for _, d := range depths {
		if s.depth = d; d >= want {
			break
		}
	}
	s.via = astiav.PixelFormatNone
	if info.Pal || s.rgb && info.Depth < 8 {
		s.via, _ = av.FindPixels("rgba")
	}
	if s.target, ok = av.FindPixels(s.name()); !ok {
		return shape{}, &UnsupportedError{Reason: fmt.Sprintf("pixel format %s has no planar form here", info.Name)}
	}
	return s, nil
}

// withAlpha is the shape of a palette that has transparent colors.
func (s shape) withAlpha() shape {
	s.alpha = true
	s.target, _ = av.FindPixels(s.name())
	return s
}

// name is FFmpeg's name of the planar pixel format.
func (s shape) name() string {
	name := pixelName(s.layout, s.depth, s.alpha)
	if s.planes {
		name = strings.NewReplacer("yuva444p", "gbrap", "yuv444p", "gbrp").Replace(name)
	}
	return name
}

// direct recognises the formats whose planes can be copied as they are.
func direct(info av.PixelInfo, keepRGB bool) (shape, bool) {
	if m := planarRGB.FindStringSubmatch(info.Name); m != nil && keepRGB {
		s := shape{layout: media.YUV444, depth: 8, target: astiav.PixelFormatNone, alpha: info.Alpha, rgb: true, planes: true}
		if m[1] != "" {
			s.depth, _ = strconv.Atoi(m[1])
		}
		return s, s.depth != 9
	}
	m := planarName.FindStringSubmatch(info.Name)
	if m == nil {
		return shape{}, false
	}
	s := shape{depth: 8, target: astiav.PixelFormatNone, alpha: m[1] == "yuva", full: m[1] == "yuvj"}
	if m[3] != "" {
		s.depth, _ = strconv.Atoi(m[3])
	}
	switch m[2] {
	case "420p":
		s.layout = media.YUV420
	case "422p":
		s.layout = media.YUV422
	case "444p":
		s.layout = media.YUV444
	default:
		if m[1] != "gray" {
			return shape{}, false
		}
		s.layout = media.Gray
	}
	if s.depth == 9 { // no encoder takes 9 bits: swscale makes 10 of it
		return shape{}, false
	}
	return s, s.depth >= 8 && s.depth <= 16
}

// pixelName is FFmpeg's name of a planar pixel format, as in yuv420p10le.
func pixelName(l media.Layout, depth int, alpha bool) string {
	name := l.String()
	if alpha {
		name = strings.Replace(name, "yuv", "yuva", 1)
	}
	if depth > 8 {
		name += strconv.Itoa(depth) + "le"
	}
	return name
}

// tagged merges the tags of the frame with those of the stream.
func tagged(frame, stream media.Color) media.Color {
	c := frame
	if c.Matrix == media.MatrixUnspecified || c.Matrix == 0 || c.Matrix == 3 {
		c.Matrix = stream.Matrix
	}
	if c.Primaries == media.PrimariesUnspecified || c.Primaries == 0 || c.Primaries == 3 {
		c.Primaries = stream.Primaries
	}
	if c.Transfer == media.TransferUnspecified || c.Transfer == 0 || c.Transfer == 3 {
		c.Transfer = stream.Transfer
	}
	if c.Range == media.RangeUnspecified {
		c.Range = stream.Range
	}
	if c.Siting == 0 {
		c.Siting = stream.Siting
	}
	return c
}

// color settles what must not stay open: range and matrix. An untagged matrix is taken as players take it. It must be settled here, because
// after upscaling a player would guess otherwise.
func color(frame, stream media.Color, s shape, w, h int) media.Color {
	c := tagged(frame, stream)
	if to, ok := plain(c); ok {
		c.Matrix = to
	}
	if s.full {
		c.Range = media.RangeFull
	}
	switch {
	case s.planes:
		c.Matrix, c.Range, c.Siting = media.MatrixRGB, media.RangeFull, 0
	case s.rgb:
		c.Matrix, c.Range, c.Siting = media.MatrixBT709, media.RangeLimited, 0
		if c.Primaries == 9 {
			c.Matrix = media.MatrixBT2020NCL
		}
	case c.Matrix == media.MatrixUnspecified || c.Matrix == media.MatrixRGB || c.Matrix == 3:
		c.Matrix = media.GuessMatrix(w, h)
	}
	if c.Range == media.RangeUnspecified {
		c.Range = media.RangeLimited
		if s.layout == media.Gray { // as swscale and players have it
			c.Range = media.RangeFull
		}
	}
	if c.Primaries == 0 {
		c.Primaries = media.PrimariesUnspecified
	}
	if c.Transfer == 0 {
		c.Transfer = media.TransferUnspecified
	}
	return c
}
