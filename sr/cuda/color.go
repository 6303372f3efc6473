//go:build nvidia

package cuda

import (
	"math"

	"vsr/media"
)

// frameLayout says where the planes of a frame lie in a device buffer.
type frameLayout struct {
	format media.Format
	planes int
	offset [3]int
	pitch  [3]int // bytes from row to row
	size   int
}

const pitchAlign = 64

// layoutOf packs the planes one after the other. Alpha is left out: engines ignore it.
func layoutOf(f media.Format) frameLayout {
	f.Alpha = false
	l := frameLayout{format: f, planes: f.Planes()}
	for p := range l.planes {
		w, h := f.PlaneSize(p)
		l.pitch[p] = (w*f.BytesPerSample() + pitchAlign - 1) / pitchAlign * pitchAlign
		l.offset[p] = l.size
		l.size += l.pitch[p] * h
	}
	return l
}

// load copies the samples of a frame into a buffer of this layout, store copies them back.
func (l *frameLayout) load(to []byte, from *media.Frame) {
	l.rows(func(p, y, at, n int) { copy(to[at:at+n], from.Row(p, y)) })
}

func (l *frameLayout) store(to *media.Frame, from []byte) {
	l.rows(func(p, y, at, n int) { copy(to.Row(p, y), from[at:at+n]) })
}

func (l *frameLayout) rows(f func(p, y, at, n int)) {
	for p := range l.planes {
		w, h := l.format.PlaneSize(p)
		for y := range h {
			f(p, y, l.offset[p]+y*l.pitch[p], w*l.format.BytesPerSample())
		}
	}
}

// The modes of struct Picture in kernels/color.h.
const (
	modeYUV = iota
	modeGray
	modeGBR
)

// words is struct Picture of kernels/color.h. tags carries the colour and, for an unspecified matrix, the size that decides:
// it is the low-resolution format for both pictures.
func (l *frameLayout) words(tags media.Format) []uint32 {
	f := l.format
	cw, ch := f.PlaneSize(1)
	sx, sy := f.Layout.Shift()
	px2, py2 := siting(tags.Color.Siting)
	mode := modeYUV
	switch {
	case f.Layout == media.Gray:
		mode = modeGray
	case f.Layout == media.YUV444 && tags.Color.Matrix == media.MatrixRGB:
		mode = modeGBR
	}
	ints := []int{f.Width, f.Height, cw, ch, int(sx), int(sy), px2, py2, f.BytesPerSample(), mode,
		l.pitch[0], l.pitch[1], l.offset[1], l.offset[2]}
	words := make([]uint32, 0, 26)
	for _, v := range ints {
		words = append(words, uint32(v))
	}
	for _, v := range colourNumbers(tags) {
		words = append(words, math.Float32bits(float32(v)))
	}
	return words
}

// siting tells where a chroma sample sits in its pair of luma samples: 0 on the first, 1 between, 2 on the second.
// The numbers of media.Siting are FFmpeg's AVChromaLocation.
func siting(s media.Siting) (x, y int) {
	switch s {
	case 2: // center
		return 1, 1
	case 3: // top left
		return 0, 0
	case 4: // top
		return 1, 0
	case 5: // bottom left
		return 0, 2
	case 6: // bottom
		return 1, 2
	}
	return 0, 1 // left, and unspecified
}

// colourNumbers is kr to top of struct Picture (ITU-T H.273 8.3).
func colourNumbers(f media.Format) []float64 {
	kr, kb := f.LumaWeights()
	kg := 1 - kr - kb
	top, unit := float64(int(1)<<f.Depth-1), float64(int(1)<<(f.Depth-8))
	yoff, yscale, coff, cscale := 16*unit, 219*unit, 128*unit, 224*unit
	if f.Color.Range == media.RangeFull {
		yoff, yscale, cscale = 0, top, top
	}
	return []float64{kr, kg, kb, 2 * (1 - kr), 2 * (1 - kb), 2 * (1 - kb) * kb / kg, 2 * (1 - kr) * kr / kg,
		yoff, yscale, coff, cscale, top}
}
