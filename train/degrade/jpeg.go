package degrade

import "math"

// lumaTable is Annex K's luminance table as the differentiable JPEG of BasicSR applies it: transposed.
var lumaTable = transposed([64]float64{
	16, 11, 10, 16, 24, 40, 51, 61,
	12, 12, 14, 19, 26, 58, 60, 55,
	14, 13, 16, 24, 40, 57, 69, 56,
	14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77,
	24, 35, 55, 64, 81, 104, 113, 92,
	49, 64, 78, 87, 103, 121, 120, 101,
	72, 92, 95, 98, 112, 100, 103, 99,
})

// chromaTable is Annex K's chrominance table: 99 beyond its 4x4 corner.
var chromaTable = func() (t [64]float64) {
	corner := [16]float64{17, 18, 24, 47, 18, 21, 26, 66, 24, 26, 56, 99, 47, 66, 99, 99}
	for i := range t {
		t[i] = 99
		if y, x := i/8, i%8; y < 4 && x < 4 {
			t[i] = corner[4*y+x]
		}
	}
	return t
}()

func transposed(t [64]float64) (out [64]float64) {
	for i, v := range t {
		out[i%8*8+i/8] = v
	}
	return out
}

// dctBasis[u*8+x] is the orthonormal DCT-II.
var dctBasis = func() (b [64]float64) {
	for u := range 8 {
		scale := 0.5
		if u == 0 {
			scale = math.Sqrt(0.125)
		}
		for x := range 8 {
			b[u*8+x] = scale * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16)
		}
	}
	return b
}()

// JPEG compresses and decompresses m at a real-valued quality from 1 to 100 as the differentiable JPEG of BasicSR does with plain
// rounding (docs/kdsr.md 3.3): zero padding to multiples of 16, full-range BT.601, chroma averaged 2x2 and enlarged by repetition,
// tables scaled by 50/q or 2-q/50 without rounding, no entropy coding. The result is in [0,1], not rounded to 8 bits.
func JPEG(m Image, quality float64) Image {
	quality = min(max(quality, 1), 100)
	factor := 2 - quality/50
	if quality < 50 {
		factor = 50 / quality
	}
	factor = max(factor, 1e-3) // a quality of 100 would divide by zero
	w, h := (m.W+15)/16*16, (m.H+15)/16*16
	y, cb, cr := jpegPlanes(m, w, h)
	codePlane(y, w, h, &lumaTable, factor)
	codePlane(cb, w/2, h/2, &chromaTable, factor)
	codePlane(cr, w/2, h/2, &chromaTable, factor)
	out := NewImage(m.W, m.H)
	for row := range m.H {
		dst := out.Row(row)
		for x := range m.W {
			c := row/2*(w/2) + x/2
			// The planes hold values shifted by -128, as JPEG codes them.
			l, b, r := y[row*w+x]+128, cb[c], cr[c]
			dst[3*x] = clampByte(l + 1.402*r)
			dst[3*x+1] = clampByte(l - 0.344136*b - 0.714136*r)
			dst[3*x+2] = clampByte(l + 1.772*b)
		}
	}
	return out
}

func clampByte(v float64) float32 { return float32(min(max(v, 0), 255) / 255) }

// jpegPlanes converts to YCbCr, zero-centred, the chroma averaged over 2x2 pixels. Padding is black, as in the reference.
func jpegPlanes(m Image, w, h int) (y, cb, cr []float64) {
	y, cb, cr = make([]float64, w*h), make([]float64, w*h/4), make([]float64, w*h/4)
	for i := range y {
		y[i] = -128
	}
	for row := range m.H {
		src := m.Row(row)
		for x := range m.W {
			r, g, b := 255*float64(src[3*x]), 255*float64(src[3*x+1]), 255*float64(src[3*x+2])
			y[row*w+x] = 0.299*r + 0.587*g + 0.114*b - 128
			c := row/2*(w/2) + x/2
			cb[c] += (-0.168736*r - 0.331264*g + 0.5*b) / 4
			cr[c] += (0.5*r - 0.418688*g - 0.081312*b) / 4
		}
	}
	return y, cb, cr
}

// codePlane quantises every 8x8 block of a plane in place.
func codePlane(p []float64, w, h int, table *[64]float64, factor float64) {
	var step, inverse, block, tmp [64]float64
	for i, v := range table {
		step[i] = v * factor
		inverse[i] = 1 / step[i]
	}
	for by := 0; by < h; by += 8 {
		for bx := 0; bx < w; bx += 8 {
			for r := range 8 {
				copy(block[8*r:8*r+8], p[(by+r)*w+bx:])
			}
			multiply(&tmp, &dctBasis, &block, false)
			multiplyTransposed(&block, &tmp, &dctBasis)
			for i := range block {
				block[i] = math.RoundToEven(block[i]*inverse[i]) * step[i]
			}
			multiply(&tmp, &dctBasis, &block, true)
			multiply(&block, &tmp, &dctBasis, false)
			for r := range 8 {
				copy(p[(by+r)*w+bx:(by+r)*w+bx+8], block[8*r:8*r+8])
			}
		}
	}
}

// multiply computes a*b, or a'*b.
func multiply(out, a, b *[64]float64, transposeA bool) {
	for i := range 8 {
		var s [8]float64
		for k := range 8 {
			v := a[i*8+k]
			if transposeA {
				v = a[k*8+i]
			}
			if v == 0 {
				continue
			}
			row := b[k*8 : k*8+8 : k*8+8]
			for j := range 8 {
				s[j] += v * row[j]
			}
		}
		copy(out[i*8:i*8+8], s[:])
	}
}

// multiplyTransposed computes a*b'.
func multiplyTransposed(out, a, b *[64]float64) {
	for i := range 8 {
		for j := range 8 {
			var s float64
			for k := range 8 {
				s += a[i*8+k] * b[j*8+k]
			}
			out[i*8+j] = s
		}
	}
}
