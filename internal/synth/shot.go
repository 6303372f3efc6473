package synth

import (
	"math"
	"math/rand/v2"
)

// view is where the camera looks: the center in pixels of the world, world pixels per frame pixel, and the turn in radians.
type view struct{ x, y, scale, turn float64 }

// path gives the view at a time in seconds since the shot began.
type path func(t float64) view

// grade is how the light of a shot reaches the file.
type grade struct{ gain, lift, sat float32 }

// shot is one take: a world, things that move in it, and a camera.
type shot struct {
	images  []*Image // one still, or several that are played forward and backward
	rate    float64  // images a second
	camera  path
	sprites []sprite
	grade   grade
}

// sprite is a figure of a few ellipses that walks and swings.
type sprite struct {
	skin       *Image
	parts      [4][5]float64 // x, y, a, b and swing, in figure heights
	x, y, size float64       // at t = 0, in frame heights from the frame's center
	vx, vy     float64       // frame heights a second
	rate       float64       // swings a second
	offset     float64
}

func newSprite(r *rand.Rand, skin *Image) sprite {
	s := sprite{skin: skin, x: 1.2 * (r.Float64() - 0.5), y: 0.5*(r.Float64()-0.5) + 0.1, size: 0.35 + 0.5*r.Float64(),
		vx: 0.35 * r.NormFloat64(), vy: 0.03 * r.NormFloat64(), rate: 0.4 + 1.4*r.Float64(), offset: 1000 * r.Float64()}
	s.parts = [4][5]float64{
		{0, -0.36, 0.12, 0.14, 0.01}, {0, 0, 0.17 + 0.08*r.Float64(), 0.27, 0.01},
		{-0.12, 0.33, 0.08, 0.22, 0.12}, {0.12, 0.33, 0.08, 0.22, -0.12},
	}
	return s
}

// smear is how far the view moves while the shutter is open, as a share of the frame interval.
const smear = 0.5

// draw renders the shot at t into c. dt is the frame interval in seconds.
func (s *shot) draw(c *canvas, t, dt float64) {
	a, b := s.camera(t), s.camera(t+smear*dt)
	speed := math.Hypot(b.x-a.x, b.y-a.y)/a.scale + float64(c.w)/2*math.Abs(b.scale/a.scale-1)
	n := min(max(int(speed/2.5+0.5), 1), 10)
	views := make([]view, n)
	for i := range views {
		k := (float64(i) + 0.5) / float64(n)
		views[i] = view{a.x + k*(b.x-a.x), a.y + k*(b.y-a.y), a.scale + k*(b.scale-a.scale), a.turn + k*(b.turn-a.turn)}
	}
	s.background(c, s.images[mirror(int(t*s.rate), len(s.images))], views)
	for i := range s.sprites {
		s.sprites[i].draw(c, t)
	}
	s.grade.apply(c)
}

func (s *shot) background(c *canvas, world *Image, views []view) {
	weight := 1 / float32(len(views))
	for p := range 2 { // luma, then both planes of chroma
		w, h := c.size(p)
		step := float64(1 + p)
		lo, hi := 0, 1
		if p == 1 {
			lo, hi = 1, 3
		}
		for y := range h {
			for x := range w {
				var sum [3]float32
				for i := range views {
					v := &views[i]
					dx, dy := (float64(x)*step-float64(c.w)/2)*v.scale, (float64(y)*step-float64(c.h)/2)*v.scale
					if v.turn != 0 {
						sin, cos := v.turn, 1-v.turn*v.turn/2 // small angles
						dx, dy = dx*cos-dy*sin, dx*sin+dy*cos
					}
					world.at(v.x+dx, v.y+dy, lo, hi, weight, &sum)
				}
				for k := lo; k < hi; k++ {
					c.plane[k][y*w+x] = sum[k]
				}
			}
		}
	}
}

// apply turns full-range values into graded ones of limited range.
func (g grade) apply(c *canvas) {
	for i, v := range c.plane[0] {
		c.plane[0][i] = 16 + g.lift + v*(219.0/255)*g.gain
	}
	for p := 1; p < 3; p++ {
		for i, v := range c.plane[p] {
			c.plane[p][i] = 128 + (v-128)*(224.0/255)*g.sat*min(g.gain, 1)
		}
	}
}

func (s *sprite) draw(c *canvas, t float64) {
	unit := s.size * float64(c.h)
	cx := float64(c.w)/2 + (s.x+s.vx*t)*float64(c.h)
	cy := float64(c.h)/2 + (s.y+s.vy*t)*float64(c.h)
	swing := math.Sin(2 * math.Pi * s.rate * (t + s.offset))
	for _, part := range s.parts {
		px, py := cx+(part[0]+part[4]*swing)*unit, cy+part[1]*unit
		rx, ry := part[2]*unit, part[3]*unit
		for p := range 2 {
			s.ellipse(c, p, px, py, rx, ry, cx, cy)
		}
	}
}

// ellipse paints one part; its surface moves with the figure.
func (s *sprite) ellipse(c *canvas, p int, px, py, rx, ry, cx, cy float64) {
	w, h := c.size(p)
	step := float64(1 + p)
	lo, hi := 0, 1
	if p == 1 {
		lo, hi = 1, 3
	}
	for y := max(int((py-ry)/step), 0); y < min(int((py+ry)/step)+1, h); y++ {
		for x := max(int((px-rx)/step), 0); x < min(int((px+rx)/step)+1, w); x++ {
			u, v := (float64(x)*step-px)/rx, (float64(y)*step-py)/ry
			d := u*u + v*v
			if d >= 1 {
				continue
			}
			edge := min(float32(1-d)*float32(rx)/3, 1)
			var sum [3]float32
			s.skin.at(s.offset+float64(x)*step-cx, s.offset+float64(y)*step-cy, lo, hi, 1, &sum)
			for k := lo; k < hi; k++ {
				to := &c.plane[k][y*w+x]
				*to += edge * (sum[k] - *to)
			}
		}
	}
}
