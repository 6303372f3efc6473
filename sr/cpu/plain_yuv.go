package cpu

import (
	"encoding/binary"

	"vsr/media"
)

// sample reads sample x of a row.
func sample(row []byte, x, bytes int) float32 {
	if bytes == 1 {
		return float32(row[x])
	}
	return float32(binary.LittleEndian.Uint16(row[2*x:]))
}

// putSample rounds v to the nearest sample value and stores it.
func putSample(row []byte, x, bytes int, v, top float32) {
	n := int(min(max(v, 0), top) + 0.5)
	if bytes == 1 {
		row[x] = byte(n)
	} else {
		binary.LittleEndian.PutUint16(row[2*x:], uint16(n))
	}
}

// chromaAt interpolates plane p at luma position (x, y), linearly in both directions, and returns it in [-1/2,1/2].
func (c *color) chromaAt(f *media.Frame, p, x, y int) float32 {
	cw, ch := f.PlaneSize(p)
	b := f.BytesPerSample()
	x0, x1, fx := lerp(x, c.sx, c.px2)
	y0, y1, fy := lerp(y, c.sy, c.py2)
	x0, x1 = clampInt(x0, cw-1), clampInt(x1, cw-1)
	r0, r1 := f.Row(p, clampInt(y0, ch-1)), f.Row(p, clampInt(y1, ch-1))
	wx, wy := float32(fx)/4, float32(fy)/4
	top := sample(r0, x0, b)*(1-wx) + sample(r0, x1, b)*wx
	bottom := sample(r1, x0, b)*(1-wx) + sample(r1, x1, b)*wx
	return (top*(1-wy) + bottom*wy - c.cOff) / c.cScale
}

// plainToRGB writes row y of the frame as RGB in [0,1], interleaved: dst [W,3].
func (c *color) plainToRGB(dst []float32, f *media.Frame, y int) {
	b := f.BytesPerSample()
	luma := f.Row(0, y)
	for x := range f.Width {
		v := (sample(luma, x, b) - c.yOff) / c.yScale
		px := dst[3*x : 3*x+3]
		switch {
		case c.gray:
			px[0], px[1], px[2] = v, v, v
		case c.rgb:
			px[0] = (sample(f.Row(2, y), x, b) - c.yOff) / c.yScale
			px[1] = v
			px[2] = (sample(f.Row(1, y), x, b) - c.yOff) / c.yScale
		default:
			cb, cr := c.chromaAt(f, 1, x, y), c.chromaAt(f, 2, x, y)
			px[0] = v + c.rCr*cr
			px[1] = v - c.gCb*cb - c.gCr*cr
			px[2] = v + c.bCb*cb
		}
		px[0], px[1], px[2] = clamp01(px[0]), clamp01(px[1]), clamp01(px[2])
	}
}

// luma returns Y of a clamped RGB pixel.
func (c *color) luma(px []float32) float32 {
	return c.kr*clamp01(px[0]) + c.kg*clamp01(px[1]) + c.kb*clamp01(px[2])
}

// plainFromRGB writes chroma row k and the luma rows that go with it; rows(y) is row y of the RGB frame, [W,3], not clamped.
func (c *color) plainFromRGB(f *media.Frame, k int, rows func(y int) []float32) {
	b := f.BytesPerSample()
	for y := k << c.sy; y < min((k+1)<<c.sy, f.Height); y++ {
		row := rows(y)
		for x := range f.Width {
			px := row[3*x : 3*x+3]
			if c.rgb {
				putSample(f.Row(2, y), x, b, c.yOff+c.yScale*clamp01(px[0]), c.top)
				putSample(f.Row(0, y), x, b, c.yOff+c.yScale*clamp01(px[1]), c.top)
				putSample(f.Row(1, y), x, b, c.yOff+c.yScale*clamp01(px[2]), c.top)
				continue
			}
			putSample(f.Row(0, y), x, b, c.yOff+c.yScale*c.luma(px), c.top)
		}
	}
	if c.rgb || c.gray {
		return
	}
	cw, _ := f.PlaneSize(1)
	y0, wy := box(k, c.sy, c.py2)
	for i := range cw {
		x0, wx := box(i, c.sx, c.px2)
		var cb, cr float32
		for dy, v := range wy {
			row := rows(clampInt(y0+dy, f.Height-1))
			for dx, u := range wx {
				if v*u == 0 {
					continue
				}
				x := clampInt(x0+dx, f.Width-1)
				px := row[3*x : 3*x+3]
				l := c.luma(px)
				cb += v * u * (clamp01(px[2]) - l) / c.bCb
				cr += v * u * (clamp01(px[0]) - l) / c.rCr
			}
		}
		putSample(f.Row(1, k), i, b, c.cOff+c.cScale*cb, c.top)
		putSample(f.Row(2, k), i, b, c.cOff+c.cScale*cr, c.top)
	}
}
