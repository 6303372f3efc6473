package degrade

import (
	"math"

	"vsr/media"
)

// lumaWeights gives Kr and Kb of the two matrices that 8-bit video uses (H.273).
func lumaWeights(m media.Matrix) (kr, kb float64) {
	if m == media.MatrixBT709 {
		return 0.2126, 0.0722
	}
	return 0.299, 0.114
}

// ToYUV converts to 8-bit limited-range YUV 4:2:0 with left-sited chroma, as cameras and encoders do: chroma is filtered 1-2-1 along
// the rows, averaged over two rows, and every sample is rounded. Sides grow to the next even number by repeating the border.
func ToYUV(m Image, matrix media.Matrix) *media.Frame {
	kr, kb := lumaWeights(matrix)
	w, h := (m.W+1)/2*2, (m.H+1)/2*2
	f := media.NewFrame(media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: matrix, Range: media.RangeLimited, Siting: 1}})
	cb, cr := make([]float32, w*h), make([]float32, w*h)
	for y := range h {
		row, luma := m.Row(min(y, m.H-1)), f.Row(0, y)
		for x := range w {
			p := row[min(x, m.W-1)*3:]
			l := kr*float64(p[0]) + (1-kr-kb)*float64(p[1]) + kb*float64(p[2])
			luma[x] = roundByte(16 + 219*l)
			cb[y*w+x] = float32((float64(p[2]) - l) / (2 * (1 - kb)))
			cr[y*w+x] = float32((float64(p[0]) - l) / (2 * (1 - kr)))
		}
	}
	for plane, c := range [2][]float32{cb, cr} {
		for y := range h / 2 {
			dst, a, b := f.Row(plane+1, y), c[2*y*w:(2*y+1)*w], c[(2*y+1)*w:(2*y+2)*w]
			for x := range dst {
				l, r := max(2*x-1, 0), 2*x+1
				v := (a[l] + 2*a[2*x] + a[r] + b[l] + 2*b[2*x] + b[r]) / 8
				dst[x] = roundByte(128 + 224*float64(v))
			}
		}
	}
	return f
}

func roundByte(v float64) byte { return byte(min(max(math.RoundToEven(v), 0), 255)) }

// FromYUV converts the top-left w x h pixels of a frame that ToYUV made back to RGB in [0,1], with chroma interpolated linearly.
func FromYUV(f *media.Frame, w, h int) Image {
	kr, kb := lumaWeights(f.Color.Matrix)
	kg := 1 - kr - kb
	out := NewImage(w, h)
	cw, ch := f.PlaneSize(1)
	line := [2][]float64{make([]float64, cw), make([]float64, cw)}
	for y := range h {
		// Chroma rows sit between pairs of luma rows: the nearer row weighs three quarters.
		near, far := y/2, min(max(y/2+(y%2)*2-1, 0), ch-1)
		for c := range line {
			a, b := f.Row(c+1, near), f.Row(c+1, far)
			for x := range line[c] {
				line[c][x] = (0.75*float64(a[x]) + 0.25*float64(b[x]) - 128) / 224
			}
		}
		luma, row := f.Row(0, y), out.Row(y)
		for x := range w {
			i, j := x/2, min(x/2+x%2, cw-1)
			cb, cr := (line[0][i]+line[0][j])/2, (line[1][i]+line[1][j])/2
			l := (float64(luma[x]) - 16) / 219
			r, b := l+2*(1-kr)*cr, l+2*(1-kb)*cb
			row[3*x] = float32(r)
			row[3*x+1] = float32((l - kr*r - kb*b) / kg)
			row[3*x+2] = float32(b)
		}
	}
	out.Clamp()
	return out
}
