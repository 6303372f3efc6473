package verify

import "vsr/media"

// recolour turns code values of one matrix and range into those of another: in 8-bit levels, out = m*in + o.
type recolour struct {
	m [3][3]float64
	o [3]float64
}

// recolourTo is nil when both formats have one matrix and range.
func recolourTo(to, from media.Format) *recolour {
	if to.Color.Matrix == from.Color.Matrix && to.Color.Range == from.Color.Range {
		return nil
	}
	kr, kb := from.LumaWeights()
	qr, qb := to.LumaWeights()
	// H.273 8.3, from code values to R'G'B' and back.
	turn := func(in [3]float64) [3]float64 {
		oy, sy, sc := levels(from.Color.Range)
		y, cb, cr := (in[0]-oy)/sy, (in[1]-128)/sc, (in[2]-128)/sc
		r, b := y+cr*(2-2*kr), y+cb*(2-2*kb)
		g := (y - kr*r - kb*b) / (1 - kr - kb)
		y = qr*r + (1-qr-qb)*g + qb*b
		oy, sy, sc = levels(to.Color.Range)
		return [3]float64{oy + sy*y, 128 + sc*(b-y)/(2-2*qb), 128 + sc*(r-y)/(2-2*qr)}
	}
	c := &recolour{o: turn([3]float64{})}
	for i := range 3 {
		var unit [3]float64
		unit[i] = 1
		for k, v := range turn(unit) {
			c.m[k][i] = v - c.o[k]
		}
	}
	return c
}

// levels are black, the distance from black to white, and that of chroma from end to end, in 8-bit levels.
func levels(r media.Range) (black, luma, chroma float64) {
	if r == media.RangeFull {
		return 0, 255, 255
	}
	return 16, 219, 224
}

func (c *recolour) apply(in [3]float64) (out [3]float64) {
	for k := range out {
		out[k] = c.o[k] + c.m[k][0]*in[0] + c.m[k][1]*in[1] + c.m[k][2]*in[2]
	}
	return out
}

// luma converts the luma of f, as luma gave it, in place. Chroma counts with the nearest sample.
func (c *recolour) luma(y []float64, f *media.Frame) {
	sx, sy := f.Layout.Shift()
	gray := f.Layout == media.Gray
	for row := range f.Height {
		for x := range f.Width {
			cb, cr := 128.0, 128.0
			if !gray {
				cb, cr = sample(f.Row(1, row>>sy), x>>sx, f.Depth), sample(f.Row(2, row>>sy), x>>sx, f.Depth)
			}
			i := row*f.Width + x
			y[i] = c.o[0] + c.m[0][0]*y[i] + c.m[0][1]*cb + c.m[0][2]*cr
		}
	}
}
