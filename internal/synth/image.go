package synth

import (
	"image"
	"math"
)

// Image is a still in full-range YCbCr with one chroma sample per luma sample, [H][W][3].
type Image struct {
	W, H int
	Pix  []uint8 // Y, Cb, Cr of each pixel
}

// NewImage converts an image of the standard library.
func NewImage(src image.Image) *Image {
	b := src.Bounds()
	m := &Image{W: b.Dx(), H: b.Dy(), Pix: make([]uint8, 3*b.Dx()*b.Dy())}
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := src.At(x, y).RGBA()
			c := fromRGB(float64(r)/257, float64(g)/257, float64(bl)/257)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2] = clip8(c[0]), clip8(c[1]), clip8(c[2])
			i += 3
		}
	}
	return m
}

// colour is Y, Cb, Cr in code values of full range.
type colour [3]float64

// fromRGB converts by BT.601, as JPEG does.
func fromRGB(r, g, b float64) colour {
	y := 0.299*r + 0.587*g + 0.114*b
	return colour{y, 128 + 0.564*(b-y), 128 + 0.713*(r-y)}
}

func clip8(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// mirror maps any integer to 0..n-1 by reflection at both ends, so that an image has no edge.
func mirror(i, n int) int {
	i %= 2 * n
	if i < 0 {
		i += 2 * n
	}
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// at interpolates channels lo to hi-1 linearly at x, y and adds weight times the result to sum.
func (m *Image) at(x, y float64, lo, hi int, weight float32, sum *[3]float32) {
	fx, fy := math.Floor(x), math.Floor(y)
	ax, ay := float32(x-fx), float32(y-fy)
	x0, y0 := int(fx), int(fy)
	var x1, y1 int
	if x0 >= 0 && y0 >= 0 && x0 < m.W-1 && y0 < m.H-1 {
		x1, y1 = x0+1, y0+1
	} else {
		x1, y1 = mirror(x0+1, m.W), mirror(y0+1, m.H)
		x0, y0 = mirror(x0, m.W), mirror(y0, m.H)
	}
	a, b := 3*(y0*m.W+x0), 3*(y0*m.W+x1)
	c, d := 3*(y1*m.W+x0), 3*(y1*m.W+x1)
	for k := lo; k < hi; k++ {
		top := float32(m.Pix[a+k])*(1-ax) + float32(m.Pix[b+k])*ax
		low := float32(m.Pix[c+k])*(1-ax) + float32(m.Pix[d+k])*ax
		sum[k] += weight * (top*(1-ay) + low*ay)
	}
}
