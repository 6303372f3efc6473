package card

import (
	"errors"
	"image"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// stripHeight is the height of one row of the strip in pixels.
const stripHeight = 270

// WriteStrip writes all pairs as one PNG: a row each, the source enlarged by repetition on the left, the output on the right.
func (c *Card) WriteStrip(w io.Writer) error {
	if len(c.Pairs) == 0 {
		return errors.New("card: no pictures for a strip")
	}
	const gap = 4
	width := 0
	for _, p := range c.Pairs {
		width = max(width, 2*rowWidth(p.Output)+gap)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, width, len(c.Pairs)*(stripHeight+gap)-gap))
	for i, p := range c.Pairs {
		y, rw := i*(stripHeight+gap), rowWidth(p.Output)
		left := image.Rect(0, y, rw, y+stripHeight)
		draw.NearestNeighbor.Scale(sheet, left, p.Source, p.Source.Bounds(), draw.Src, nil)
		draw.CatmullRom.Scale(sheet, left.Add(image.Pt(rw+gap, 0)), p.Output, p.Output.Bounds(), draw.Src, nil)
	}
	return png.Encode(w, sheet)
}

func rowWidth(m image.Image) int {
	b := m.Bounds()
	return max(1, b.Dx()*stripHeight/max(b.Dy(), 1))
}
