package html

import (
	"errors"
	"image"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// stripHeight is the height of one row of the strip in pixels, stripGap the distance between images.
const (
	stripHeight = 270
	stripGap    = 4
)

// WriteStrip writes the middle moment of each scene as one PNG: a row each, the source enlarged by repetition on the left, the
// output on the right.
func (p *Page) WriteStrip(w io.Writer) error {
	var rows []image.Image
	width := 0
	for _, s := range p.Sections {
		if len(s.Moments) > 0 {
			m := s.Moments[len(s.Moments)/2].small
			rows, width = append(rows, m), max(width, m.Bounds().Dx())
		}
	}
	if len(rows) == 0 {
		return errors.New("html: no images for a strip")
	}
	sheet := image.NewRGBA(image.Rect(0, 0, width, len(rows)*(stripHeight+stripGap)-stripGap))
	for i, m := range rows {
		draw.Copy(sheet, image.Pt(0, i*(stripHeight+stripGap)), m, m.Bounds(), draw.Src, nil)
	}
	return png.Encode(w, sheet)
}
