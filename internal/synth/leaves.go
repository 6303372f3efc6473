package synth

import (
	"math"
	"math/rand/v2"
)

// palette is what the surfaces of one place have in common.
type palette struct {
	base  [5]colour
	light float64 // change of luma from top to bottom
}

func newPalette(r *rand.Rand) palette {
	var p palette
	hue, spread := 2*math.Pi*r.Float64(), 0.3+1.2*r.Float64()
	mid := 70 + 90*r.Float64()
	for i := range p.base {
		h := hue + spread*r.NormFloat64()
		sat := 8 + 30*r.Float64()
		p.base[i] = colour{min(max(mid+45*r.NormFloat64(), 20), 235), 128 + sat*math.Cos(h), 128 + sat*math.Sin(h)}
	}
	p.light = 60 * (r.Float64() - 0.5)
	return p
}

func (p *palette) pick(r *rand.Rand) colour {
	c := p.base[r.IntN(len(p.base))]
	c[0] += 14 * r.NormFloat64()
	c[1] += 4 * r.NormFloat64()
	c[2] += 4 * r.NormFloat64()
	return c
}

// leaves draws opaque shapes over each other with radii after a power law. Such images have the edges, the occlusions and the
// spectrum of photographs (the dead leaves model).
func leaves(r *rand.Rand, w, h int, p palette) *Image {
	m := &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	n := w * h / 220
	const least, most = 4.0, 130.0
	for i := range n {
		u := r.Float64()
		radius := 1 / math.Sqrt(1/(most*most)+u*(1/(least*least)-1/(most*most))) // density r^-3
		if i == 0 {
			radius = float64(w + h) // the ground
		}
		s := shape{x: r.Float64() * float64(w), y: r.Float64() * float64(h), a: radius, b: radius * (0.35 + 0.65*r.Float64()),
			cos: 1, box: r.IntN(5) < 2, fill: p.pick(r), texture: 3 + 12*r.Float64(), grain: 1 + 5*r.Float64(), seed: r.Uint64()}
		if r.IntN(2) == 0 {
			s.cos, s.sin = math.Cos(math.Pi*r.Float64()), 0
			s.sin = math.Sqrt(1 - s.cos*s.cos)
		}
		s.draw(m, p.light)
	}
	return m
}

// shape is an ellipse or a rectangle with a textured surface.
type shape struct {
	x, y, a, b     float64
	cos, sin       float64
	box            bool
	fill           colour
	texture, grain float64 // amplitude in levels, size in pixels
	seed           uint64
}

func (s *shape) draw(m *Image, light float64) {
	reach := s.a
	if s.box {
		reach = s.a * math.Sqrt2
	}
	x0, x1 := max(int(s.x-reach), 0), min(int(s.x+reach)+1, m.W-1)
	y0, y1 := max(int(s.y-reach), 0), min(int(s.y+reach)+1, m.H-1)
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			dx, dy := float64(x)-s.x, float64(y)-s.y
			u, v := (dx*s.cos+dy*s.sin)/s.a, (dy*s.cos-dx*s.sin)/s.b
			if s.box && max(math.Abs(u), math.Abs(v)) > 1 || !s.box && u*u+v*v > 1 {
				continue
			}
			luma := s.fill[0] + light*(float64(y)/float64(m.H)-0.5) + 10*v
			luma += s.texture * (valueNoise(s.seed, float64(x)/s.grain, float64(y)/s.grain) +
				0.6*valueNoise(s.seed+1, float64(x)/(4*s.grain), float64(y)/(4*s.grain)))
			i := 3 * (y*m.W + x)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2] = clip8(luma), clip8(s.fill[1]), clip8(s.fill[2])
		}
	}
}

// valueNoise interpolates random values at whole numbers, in [-1, 1].
func valueNoise(seed uint64, x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ax, ay := x-fx, y-fy
	ax, ay = ax*ax*(3-2*ax), ay*ay*(3-2*ay)
	ix, iy := int(fx), int(fy)
	top := lattice(seed, ix, iy)*(1-ax) + lattice(seed, ix+1, iy)*ax
	low := lattice(seed, ix, iy+1)*(1-ax) + lattice(seed, ix+1, iy+1)*ax
	return top*(1-ay) + low*ay
}

// lattice is a well mixed number in [-1, 1] for a place (the finalizer of splitmix64).
func lattice(seed uint64, x, y int) float64 {
	h := seed ^ uint64(uint32(x))<<32 ^ uint64(uint32(y))
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64(h^h>>31)/(1<<63) - 1
}
