//go:build nvidia

package cuda

import (
	"encoding/binary"
	"math"

	"vsr/media"
)

// frameLayout says where the planes of a frame lie in a device buffer.
type frameLayout struct {
	format media.Format
	semi   bool // NV12, P010 and the like: Cb and Cr take turns in plane 1, and deep samples use the high bits
	planes int
	offset [3]int
	pitch  [3]int // bytes from row to row
	size   int
}

const pitchAlign = 64

// layoutOf packs the planes one after the other. Alpha is left out: engines ignore it.
func layoutOf(f media.Format, semi bool) frameLayout {
	f.Alpha = false
	l := frameLayout{format: f, semi: semi, planes: f.Planes()}
	if semi {
		l.planes = 2
	}
	for p := range l.planes {
		width, h := l.row(p)
		l.pitch[p] = (width + pitchAlign - 1) / pitchAlign * pitchAlign
		l.offset[p] = l.size
		l.size += l.pitch[p] * h
	}
	return l
}

// row is the bytes of a row of plane p, and how many rows there are.
func (l *frameLayout) row(p int) (bytes, rows int) {
	w, h := l.format.PlaneSize(p)
	if l.semi && p == 1 {
		w *= 2
	}
	return w * l.format.BytesPerSample(), h
}

// lift is by how many bits samples are shifted up.
func (l *frameLayout) lift() int {
	if !l.semi || l.format.Depth == 8 {
		return 0
	}
	return 16 - l.format.Depth
}

// load copies the samples of a frame into a buffer of this layout, store copies them back.
func (l *frameLayout) load(to []byte, from *media.Frame) {
	if l.semi {
		l.samples(to, from, func(packed, planar []byte) { l.put(packed, l.get(planar, 0), l.lift()) })
		return
	}
	l.rows(func(p, y, at, n int) { copy(to[at:at+n], from.Row(p, y)) })
}

func (l *frameLayout) store(to *media.Frame, from []byte) {
	if l.semi {
		l.samples(from, to, func(packed, planar []byte) { l.put(planar, l.get(packed, l.lift()), 0) })
		return
	}
	l.rows(func(p, y, at, n int) { copy(to.Row(p, y), from[at:at+n]) })
}

func (l *frameLayout) rows(f func(p, y, at, n int)) {
	for p := range l.planes {
		n, h := l.row(p)
		for y := range h {
			f(p, y, l.offset[p]+y*l.pitch[p], n)
		}
	}
}

// samples goes through all samples of a semi-planar layout and of the frame: one by one, for checks and not for speed.
func (l *frameLayout) samples(buffer []byte, f *media.Frame, do func(packed, planar []byte)) {
	b := l.format.BytesPerSample()
	for p := range 3 {
		w, h := l.format.PlaneSize(p)
		plane, step, first := min(p, 1), 1, 0
		if p > 0 {
			step, first = 2, p-1
		}
		for y := range h {
			row := buffer[l.offset[plane]+y*l.pitch[plane]:]
			for x := range w {
				do(row[(x*step+first)*b:], f.Row(p, y)[x*b:])
			}
		}
	}
}

func (l *frameLayout) get(sample []byte, lift int) uint16 {
	if l.format.Depth == 8 {
		return uint16(sample[0])
	}
	return binary.LittleEndian.Uint16(sample) >> lift
}

func (l *frameLayout) put(sample []byte, v uint16, lift int) {
	if l.format.Depth == 8 {
		sample[0] = byte(v)
		return
	}
	binary.LittleEndian.PutUint16(sample, v<<lift)
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
	cstep, plane2 := 1, l.offset[2]
	if l.semi {
		cstep, plane2 = 2, l.offset[1]+f.BytesPerSample()
	}
	ints := []int{f.Width, f.Height, cw, ch, int(sx), int(sy), px2, py2, f.BytesPerSample(), mode, cstep, l.lift(),
		l.pitch[0], l.pitch[1], l.offset[1], plane2}
	words := make([]uint32, 0, 28)
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
