package encode

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// pixelName is FFmpeg's name of the planar pixel format of f.
func pixelName(f media.Format) string {
	name := f.Layout.String()
	switch {
	case f.RGB() && f.Alpha:
		name = "gbrap"
	case f.RGB():
		name = "gbrp"
	case f.Alpha:
		name = strings.Replace(name, "yuv", "yuva", 1)
	}
	if f.Depth > 8 {
		name += strconv.Itoa(f.Depth) + "le"
	}
	return name
}

// choosePixels picks the encoder's pixel format: the one asked for, else the source's own, else the nearest that loses neither chroma nor depth,
// else the nearest at all. RGB stays RGB with keepRGB, or where the encoder knows nothing else. With semi 4:2:0 of 8 and 10 bits is NV12 and P010.
func choosePixels(supported []astiav.PixelFormat, f media.Format, asked string, semi, keepRGB bool) (astiav.PixelFormat, error) {
	if asked != "" {
		p, ok := av.FindPixels(asked)
		if !ok || !slices.Contains(supported, p) {
			return 0, &RequestError{Reason: fmt.Sprintf("the encoder does not take pixel format %s", asked), Hint: "it takes " + pixelList(supported)}
		}
		return p, nil
	}
	if semi && f.Layout == media.YUV420 && !f.Alpha && (f.Depth == 8 || f.Depth == 10) && slices.Contains(supported, gpuPixels(f)) {
		return gpuPixels(f), nil
	}
	best, bestCost := astiav.PixelFormatNone, 1<<30
	for _, p := range supported {
		d, ok := av.DescribePixels(p)
		if !ok || !d.RGB && !planarYUV.MatchString(d.Name) || d.Hardware || d.Pal || d.Bayer || d.Float || d.Depth < 8 {
			continue
		}
		if c := cost(f, d, keepRGB); c < bestCost {
			best, bestCost = p, c
		}
	}
	if best == astiav.PixelFormatNone {
		return 0, &RequestError{Reason: fmt.Sprintf("the encoder takes nothing like %v", f)}
	}
	return best, nil
}

// planarYUV are the names of what media.Format describes besides RGB.
var planarYUV = regexp.MustCompile(`^(gray|yuv4[24][024]p|yuva4[24][024]p)(\d+[lb]e)?$`)

// cost of storing f as d: losing something costs far more than storing more than needed.
func cost(f media.Format, d av.PixelInfo, keepRGB bool) int {
	c, l := 0, media.YUV444
	switch {
	case d.Components < 3:
		l = media.Gray
	case d.ShiftY > 0:
		l = media.YUV420
	case d.ShiftX > 0:
		l = media.YUV422
	}
	if l >= f.Layout {
		c += int(l-f.Layout) * 10
	} else {
		c += int(f.Layout-l) * 1000
	}
	if d.Depth >= f.Depth {
		c += d.Depth - f.Depth
	} else {
		c += (f.Depth - d.Depth) * 100
	}
	switch {
	case f.Alpha && !d.Alpha: // more than chroma and depth together: it cannot be made up
		c += 5000
	case d.Alpha && !f.Alpha:
		c += 50
	}
	switch {
	case d.RGB && !f.RGB() && keepRGB: // of images that know nothing else
		c += 100
	case d.RGB && !(f.RGB() && keepRGB): // nobody plays it, and it costs more bits
		c += 20000
	case !d.RGB && f.RGB() && keepRGB:
		c += 500
	}
	if d.BigEndian {
		c++
	}
	return c
}

func pixelList(list []astiav.PixelFormat) string {
	var names []string
	for _, p := range list {
		names = append(names, p.String())
	}
	return strings.Join(names, " ")
}

// frame copies media.Frames into AVFrames of the encoder's format, through swscale where they differ.
type avFrame struct {
	out      *astiav.Frame // what the encoder gets
	in       *astiav.Frame // the frame as it came, when it must be converted
	scale    *av.Scaler
	from     media.Format
	pixels   astiav.PixelFormat
	palette  bool          // the encoder gets palettes; out is packed RGB then
	paletted *astiav.Frame // the last of them
}

func newAVFrame(w, h int, pixels astiav.PixelFormat) (*avFrame, error) {
	p := &avFrame{pixels: pixels}
	var err error
	p.out, err = allocAVFrame(w, h, pixels)
	return p, err
}

func allocAVFrame(w, h int, pixels astiav.PixelFormat) (*astiav.Frame, error) {
	f := astiav.AllocFrame()
	f.SetWidth(w)
	f.SetHeight(h)
	f.SetPixelFormat(pixels)
	if err := f.AllocBuffer(0); err != nil {
		f.Free()
		return nil, av.Err(err)
	}
	return f, nil
}

// load brings fr into p.out. pad is true when out may be one larger to become even: the last row and column are repeated then.
func (p *avFrame) load(fr *media.Frame, color media.Color) error {
	if err := av.MakeWritable(p.out); err != nil {
		return err
	}
	av.ClearFrameSideData(p.out)
	src, ok := av.FindPixels(pixelName(fr.Format))
	if !ok {
		return &RequestError{Reason: fmt.Sprintf("no encoder takes %v", fr.Format)}
	}
	dw, dh := p.out.Width()-fr.Width, p.out.Height()-fr.Height
	same := dw >= 0 && dw <= 1 && dh >= 0 && dh <= 1
	if same && src == p.pixels && fr.Color.Matrix == color.Matrix && fr.Color.Range == color.Range {
		copyIn(p.out, fr, fr.Format)
		return nil
	}
	if order, ok := av.PackedAlpha(p.pixels); ok && fr.RGB() && fr.Alpha && fr.Depth == 8 && dw == 0 && dh == 0 {
		pack(p.out, fr, order)
		return nil
	}
	if p.scale == nil || p.from != fr.Format {
		if err := p.rebuild(fr, src, color, same); err != nil {
			return err
		}
	}
	if err := av.MakeWritable(p.in); err != nil {
		return err
	}
	copyIn(p.in, fr, fr.Format)
	return p.scale.Scale(p.out, p.in)
}

// rebuild prepares the conversion of another kind of frame. Frames that differ in size by more than the padding are scaled to the output's size.
func (p *avFrame) rebuild(fr *media.Frame, src astiav.PixelFormat, color media.Color, same bool) error {
	p.closeScale()
	w, h := fr.Width, fr.Height
	if same {
		w, h = p.out.Width(), p.out.Height()
	}
	var err error
	if p.in, err = allocAVFrame(w, h, src); err != nil {
		return err
	}
	info, _ := av.DescribePixels(p.pixels)
	from, to := fr.Color.Matrix, color.Matrix
	if fr.RGB() { // one matrix is between the two, that of the side that has one
		from = to
	} else if info.RGB {
		to = from
	}
	p.scale = av.NewScaler(av.Side{Width: w, Height: h, Pixels: src, Matrix: from, Full: fr.Color.Range == media.RangeFull || fr.RGB()},
		av.Side{Width: p.out.Width(), Height: p.out.Height(), Pixels: p.pixels, Matrix: to, Full: color.Range == media.RangeFull || info.RGB})
	if p.scale == nil {
		return &RequestError{Reason: fmt.Sprintf("no conversion from %v to %s", fr.Format, p.pixels)}
	}
	p.from = fr.Format
	return nil
}

// copyIn copies the planes of fr into dst, which is as large or one larger: then the last column and row are repeated.
func copyIn(dst *astiav.Frame, fr *media.Frame, f media.Format) {
	var view av.Frame
	view.Read(dst)
	big := f
	big.Width, big.Height = view.Width, view.Height
	size := f.BytesPerSample()
	for i := range f.Planes() {
		w, h := f.PlaneSize(i)
		bw, bh := big.PlaneSize(i)
		for y := range bh {
			row := view.Row(i, y, bw*size)
			n := copy(row, fr.Row(i, min(y, h-1)))
			for n < len(row) && w > 0 {
				n += copy(row[n:], row[n-size:n])
			}
		}
	}
}

// pack interleaves planes G, B, R and alpha of 8 bits into dst, which has them in the given order.
func pack(dst *astiav.Frame, fr *media.Frame, order [4]int) {
	var view av.Frame
	view.Read(dst)
	for i := range order {
		for y := range fr.Height {
			from, row := fr.Row(i, y), view.Row(0, y, 4*fr.Width)
			for x, v := range from {
				row[4*x+order[i]] = v
			}
		}
	}
}

func (p *avFrame) closeScale() {
	if p.scale != nil {
		p.scale.Free()
		p.scale = nil
	}
	if p.in != nil {
		p.in.Free()
		p.in = nil
	}
}

func (p *avFrame) close() {
	p.closeScale()
	for _, f := range []**astiav.Frame{&p.out, &p.paletted} {
		if *f != nil {
			(*f).Free()
			*f = nil
		}
	}
}
