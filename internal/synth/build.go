package synth

import (
	"math"
	"math/rand/v2"
)

// builder lays a clip out from its first frame on.
type builder struct {
	*Clip
	r    *rand.Rand
	o    *Options
	used map[int]bool // stills of this clip by index, moving takes by -1 - index
}

// between gives a number in [lo, hi).
func (b *builder) between(lo, hi float64) float64 { return lo + (hi-lo)*b.r.Float64() }

// frames gives a whole number in [lo, hi].
func (b *builder) frames(lo, hi int) int { return lo + b.r.IntN(hi-lo+1) }

// place is what a stage or a landscape has in common over all shots of it.
type place struct {
	images []*Image // one, or a moving take
	skins  []*Image
	colors palette
}

// newPlace picks or draws a place. Images that the caller gave are shared between the halves by index.
func (b *builder) newPlace() *place {
	p := &place{colors: newPalette(b.r)}
	own := func(n int) int { // index of the same parity as the seed, or -1
		k := (n - int(b.Seed%2) + 1) / 2
		if k <= 0 {
			return -1
		}
		return 2*b.r.IntN(k) + int(b.Seed%2)
	}
	switch i, j := own(len(b.o.Stills)), own(len(b.o.Moving)); {
	case j >= 0 && b.r.IntN(4) == 0 && !b.used[-1-j]:
		p.images = b.o.Moving[j]
		b.used[-1-j] = true
	case i >= 0 && b.r.IntN(3) > 0 && !b.used[i]:
		p.images = []*Image{b.o.Stills[i]}
		b.used[i] = true
	default:
		p.images = []*Image{leaves(b.r, 3*b.w, 5*b.h/2, p.colors)}
	}
	for range 2 {
		p.skins = append(p.skins, leaves(b.r, b.w/2, b.h/2, newPalette(b.r)))
	}
	return p
}

// twin is another place in the same colors.
func (b *builder) twin(p *place) *place {
	q := &place{colors: p.colors, skins: p.skins}
	q.images = []*Image{leaves(b.r, 3*b.w, 5*b.h/2, p.colors)}
	return q
}

// shoot makes a shot of a place with one of the ordinary camera moves.
func (b *builder) shoot(p *place) *shot {
	s := &shot{images: p.images, rate: 10, grade: grade{1, 0, 1}}
	for range b.r.IntN(3) {
		s.sprites = append(s.sprites, newSprite(b.r, p.skins[b.r.IntN(len(p.skins))]))
	}
	s.camera = b.camera(b.anywhere(p))
	return s
}

// anywhere is a view of a place.
func (b *builder) anywhere(p *place) view {
	m := p.images[0]
	size := float64(m.W) / float64(b.w)
	return view{x: b.between(0.3, 0.7) * float64(m.W), y: b.between(0.3, 0.7) * float64(m.H), scale: b.between(0.3, 0.5) * size,
		turn: 0.04 * b.r.NormFloat64()}
}

// camera makes an ordinary move that starts at v: a tripod, a pan, a slow zoom, or a hand.
func (b *builder) camera(v view) path {
	switch b.r.IntN(4) {
	case 0:
		return still(v)
	case 1:
		return pan(v, b.between(-0.35, 0.35)*float64(b.w), b.between(-0.1, 0.1)*float64(b.h))
	case 2:
		speed := b.between(-0.15, 0.15)
		return func(t float64) view {
			w := v
			w.scale *= math.Exp(speed * t)
			return w
		}
	}
	return b.shaken(still(v), b.between(0.002, 0.008), 1.2)
}

func still(v view) path { return func(float64) view { return v } }

// pan moves by frame pixels a second.
func pan(v view, vx, vy float64) path {
	return func(t float64) view {
		w := v
		w.x, w.y = w.x+vx*t*v.scale, w.y+vy*t*v.scale
		return w
	}
}

// shaken adds sums of sines: amplitude in frame widths, rate in hertz.
func (b *builder) shaken(p path, amplitude, rate float64) path {
	var f, phase [6]float64
	for i := range f {
		f[i], phase[i] = rate*b.between(0.5, 1.6), 2*math.Pi*b.r.Float64()
	}
	a := amplitude * float64(b.w)
	return func(t float64) view {
		v := p(t)
		at := func(i int) float64 { return math.Sin(2*math.Pi*f[i]*t + phase[i]) }
		v.x += a * v.scale * (at(0) + 0.6*at(1))
		v.y += a * v.scale * (at(2) + 0.6*at(3)) * 0.7
		v.turn += amplitude * 0.4 * (at(4) + 0.5*at(5))
		return v
	}
}

// cut adds n frames of a shot.
func (b *builder) cut(n int, s *shot, what string) {
	if b.Frames > 0 {
		b.Events = append(b.Events, Event{b.Frames, b.Frames, true, what})
	}
	b.takes = append(b.takes, take{b.Frames, s, b.between(0, 2)})
	b.Frames += n
}

// shots adds n ordinary shots of places that are all different.
func (b *builder) shots(n, lo, hi int) {
	for range n {
		b.cut(b.frames(lo, hi), b.shoot(b.newPlace()), "cut")
	}
}

// mixTo goes to the next shot over mixed frames, n in all.
func (b *builder) mixTo(mixed, n int, s *shot, m mask, what string) {
	b.Events = append(b.Events, Event{b.Frames, b.Frames + mixed, true, what})
	b.takes = append(b.takes, take{b.Frames, s, b.between(0, 2)})
	b.blends = append(b.blends, blend{b.Frames, b.Frames + mixed, len(b.takes) - 1, m})
	b.Frames += n
}

// over adds an effect.
func (b *builder) over(first, last int, f func(c *canvas, i int)) {
	b.effects = append(b.effects, effect{first, last, f})
}

// distract notes that nothing is to be reported in a range.
func (b *builder) distract(first, last int, what string) {
	b.Events = append(b.Events, Event{first, last, false, what})
}
