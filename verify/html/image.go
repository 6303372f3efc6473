package html

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"

	"golang.org/x/image/draw"

	"vsr/media"
)

// Moment is one frame, before and after, ready for the page and for the strip.
type Moment struct {
	title          string
	source, output []byte      // JPEG
	small          image.Image // both side by side, for the strip
	width, height  int         // of the output as it is to be shown, in its pixels
}

// Shown says how a video's frames are to be turned and stretched.
type Shown struct {
	Rotation int            // degrees clockwise
	Aspect   media.Rational // of a pixel; 0 is square
}

// jpegQuality keeps the block artefacts of the page's own images below those that it is to show.
const jpegQuality = 93

// NewMoment takes a pair of frames, which it does not keep.
func NewMoment(title string, src, out *media.Frame, s Shown) (Moment, error) {
	a, b := Image(src, s.Rotation), Image(out, s.Rotation)
	m := Moment{title: title, width: b.Rect.Dx(), height: b.Rect.Dy()}
	if n, d := s.Aspect.Num, s.Aspect.Den; n > 0 && d > 0 {
		if s.Rotation%180 == 0 {
			m.width = max(m.width*n/d, 1)
		} else {
			m.height = max(m.height*n/d, 1)
		}
	}
	for _, p := range []struct {
		to   *[]byte
		from image.Image
	}{{&m.source, a}, {&m.output, b}} {
		var w bytes.Buffer
		if err := jpeg.Encode(&w, p.from, &jpeg.Options{Quality: jpegQuality}); err != nil {
			return m, fmt.Errorf("html: %s: %w", title, err)
		}
		*p.to = w.Bytes()
	}
	m.small = row(a, b, m.width, m.height)
	return m, nil
}

// row puts both images side by side at the strip's height: the source enlarged by repetition, the output resampled.
func row(a, b image.Image, width, height int) image.Image {
	w := min(max(1, width*stripHeight/max(height, 1)), 8*stripHeight)
	sheet := image.NewRGBA(image.Rect(0, 0, 2*w+stripGap, stripHeight))
	left := image.Rect(0, 0, w, stripHeight)
	draw.NearestNeighbor.Scale(sheet, left, a, a.Bounds(), draw.Src, nil)
	draw.CatmullRom.Scale(sheet, left.Add(image.Pt(w+stripGap, 0)), b, b.Bounds(), draw.Src, nil)
	return sheet
}

// Image converts a frame to RGB by its own matrix and range, and turns it clockwise by a multiple of 90 degrees. Samples of
// more than eight bits are rounded to eight; transfer functions are left alone, so HDR looks flat. Alpha is not looked at.
func Image(f *media.Frame, rotation int) *image.RGBA {
	kr, kb := f.LumaWeights()
	kg := 1 - kr - kb
	black, span, chroma := 16.0, 219.0, 224.0
	if f.Color.Range == media.RangeFull {
		black, span, chroma = 0, 255, 255
	}
	turn := ((rotation/90)%4 + 4) % 4
	w, h := f.Width, f.Height
	if turn%2 == 1 {
		w, h = h, w
	}
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	sx, sy := f.Layout.Shift()
	for y := range f.Height {
		luma := f.Row(0, y)
		var us, vs []byte
		if f.Layout != media.Gray {
			us, vs = f.Row(1, y>>sy), f.Row(2, y>>sy)
		}
		for x := range f.Width {
			l := (sample(luma, x, f.Depth) - black) / span
			u, v := 0.0, 0.0
			if us != nil {
				u, v = (sample(us, x>>sx, f.Depth)-128)/chroma, (sample(vs, x>>sx, f.Depth)-128)/chroma
			}
			r, b := l+2*(1-kr)*v, l+2*(1-kb)*u
			g := (l - kr*r - kb*b) / kg
			o := m.PixOffset(turned(x, y, f.Width, f.Height, turn))
			m.Pix[o], m.Pix[o+1], m.Pix[o+2], m.Pix[o+3] = level(r), level(g), level(b), 255
		}
	}
	return m
}

// turned is where pixel (x, y) of an image of w x h lies after so many quarter turns clockwise.
func turned(x, y, w, h, quarters int) (int, int) {
	switch quarters {
	case 1:
		return h - 1 - y, x
	case 2:
		return w - 1 - x, h - 1 - y
	case 3:
		return y, w - 1 - x
	}
	return x, y
}

// sample reads one sample as an 8-bit level with fraction.
func sample(row []byte, x, depth int) float64 {
	if depth == 8 {
		return float64(row[x])
	}
	return float64(binary.LittleEndian.Uint16(row[2*x:])) / float64(int(1)<<(depth-8))
}

func level(v float64) byte { return byte(min(max(v, 0), 1)*255 + 0.5) }
