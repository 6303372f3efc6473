package degrade

import (
	"fmt"
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Labelled is one image of a sheet. Its label may have several lines.
type Labelled struct {
	Label string
	Image Image
}

// Sheet lays images out in a grid with its label above each. Smaller images are enlarged by repetition, so that every pixel
// of a degraded image can be seen beside the sharp one.
func Sheet(images []Labelled, columns int) (*image.RGBA, error) {
	if len(images) == 0 || columns < 1 {
		return nil, fmt.Errorf("degrade: sheet of %d images in %d columns", len(images), columns)
	}
	cw, ch := 0, 0
	for _, p := range images {
		cw, ch = max(cw, p.Image.W), max(ch, p.Image.H)
	}
	const gap, line = 4, 14
	text := 0
	for _, p := range images {
		text = max(text, line*(1+strings.Count(p.Label, "\n"))+2)
	}
	rows := (len(images) + columns - 1) / columns
	w, h := columns*(cw+gap)+gap, rows*(ch+gap+text)+gap
	if w > 1<<15 || h > 1<<15 {
		return nil, fmt.Errorf("degrade: a sheet of %dx%d is too large", w, h)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	for i, p := range images {
		x, y := gap+i%columns*(cw+gap), gap+i/columns*(ch+gap+text)
		label := *out // its text ends with its column
		label.Rect = image.Rect(x, y, x+cw, y+text).Intersect(out.Rect)
		label.Pix = out.Pix[out.PixOffset(x, y):]
		d := font.Drawer{Dst: &label, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13}
		for k, s := range strings.Split(p.Label, "\n") {
			d.Dot = fixed.P(x, y+line*(k+1)-2)
			d.DrawString(s)
		}
		paint(out, p.Image, x, y+text, max(min(cw/p.Image.W, ch/p.Image.H), 1))
	}
	return out, nil
}

// paint draws m at (x, y), every pixel k by k.
func paint(out *image.RGBA, m Image, x, y, k int) {
	rgb := m.Bytes()
	for r := range m.H * k {
		for c := range m.W * k {
			copy(out.Pix[out.PixOffset(x+c, y+r):][:3], rgb[(r/k*m.W+c/k)*3:])
		}
	}
}

// RGBA converts m for the encoders of package image.
func (m Image) RGBA() *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	paint(out, m, 0, 0, 1)
	return out
}
