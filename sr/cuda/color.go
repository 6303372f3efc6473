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
		l.pairs(to, from, func(at, fr []byte) { l.shift(at, fr, l.lift(), 0) }, func(at, cb, cr []byte) { l.interleave(at, cb, cr) })
		return
	}
	l.rows(func(p, y, at, n int) { copy(to[at:at+n], from.Row(p, y)) })
}

func (l *frameLayout) store(to *media.Frame, from []byte) {
	if l.semi {
		l.pairs(from, to, func(at, fr []byte) { l.shift(fr, at, 0, l.lift()) }, func(at, cb, cr []byte) { l.deinterleave(cb, cr, at) })
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

// pairs goes through the rows of a semi-planar buffer and of a frame, luma first.
func (l *frameLayout) pairs(buffer []byte, f *media.Frame, luma func(at, fr []byte), chroma func(at, cb, cr []byte)) {
	for p := range 2 {
		n, rows := l.row(p)
		for y := range rows {
			at := buffer[l.offset[p]+y*l.pitch[p]:][:n]
			if p == 0 {
				luma(at, f.Row(0, y))
			} else {
				chroma(at, f.Row(1, y), f.Row(2, y))
			}
		}
	}
}

// shift copies a row of samples, up and then down by so many bits.
func (l *frameLayout) shift(to, from []byte, up, down int) {
	if l.format.Depth == 8 {
		copy(to, from)
		return
	}
	for x := 0; x < len(from); x += 2 {
		binary.LittleEndian.PutUint16(to[x:], binary.LittleEndian.Uint16(from[x:])<<up>>down)
	}
}

// weave puts Cb and Cr into one row.
func (l *frameLayout) interleave(to, cb, cr []byte) {
	if l.format.Depth == 8 {
		for x := range cb {
			to[2*x], to[2*x+1] = cb[x], cr[x]
		}
		return
	}
	for x, lift := 0, l.lift(); x < len(cb); x += 2 {
		binary.LittleEndian.PutUint16(to[2*x:], binary.LittleEndian.Uint16(cb[x:])<<lift)
		binary.LittleEndian.PutUint16(to[2*x+2:], binary.LittleEndian.Uint16(cr[x:])<<lift)
	}
}

// unweave is the way back.
func (l *frameLayout) deinterleave(cb, cr, from []byte) {
	if l.format.Depth == 8 {
		for x := range cb {
			cb[x], cr[x] = from[2*x], from[2*x+1]
		}
		return
	}
	for x, lift := 0, l.lift(); x < len(cb); x += 2 {
		binary.LittleEndian.PutUint16(cb[x:], binary.LittleEndian.Uint16(from[2*x:])>>lift)
		binary.LittleEndian.PutUint16(cr[x:], binary.LittleEndian.Uint16(from[2*x+2:])>>lift)
	}
}

// The modes of struct Frame in kernels/color.h.
const (
	modeYUV = iota
	modeGray
	modeGBR
)

// words is struct Frame of kernels/color.h. tags carries the colour and, for an unspecified matrix, the size that decides:
// it is the low-resolution format for both frames.
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

// colourNumbers is kr to top of struct Frame (ITU-T H.273 8.3).
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
