package enginetest

import (
	"encoding/binary"

	"vsr/media"
	"vsr/sr/kdsr"
)

// color is the arithmetic of one format, as the contract of sr.Engine says it.
type color struct {
	kr, kb       float64 // luma weights of red and blue
	yOff, yScale float64 // sample = yOff + yScale*Y
	cOff, cScale float64 // sample = cOff + cScale*C
	ox, oy       float64 // where the first chroma sample lies, in luma samples
}

// colorOf reads the tags of the small frame; its size decides an unspecified matrix for both.
func colorOf(f media.Format) color {
	unit, full := float64(int(1)<<(f.Depth-8)), float64(int(1)<<f.Depth-1)
	c := color{yOff: 16 * unit, yScale: 219 * unit, cOff: 128 * unit, cScale: 224 * unit}
	if f.Color.Range == media.RangeFull {
		c = color{yScale: full, cOff: 128 * unit, cScale: full}
	}
	switch f.Color.Matrix { // H.273 Table 4
	case media.MatrixBT709:
		c.kr, c.kb = 0.2126, 0.0722
	case media.MatrixFCC:
		c.kr, c.kb = 0.30, 0.11
	case media.MatrixBT470BG, media.MatrixSMPTE170M:
		c.kr, c.kb = 0.299, 0.114
	case media.MatrixSMPTE240M:
		c.kr, c.kb = 0.212, 0.087
	case media.MatrixBT2020NCL:
		c.kr, c.kb = 0.2627, 0.0593
	default:
		c.kr, c.kb = 0.299, 0.114
		if f.Width >= 1280 || f.Height >= 720 {
			c.kr, c.kb = 0.2126, 0.0722
		}
	}
	switch f.Color.Siting {
	case 2:
		c.ox, c.oy = 0.5, 0.5
	case 3:
		c.ox, c.oy = 0, 0
	case 4:
		c.ox, c.oy = 0.5, 0
	case 5:
		c.ox, c.oy = 0, 1
	case 6:
		c.ox, c.oy = 0.5, 1
	default:
		c.ox, c.oy = 0, 0.5
	}
	return c
}

func isRGB(f media.Format) bool { return f.Color.Matrix == media.MatrixRGB && f.Layout == media.YUV444 }

// sample reads sample (x,y) of plane p; positions outside are those at the edge.
func sample(f *media.Frame, p, x, y int) float64 {
	w, h := f.PlaneSize(p)
	row := f.Row(p, max(0, min(y, h-1)))
	if x = max(0, min(x, w-1)); f.BytesPerSample() == 1 {
		return float64(row[x])
	}
	return float64(binary.LittleEndian.Uint16(row[2*x:]))
}

// between returns the two chroma positions around luma position i and the weight of the second.
func between(i int, shift uint, offset float64) (k int, weight float64) {
	if shift == 0 {
		return i, 0
	}
	at := (float64(i)-offset)/2 + 1 // shifted, so that truncation rounds down
	k = int(at)
	return k - 1, at - float64(k)
}

// toRGB converts a frame to [1,3,H,W] in [0,1].
func toRGB(f *media.Frame) *kdsr.Array {
	c := colorOf(f.Format)
	a := kdsr.NewArray(1, 3, f.Height, f.Width)
	size := f.Height * f.Width
	sx, sy := f.Layout.Shift()
	chroma := func(p, x, y int) float64 {
		x0, wx := between(x, sx, c.ox)
		y0, wy := between(y, sy, c.oy)
		v := (sample(f, p, x0, y0)*(1-wx)+sample(f, p, x0+1, y0)*wx)*(1-wy) +
			(sample(f, p, x0, y0+1)*(1-wx)+sample(f, p, x0+1, y0+1)*wx)*wy
		return (v - c.cOff) / c.cScale
	}
	for i := range size {
		x, y := i%f.Width, i/f.Width
		luma := func(p int) float64 { return (sample(f, p, x, y) - c.yOff) / c.yScale }
		l := luma(0)
		r, g, b := l, l, l
		switch {
		case isRGB(f.Format):
			r, b = luma(2), luma(1)
		case f.Layout != media.Gray:
			cb, cr := chroma(1, x, y), chroma(2, x, y)
			r, b = l+2*(1-c.kr)*cr, l+2*(1-c.kb)*cb
			g = (l - c.kr*r - c.kb*b) / (1 - c.kr - c.kb)
		}
		for ch, v := range []float64{r, g, b} {
			a.Data[ch*size+i] = unit(v)
		}
	}
	return a
}

func unit(v float64) float64 { return min(max(v, 0), 1) }

// fromRGB returns the sample values, not rounded, of the planes of format f for a frame [1,3,H,W]. The tags are those
// of the small frame.
func fromRGB(a *kdsr.Array, f, small media.Format) [][]float64 {
	c := colorOf(small)
	size := f.Width * f.Height
	rgb := func(x, y int) (r, g, b, l float64) {
		i := max(0, min(y, f.Height-1))*f.Width + max(0, min(x, f.Width-1))
		r, g, b = unit(a.Data[i]), unit(a.Data[size+i]), unit(a.Data[2*size+i])
		return r, g, b, c.kr*r + (1-c.kr-c.kb)*g + c.kb*b
	}
	f.Alpha = false
	planes := make([][]float64, f.Planes())
	for p := range planes {
		w, h := f.PlaneSize(p)
		planes[p] = make([]float64, w*h)
	}
	for i := range size {
		r, g, b, l := rgb(i%f.Width, i/f.Width)
		if !isRGB(f) {
			planes[0][i] = c.yOff + c.yScale*l
			continue
		}
		for p, v := range []float64{g, b, r} {
			planes[p][i] = c.yOff + c.yScale*v
		}
	}
	if isRGB(f) || f.Layout == media.Gray {
		return planes
	}
	sx, sy := f.Layout.Shift()
	w, _ := f.PlaneSize(1)
	for i := range planes[1] {
		for _, dy := range box(i/w, sy, c.oy) {
			for _, dx := range box(i%w, sx, c.ox) {
				r, _, b, l := rgb(dx.at, dy.at)
				weight := dx.weight * dy.weight * c.cScale
				planes[1][i] += weight * (b - l) / (2 * (1 - c.kb))
				planes[2][i] += weight * (r - l) / (2 * (1 - c.kr))
			}
		}
		planes[1][i] += c.cOff
		planes[2][i] += c.cOff
	}
	return planes
}

type tap struct {
	at     int
	weight float64
}

// box lists the luma positions that chroma sample k is the mean of.
func box(k int, shift uint, offset float64) []tap {
	switch {
	case shift == 0:
		return []tap{{k, 1}}
	case offset == 0.5:
		return []tap{{2 * k, 0.5}, {2*k + 1, 0.5}}
	}
	at := 2*k + int(offset)
	return []tap{{at - 1, 0.25}, {at, 0.5}, {at + 1, 0.25}}
}
