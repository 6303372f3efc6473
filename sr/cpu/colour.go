package cpu

import "vsr/media"

// color holds the numbers that turn the samples of one format into RGB in [0,1] and back (ITU-T H.273, 8.3).
type color struct {
	rgb        bool    // planes are G, B, R, with no matrix
	gray       bool    // there is only luma
	kr, kg, kb float32 // luma weights
	rCr, bCb   float32 // R = Y + rCr*Cr, B = Y + bCb*Cb
	gCb, gCr   float32 // G = Y - gCb*Cb - gCr*Cr

	yOff, yScale float32 // sample = yOff + yScale*Y, Y in [0,1]
	cOff, cScale float32 // sample = cOff + cScale*C, C in [-1/2,1/2]
	top          float32 // largest sample value

	sx, sy   uint // base-2 logarithms of the chroma subsampling
	px2, py2 int  // where a chroma sample sits in its pair of luma samples: 0 on the first, 1 between, 2 on the second
}

// FFmpeg's AVChromaLocation, which media.Siting carries.
const (
	sitingLeft       media.Siting = 1
	sitingCenter     media.Siting = 2
	sitingTopLeft    media.Siting = 3
	sitingTop        media.Siting = 4
	sitingBottomLeft media.Siting = 5
	sitingBottom     media.Siting = 6
)

// colorOf reads the tags of a low-resolution format. The guess of an unspecified matrix depends on the size, so the enlarged
// frame must be converted with the color of the small one.
func colorOf(f media.Format) color {
	kr, kb := f.LumaWeights()
	kg := 1 - kr - kb
	c := color{
		rgb: f.Color.Matrix == media.MatrixRGB && f.Layout == media.YUV444, gray: f.Layout == media.Gray,
		kr: float32(kr), kg: float32(kg), kb: float32(kb),
		rCr: float32(2 * (1 - kr)), bCb: float32(2 * (1 - kb)),
		gCb: float32(2 * (1 - kb) * kb / kg), gCr: float32(2 * (1 - kr) * kr / kg),
	}
	c.sx, c.sy = f.Layout.Shift()
	full := float32(int(1)<<f.Depth - 1)
	unit := float32(int(1) << (f.Depth - 8))
	c.top = full
	if f.Color.Range == media.RangeFull {
		c.yOff, c.yScale, c.cOff, c.cScale = 0, full, 128*unit, full
	} else {
		c.yOff, c.yScale, c.cOff, c.cScale = 16*unit, 219*unit, 128*unit, 224*unit
	}
	switch f.Color.Siting {
	case sitingCenter:
		c.px2, c.py2 = 1, 1
	case sitingTopLeft:
		c.px2, c.py2 = 0, 0
	case sitingTop:
		c.px2, c.py2 = 1, 0
	case sitingBottomLeft:
		c.px2, c.py2 = 0, 2
	case sitingBottom:
		c.px2, c.py2 = 1, 2
	default: // sitingLeft, and what MPEG-2 and all that came after mean when they say nothing
		c.px2, c.py2 = 0, 1
	}
	return c
}

// lerp returns the two chroma indices that luma index i lies between and the weight of the second, in quarters.
// The indices may lie one outside the plane; the caller clamps them.
func lerp(i int, shift uint, pos2 int) (k0, k1, quarters int) {
	if shift == 0 {
		return i, i, 0
	}
	u := 2*i - pos2 // position in units of a quarter chroma sample
	k0 = u >> 2
	return k0, k0 + 1, u & 3
}

// box returns the first of three luma indices that chroma index k is made of, and their weights.
// They may lie outside the frame; the caller clamps them.
func box(k int, shift uint, pos2 int) (first int, w [3]float32) {
	switch {
	case shift == 0:
		return k, [3]float32{1, 0, 0}
	case pos2 == 1:
		return 2 * k, [3]float32{0.5, 0.5, 0}
	case pos2 == 0:
		return 2*k - 1, [3]float32{0.25, 0.5, 0.25}
	}
	return 2 * k, [3]float32{0.25, 0.5, 0.25}
}

func clampInt(v, hi int) int { return max(0, min(v, hi)) }

func clamp01(v float32) float32 {
	if !(v > 0) { // also NaN
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}
