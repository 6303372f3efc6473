package quality

import (
	"fmt"
	"slices"
)

// Luma returns Y of BT.601 in 8-bit levels, 16 to 235. // [H,W]
func Luma(m Image) []float32 {
	out := make([]float32, m.W*m.H)
	const r, g, b = 65.738 / 256, 129.057 / 256, 25.064 / 256
	for i := range out {
		p := m.Pix[3*i : 3*i+3 : 3*i+3]
		out[i] = 16 + r*float32(p[0]) + g*float32(p[1]) + b*float32(p[2])
	}
	return out
}

// blockStep is how far apart the samples are whose difference crosses a border.
const blockStep = 4

// Blockiness is the mean luma difference over four samples across the borders of the coder's blocks, divided by that half-way between
// two borders, the mean of both directions. period is the side of a block in pixels of this image: 8 times the scale. An image without
// blocks has about 1. It is false for images without two blocks in each direction, and where nothing changes half-way.
func Blockiness(luma []float32, w, h, period int) (float64, bool) {
	if period < 2*blockStep || w < 2*period || h < 2*period {
		return 0, false
	}
	across, along := make([]float64, w-blockStep), make([]float64, h-blockStep)
	for y := range h {
		row := luma[y*w : (y+1)*w]
		for x := range across {
			across[x] += abs(row[x+blockStep] - row[x])
		}
		if y+blockStep < h {
			below := luma[(y+blockStep)*w : (y+blockStep+1)*w]
			for x, v := range row {
				along[y] += abs(below[x] - v)
			}
		}
	}
	a, okA := borderRatio(across, period)
	b, okB := borderRatio(along, period)
	return (a + b) / 2, okA && okB
}

// borderRatio divides the mean of steps at the borders by that half-way. Step i is centred on position i + blockStep/2.
func borderRatio(steps []float64, period int) (float64, bool) {
	var at, between, n, m float64
	for i, v := range steps {
		switch (i + blockStep/2) % period {
		case 0:
			at, n = at+v, n+1
		case period / 2:
			between, m = between+v, m+1
		}
	}
	if between == 0 || n == 0 {
		return 0, false
	}
	return at / n / (between / m), true
}

func abs(v float32) float64 { return float64(max(v, -v)) }

// still is the luma change in 8-bit levels from frame to frame below which a pixel of the reference counts as still.
const still = 2

// Flicker is the mean luma change, in 8-bit levels, of a frame against the frame before it, over the pixels whose reference changes by
// less than two levels; false when there are none. With the reference for the frame it is the reference's own, which noise makes.
func Flicker(now, before, ref, refBefore []float32) (float64, bool) {
	var sum float64
	n := 0
	for i, v := range now {
		if abs(ref[i]-refBefore[i]) < still {
			sum += abs(v - before[i])
			n++
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// edge is the range of the reference's luma around a pixel, in 8-bit levels, from which on it counts as being at an edge.
const edge = 32

// Range is the least and the largest luma around every pixel.
type Range struct {
	W, H     int
	Low, Top []float32 // [H,W]
}

// LocalRange finds least and largest luma in the square of 2*radius+1 around every pixel.
func LocalRange(luma []float32, w, h, radius int) Range {
	return Range{w, h, extreme(luma, w, h, radius, func(a, b float32) float32 { return min(a, b) }),
		extreme(luma, w, h, radius, func(a, b float32) float32 { return max(a, b) })}
}

func extreme(v []float32, w, h, radius int, pick func(a, b float32) float32) []float32 {
	rows, out := make([]float32, len(v)), make([]float32, len(v))
	for y := range h {
		in, dst := v[y*w:(y+1)*w], rows[y*w:(y+1)*w]
		for x := range dst {
			m := in[x]
			for _, u := range in[max(x-radius, 0):min(x+radius+1, w)] {
				m = pick(m, u)
			}
			dst[x] = m
		}
	}
	for y := range h {
		dst := out[y*w : (y+1)*w]
		copy(dst, rows[y*w:])
		for k := max(y-radius, 0); k < min(y+radius+1, h); k++ {
			for x, u := range rows[k*w : (k+1)*w] {
				dst[x] = pick(dst[x], u)
			}
		}
	}
	return out
}

// Overshoot is how far the luma of an image of the reference's size lies outside of the reference's range around each pixel, in 8-bit
// levels: the mean over the pixels at edges, where that range is 32 levels or more. Halos and ringing have it. False without edges.
func (r Range) Overshoot(luma []float32) (float64, bool) {
	var sum float64
	n := 0
	for i, v := range luma {
		if r.Top[i]-r.Low[i] >= edge {
			sum += float64(max(v-r.Top[i], r.Low[i]-v, 0))
			n++
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// IsGray reports whether the channels of every pixel differ by at most one level, which rounding makes.
func IsGray(m Image) bool {
	share, _ := Colored(m)
	return share == 0
}

// Colored is the share of pixels whose channels differ by more than one level, and the largest such difference in the image.
func Colored(m Image) (share float64, levels int) {
	n := 0
	for o := 0; o+2 < len(m.Pix); o += 3 {
		r, g, b := int(m.Pix[o]), int(m.Pix[o+1]), int(m.Pix[o+2])
		d := max(r, g, b) - min(r, g, b)
		levels = max(levels, d)
		if d > 1 {
			n++
		}
	}
	return float64(n) / float64(max(m.W*m.H, 1)), levels
}

// Enlarged repeats every value of a w x h plane by scale in both directions.
func Enlarged(plane []float32, w, h, scale int) ([]float32, error) {
	if len(plane) != w*h || scale < 1 {
		return nil, fmt.Errorf("quality: %d values for %dx%d, scale %d", len(plane), w, h, scale)
	}
	out := make([]float32, 0, len(plane)*scale*scale)
	for y := range h {
		start := len(out)
		for _, v := range plane[y*w : (y+1)*w] {
			for range scale {
				out = append(out, v)
			}
		}
		row := slices.Clone(out[start:])
		for range scale - 1 {
			out = append(out, row...)
		}
	}
	return out, nil
}
