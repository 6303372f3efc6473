package decode

import (
	"encoding/binary"
	"hash/maphash"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// converter copies decoder pictures into pooled frames, through swscale where the pixel format has no plain planar form.
type converter struct {
	scale *astiav.SoftwareScaleContext
	key   scaleKey
	plane *astiav.Frame // result of swscale, reused
	seed  maphash.Seed
	last  uint64 // hash of the frame before, for Frame.Repeat
}

type scaleKey struct {
	w, h     int
	from, to astiav.PixelFormat
	in, out  media.Color
}

func newConverter() *converter { return &converter{seed: maphash.MakeSeed()} }

// plan says what Format a picture will have.
func (c *converter) plan(p *av.Picture, stream media.Color) (media.Format, shape, error) {
	s, err := shapeOf(p.Format)
	if err != nil {
		return media.Format{}, s, err
	}
	f := media.Format{Width: p.Width, Height: p.Height, Layout: s.layout, Depth: s.depth, Alpha: s.alpha, Color: color(p.Color, stream, s, p.Width, p.Height)}
	return f, s, nil
}

// fill copies the picture of src, described by p, into dst, whose format plan gave.
func (c *converter) fill(dst *media.Frame, src *astiav.Frame, p *av.Picture, s shape) error {
	if s.target != astiav.PixelFormatNone {
		if err := c.convert(src, p, dst.Format, s); err != nil {
			return err
		}
		p = &av.Picture{}
		p.Read(c.plane)
	}
	var h maphash.Hash
	h.SetSeed(c.seed)
	for i := range dst.Planes() {
		w, rows := dst.PlaneSize(i)
		n := w * dst.BytesPerSample()
		for y := range rows {
			row := p.Row(i, y, n)
			copy(dst.Plane[i][y*dst.Stride[i]:], row)
			h.Write(row)
		}
	}
	var size [8]byte // pictures of different shape must not compare equal
	binary.LittleEndian.PutUint32(size[:], uint32(dst.Width))
	binary.LittleEndian.PutUint32(size[4:], uint32(dst.Height))
	h.Write(size[:])
	sum := h.Sum64()
	dst.Repeat, c.last = sum == c.last, sum
	return nil
}

func (c *converter) convert(src *astiav.Frame, p *av.Picture, f media.Format, s shape) error {
	k := scaleKey{p.Width, p.Height, p.Format, s.target, p.Color, f.Color}
	if c.scale == nil || k != c.key {
		c.close()
		scale, err := astiav.CreateSoftwareScaleContext(k.w, k.h, k.from, k.w, k.h, k.to, astiav.NewSoftwareScaleContextFlags(astiav.SoftwareScaleContextFlag(av.ScaleFlags)))
		if err != nil {
			return &UnsupportedError{Reason: "no conversion for this pixel format", Err: err}
		}
		c.scale, c.key = scale, k
		fullIn := f.Color.Range == media.RangeFull || s.rgb
		// Formats without a matrix of their own (gray) are refused here and need none.
		_ = av.SetScaleColor(scale, f.Color.Matrix, fullIn, f.Color.Matrix, f.Color.Range == media.RangeFull)
		c.plane = astiav.AllocFrame()
		c.plane.SetWidth(k.w)
		c.plane.SetHeight(k.h)
		c.plane.SetPixelFormat(k.to)
		if err := c.plane.AllocBuffer(0); err != nil {
			return av.Err(err)
		}
	}
	return av.Err(c.scale.ScaleFrame(src, c.plane))
}

func (c *converter) close() {
	if c.scale != nil {
		c.scale.Free()
		c.scale = nil
	}
	if c.plane != nil {
		c.plane.Free()
		c.plane = nil
	}
}
