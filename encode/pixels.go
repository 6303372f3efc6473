package encode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// pixelName is FFmpeg's name of the planar pixel format of f.
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

// choosePixels picks the encoder's pixel format: the one asked for, else the source's own, else the nearest that loses neither chroma nor depth,
// else the nearest at all. With semi 4:2:0 of 8 and 10 bits is NV12 and P010.
func choosePixels(supported []astiav.PixelFormat, f media.Format, asked string, semi bool) (astiav.PixelFormat, error) {
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
	for _, l := range []media.Layout{media.Gray, media.YUV420, media.YUV422, media.YUV444} {
		for _, depth := range []int{8, 9, 10, 12, 14, 16} {
			for _, alpha := range []bool{false, true} {
				p, ok := av.FindPixels(pixelName(l, depth, alpha))
				if !ok || alpha && l == media.Gray || !slices.Contains(supported, p) {
					continue
				}
				if c := cost(f, l, depth, alpha); c < bestCost {
					best, bestCost = p, c
				}
			}
		}
	}
	if best == astiav.PixelFormatNone {
		return 0, &RequestError{Reason: fmt.Sprintf("the encoder takes nothing like %v", f)}
	}
	return best, nil
}

// cost of storing f as l, depth and alpha: losing something costs far more than storing more than needed.
func cost(f media.Format, l media.Layout, depth int, alpha bool) int {
	c := 0
	if l >= f.Layout {
		c += int(l-f.Layout) * 10
	} else {
		c += int(f.Layout-l) * 1000
	}
	if depth >= f.Depth {
		c += depth - f.Depth
	} else {
		c += (f.Depth - depth) * 100
	}
	switch {
	case f.Alpha && !alpha: // more than chroma and depth together: it cannot be made up
		c += 5000
	case alpha && !f.Alpha:
		c += 50
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
	out    *astiav.Frame // what the encoder gets
	in     *astiav.Frame // the frame as it came, when it must be converted
	scale  *av.Scaler
	from   media.Format
	pixels astiav.PixelFormat
	native media.Format // what can be copied straight into out, its size that of the encoder
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
	src, ok := av.FindPixels(pixelName(fr.Layout, fr.Depth, fr.Alpha))
	if !ok {
		return &RequestError{Reason: fmt.Sprintf("no encoder takes %v", fr.Format)}
	}
	dw, dh := p.out.Width()-fr.Width, p.out.Height()-fr.Height
	same := dw >= 0 && dw <= 1 && dh >= 0 && dh <= 1
	if same && src == p.pixels && fr.Color.Matrix == color.Matrix && fr.Color.Range == color.Range {
		copyIn(p.out, fr, fr.Format)
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
	p.scale = av.NewScaler(av.Side{Width: w, Height: h, Pixels: src, Matrix: fr.Color.Matrix, Full: fr.Color.Range == media.RangeFull},
		av.Side{Width: p.out.Width(), Height: p.out.Height(), Pixels: p.pixels, Matrix: color.Matrix, Full: color.Range == media.RangeFull || info.RGB})
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
	if p.out != nil {
		p.out.Free()
		p.out = nil
	}
}
