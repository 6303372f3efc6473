package synth

import "vsr/media"

// canvas is a frame in float32, limited range, chroma at half the resolution.
type canvas struct {
	w, h  int
	plane [3][]float32
}

func newCanvas(w, h int) *canvas {
	c := &canvas{w: w, h: h}
	for p := range c.plane {
		pw, ph := c.size(p)
		c.plane[p] = make([]float32, pw*ph)
	}
	return c
}

func (c *canvas) size(p int) (w, h int) {
	if p == 0 {
		return c.w, c.h
	}
	return (c.w + 1) / 2, (c.h + 1) / 2
}

// each calls f for every sample with its place in luma pixels.
func (c *canvas) each(p int, f func(x, y float64, v *float32)) {
	w, h := c.size(p)
	step := 1.0
	if p > 0 {
		step = 2
	}
	for y := range h {
		for x := range w {
			f(float64(x)*step, float64(y)*step, &c.plane[p][y*w+x])
		}
	}
}

// mix moves c towards o by the weight of each place, in [0, 1].
func (c *canvas) mix(o *canvas, weight func(x, y float64) float32) {
	for p := range c.plane {
		i := 0
		c.each(p, func(x, y float64, v *float32) {
			if k := weight(x, y); k > 0 {
				*v += k * (o.plane[p][i] - *v)
			}
			i++
		})
	}
}

// blend moves c towards o by one weight.
func (c *canvas) blend(o *canvas, k float32) {
	for p := range c.plane {
		for i, v := range o.plane[p] {
			c.plane[p][i] += k * (v - c.plane[p][i])
		}
	}
}

// tint moves c towards one colour of limited range.
func (c *canvas) tint(to [3]float32, k float32) {
	for p := range c.plane {
		for i, v := range c.plane[p] {
			c.plane[p][i] = v + k*(to[p]-v)
		}
	}
}

// gain multiplies the distance from black and from grey.
func (c *canvas) gain(k float32) {
	for i, v := range c.plane[0] {
		c.plane[0][i] = 16 + k*(v-16)
	}
	for p := 1; p < 3; p++ {
		for i, v := range c.plane[p] {
			c.plane[p][i] = 128 + min(k, 1.3)*(v-128)
		}
	}
}

// box fills a rectangle given in luma pixels.
func (c *canvas) box(x0, y0, x1, y1 int, to [3]float32) {
	for p := range c.plane {
		w, h := c.size(p)
		shift := 0
		if p > 0 {
			shift = 1
		}
		for y := max(y0>>shift, 0); y < min(y1>>shift, h); y++ {
			for x := max(x0>>shift, 0); x < min(x1>>shift, w); x++ {
				c.plane[p][y*w+x] = to[p]
			}
		}
	}
}

// store rounds into fr, an 8-bit 4:2:0 frame of the same size.
func (c *canvas) store(fr *media.Frame) {
	for p := range c.plane {
		w, h := c.size(p)
		for y := range h {
			row := fr.Row(p, y)
			for x, v := range c.plane[p][y*w : (y+1)*w] {
				row[x] = uint8(min(max(v+0.5, 1), 254))
			}
		}
	}
}
