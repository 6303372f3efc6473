package graph

import (
	"math"

	"vsr/internal/conv"
)

// Kernels on nine taps of a channel or three samples of a pixel.

// bound is kdsr.Builder's Bound for kernels [B,9C].
func bound(dst, src []float32) {
	for i := 0; i < len(src); i += 9 {
		s := shrink(src[i:][:9])
		for k, v := range src[i:][:9] {
			dst[i+k] = s * v
		}
	}
}

// boundBack is its derivative.
func boundBack(dst, src, grad []float32) {
	for i := 0; i < len(src); i += 9 {
		k, g := src[i:][:9], grad[i:][:9]
		s, dot := shrink(k), float32(0)
		for j, v := range k {
			dot += v * g[j]
		}
		for j, v := range k {
			dst[i+j] = s*g[j] - s*s*s*dot*v
		}
	}
}

// shrink is 1/sqrt(1+|k|^2).
func shrink(k []float32) float32 {
	sum := float32(1)
	for _, v := range k {
		sum += v * v
	}
	return float32(1 / math.Sqrt(float64(sum)))
}

// colorMatrix is the rows of YCbCr.
func colorMatrix(chroma float32) [9]float32 {
	const r, g, b = 0.299, 0.587, 0.114
	cb, cr := chroma/(2*(1-b)), chroma/(2*(1-r))
	m := [9]float32{r, g, b, -r * cb, -g * cb, (1 - b) * cb, (1 - r) * cr, -g * cr, -b * cr}
	for i := range m {
		m[i] *= 3
	}
	return m
}

// mix multiplies every pixel of src [n,3] by the rows of m.
func mix(ws *conv.Workers, dst, src []float32, m [9]float32) {
	each(ws, len(src)/3, func(lo, hi int) {
		for i := 3 * lo; i < 3*hi; i += 3 {
			x, y, z := src[i], src[i+1], src[i+2]
			dst[i] = m[0]*x + m[1]*y + m[2]*z
			dst[i+1] = m[3]*x + m[4]*y + m[5]*z
			dst[i+2] = m[6]*x + m[7]*y + m[8]*z
		}
	})
}
