package decode

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// converter copies decoder frames into pooled frames, through swscale where the pixel format has no plain planar form.
type converter struct {
	scale  *astiav.SoftwareScaleContext
	key    scaleKey
	plane  *astiav.Frame                // result of swscale, reused
	first  *astiav.SoftwareScaleContext // from a palette to RGB, nil for most formats
	rgb    *astiav.Frame                // its result
	plain  bool                         // every frame becomes 8-bit 4:2:0 in limited range
	planes bool                         // RGB stays RGB
	alpha  bool                         // a palette with transparent colors was met
	seed   maphash.Seed
	last   uint64 // hash of the frame before, for Frame.Repeat
}

type scaleKey struct {
	w, h     int
	from, to astiav.PixelFormat
	in, out  media.Color
}

func newConverter(o Options) *converter {
	return &converter{plain: o.Plain420, planes: o.RGB && !o.Plain420, seed: maphash.MakeSeed()}
}

// plan says what Format a frame will have.
func (c *converter) plan(p *av.Frame, stream media.Color) (media.Format, shape, error) {
	s, err := shapeOf(p.Format, c.planes)
	if err != nil {
		return media.Format{}, s, err
	}
	if info, _ := av.DescribePixels(p.Format); info.Pal {
		if c.alpha = c.alpha || transparent(p.Palette()); c.alpha { // from then on: the format must not change with each palette
			s = s.withAlpha()
		}
	}
	f := media.Format{Width: p.Width, Height: p.Height, Layout: s.layout, Depth: s.depth, Alpha: s.alpha, Color: color(p.Color, stream, s, p.Width, p.Height)}
	if c.plain {
		return plain420(f, s)
	}
	return f, s, nil
}

// transparent reports whether a palette, 256 times blue, green, red and alpha, has colors that are not opaque. Some decoders leave alpha at
// 0 everywhere.
func transparent(palette []byte) bool {
	least, most := byte(255), byte(0)
	for i := 3; i < len(palette); i += 4 {
		least, most = min(least, palette[i]), max(most, palette[i])
	}
	return least < 255 && most > 0
}

// plain420 changes a plan so that the frame becomes 8-bit 4:2:0 in limited range: the one form that every viewer of a live feed takes.
func plain420(f media.Format, s shape) (media.Format, shape, error) {
	if f.Layout == media.YUV420 && f.Depth == 8 && !f.Alpha && f.Color.Range == media.RangeLimited && s.target == astiav.PixelFormatNone {
		return f, s, nil
	}
	var ok bool
	if s.target, ok = av.FindPixels(pixelName(media.YUV420, 8, false)); !ok {
		return f, s, &UnsupportedError{Reason: "this FFmpeg has no yuv420p"}
	}
	s.fullSource = f.Color.Range == media.RangeFull
	f.Layout, f.Depth, f.Alpha, f.Color.Range = media.YUV420, 8, false, media.RangeLimited
	if f.Color.Matrix == media.MatrixUnspecified || f.Color.Matrix == media.MatrixRGB { // of gray
		f.Color.Matrix = media.MatrixSMPTE170M
	}
	return f, s, nil
}

// fill copies the frame of src, described by p, into dst, whose format plan gave.
func (c *converter) fill(dst *media.Frame, src *astiav.Frame, p *av.Frame, s shape) error {
	if s.target != astiav.PixelFormatNone {
		out, err := c.convert(src, p, dst.Format, s)
		if err != nil {
			return err
		}
		p = &av.Frame{}
		p.Read(out)
	}
	order, packed := av.PackedAlpha(p.Format)
	var h maphash.Hash
	h.SetSeed(c.seed)
	for i := range dst.Planes() {
		_, rows := dst.PlaneSize(i)
		for y := range rows {
			row := dst.Row(i, y)
			if packed {
				from := p.Row(0, y, 4*len(row))
				for x := range row {
					row[x] = from[4*x+order[i]]
				}
			} else {
				copy(row, p.Row(i, y, len(row)))
			}
			h.Write(row)
		}
	}
	var size [8]byte // frames of different shape must not compare equal
	binary.LittleEndian.PutUint32(size[:], uint32(dst.Width))
	binary.LittleEndian.PutUint32(size[4:], uint32(dst.Height))
	h.Write(size[:])
	sum := h.Sum64()
	dst.Repeat, c.last = sum == c.last, sum
	return nil
}

// convert runs src through swscale. The result has the planes of f, or is packed RGB with alpha of 8 bits.
func (c *converter) convert(src *astiav.Frame, p *av.Frame, f media.Format, s shape) (*astiav.Frame, error) {
	if _, packed := av.PackedAlpha(p.Format); packed && s.planes {
		return src, nil
	}
	k := scaleKey{p.Width, p.Height, p.Format, s.target, p.Color, f.Color}
	if c.scale == nil || k != c.key {
		c.close()
		if err := c.open(k, f, s); err != nil {
			c.close()
			return nil, err
		}
		c.key = k
	}
	if c.first != nil {
		if err := c.first.ScaleFrame(src, c.rgb); err != nil {
			return nil, av.Err(err)
		}
		if src = c.rgb; s.planes && s.alpha {
			return src, nil
		}
	}
	return c.plane, av.Err(c.scale.ScaleFrame(src, c.plane))
}

func (c *converter) open(k scaleKey, f media.Format, s shape) (err error) {
	from := k.from
	if s.via != astiav.PixelFormatNone {
		if c.first, err = newScale(k.w, k.h, from, s.via); err != nil {
			return err
		}
		if c.rgb, err = newPlane(k.w, k.h, s.via); err != nil {
			return err
		}
		from = s.via
	}
	if c.scale, err = newScale(k.w, k.h, from, k.to); err != nil {
		return err
	}
	full := f.Color.Range == media.RangeFull
	// Formats without a matrix of their own (gray) are refused here and need none.
	_ = av.SetScaleColor(c.scale, f.Color.Matrix, full || s.rgb || s.fullSource, f.Color.Matrix, full)
	c.plane, err = newPlane(k.w, k.h, k.to)
	return err
}

func newScale(w, h int, from, to astiav.PixelFormat) (*astiav.SoftwareScaleContext, error) {
	flags := astiav.NewSoftwareScaleContextFlags(astiav.SoftwareScaleContextFlag(av.ScaleFlags))
	s, err := astiav.CreateSoftwareScaleContext(w, h, from, w, h, to, flags)
	if err != nil {
		return nil, &UnsupportedError{Reason: fmt.Sprintf("no conversion from pixel format %s to %s", from, to)}
	}
	return s, nil
}

func newPlane(w, h int, f astiav.PixelFormat) (*astiav.Frame, error) {
	p := astiav.AllocFrame()
	p.SetWidth(w)
	p.SetHeight(h)
	p.SetPixelFormat(f)
	if err := p.AllocBuffer(0); err != nil {
		p.Free()
		return nil, av.Err(err)
	}
	return p, nil
}

func (c *converter) close() {
	for _, s := range []**astiav.SoftwareScaleContext{&c.scale, &c.first} {
		if *s != nil {
			(*s).Free()
			*s = nil
		}
	}
	for _, f := range []**astiav.Frame{&c.plane, &c.rgb} {
		if *f != nil {
			(*f).Free()
			*f = nil
		}
	}
}
