package synth

import "math"

// kindRule builds the clips of one kind.
type kindRule struct {
	name  string
	build func(b *builder)
}

// Kinds lists the kinds in a fixed order.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

var kinds = []kindRule{
	{"hard", func(b *builder) { b.shots(5, 12, 45) }},
	{"short", buildShort},
	{"dark", buildDark},
	{"similar", buildSimilar},
	{"jump", buildJump},
	{"flash", buildFlash},
	{"whip", buildWhip},
	{"zoom", buildZoom},
	{"shake", buildShake},
	{"dissolve", buildDissolve},
	{"fade", buildFade},
	{"wipe", buildWipe},
	{"inset", buildInset},
	{"subtitle", buildSubtitle},
	{"grain", buildGrain},
	{"flicker", buildFlicker},
	{"rate", buildRate},
	{"letterbox", buildLetterbox},
	{"lowrate", buildLowRate},
	{"twice", buildTwice},
}

// buildShort has shots of 3 to 8 frames between longer ones, some of which come back.
func buildShort(b *builder) {
	home := b.shoot(b.newPlace())
	b.cut(b.frames(15, 25), home, "cut")
	for range 5 {
		b.cut(b.frames(3, 8), b.shoot(b.newPlace()), "cut to a short shot")
	}
	b.cut(b.frames(15, 25), home, "cut back")
	b.cut(3, b.shoot(b.newPlace()), "cut to three frames")
	b.cut(b.frames(15, 25), home, "cut back")
}

func buildDark(b *builder) {
	for range 4 {
		s := b.shoot(b.newPlace())
		s.grade = grade{float32(b.between(0.1, 0.3)), float32(b.between(0, 4)), 0.8}
		b.cut(b.frames(15, 40), s, "cut in the dark")
	}
	b.noise = float32(b.between(0.5, 2))
}

func buildSimilar(b *builder) {
	p := b.newPlace()
	p = b.twin(p)
	for range 4 {
		b.cut(b.frames(15, 40), b.shoot(p), "cut between twins")
		p = b.twin(p)
	}
}

// buildJump stays in one stage: the camera is put elsewhere or closer, and people have moved on.
func buildJump(b *builder) {
	p := b.newPlace()
	v := b.anywhere(p)
	s := b.shoot(p)
	for i := range 4 {
		if i > 0 {
			if i%2 == 1 {
				v.scale *= map[bool]float64{true: b.between(1.3, 1.6), false: 1 / b.between(1.3, 1.6)}[b.r.IntN(2) == 0]
			}
			side := map[bool]float64{true: 1, false: -1}[b.r.IntN(2) == 0]
			v.x += side * b.between(0.2, 0.45) * float64(b.w) * v.scale
			v.y += b.between(-0.15, 0.15) * float64(b.h) * v.scale
		}
		s = &shot{images: s.images, rate: s.rate, grade: s.grade, camera: b.camera(v), sprites: []sprite{newSprite(b.r, p.skins[0])}}
		b.cut(b.frames(15, 40), s, "jump cut")
	}
}

// buildFlash has flashes of one to three frames, and cuts.
func buildFlash(b *builder) {
	b.shots(3, 40, 60)
	for _, t := range b.takes {
		for n := range 2 {
			first := t.first + 10 + n*15 + b.r.IntN(4)
			last := first + b.r.IntN(3)
			what, strength := "white flash", float32(b.between(0.6, 1))
			to := [3]float32{235, 128, 128}
			switch b.r.IntN(3) {
			case 0:
				what = "coloured flash"
				to = [3]float32{float32(b.between(60, 180)), float32(b.between(50, 200)), float32(b.between(50, 200))}
			case 1:
				what = "lightning"
			}
			if what == "lightning" {
				bright, side := float32(b.between(1.4, 2.4)), b.between(0, 1)
				b.over(first, last, func(c *canvas, i int) {
					g := bright
					if i == first+1 {
						g = 1 + (bright-1)*0.4
					}
					for j := range c.plane[0] {
						x := float64(j%c.w) / float64(c.w)
						k := 1 + (g-1)*float32(1-0.7*math.Abs(x-side))
						c.plane[0][j] = min(16+k*(c.plane[0][j]-16)+12*(k-1), 250)
					}
				})
			} else {
				b.over(first, last, func(c *canvas, i int) {
					k := strength
					if i == last && last > first {
						k *= 0.6 // it dies away
					}
					c.tint(to, k)
				})
			}
			b.distract(first, last+1, what)
		}
	}
}

// eased goes from 0 to 1 over length seconds from start, with a soft begin and end.
func eased(t, start, length float64) float64 {
	x := min(max((t-start)/length, 0), 1)
	return x * x * (3 - 2*x)
}

// buildWhip swings the camera to another part of the place, with the smear of its shutter.
func buildWhip(b *builder) {
	for range 3 {
		p := b.newPlace()
		s, v := b.shoot(p), b.anywhere(p)
		n := b.frames(45, 60)
		first := b.Frames + b.frames(14, 20)
		length := b.frames(5, 12) * max(b.Rate/30, 1)
		n += length
		by := b.between(1, 2.2) * float64(b.w) * v.scale * map[bool]float64{true: 1, false: -1}[b.r.IntN(2) == 0]
		b.cut(n, s, "cut")
		t := &b.takes[len(b.takes)-1]
		start, dt := t.start+float64(first-t.first)/float64(b.Rate), 1/float64(b.Rate)
		hold := b.shaken(still(v), 0.003, 1)
		s.camera = func(t float64) view {
			w := hold(t)
			w.x += by * eased(t, start, float64(length)*dt)
			return w
		}
		s.sprites = nil // they would not be left behind
		b.distract(first, first+length, "whip pan")
	}
}

// buildZoom has crash zooms.
func buildZoom(b *builder) {
	for range 3 {
		p := b.newPlace()
		s, v := b.shoot(p), b.anywhere(p)
		first := b.Frames + b.frames(12, 20)
		length := b.frames(6, 16) * max(b.Rate/30, 1)
		by := b.between(1.5, 2.8)
		if b.r.IntN(2) == 0 {
			by = 1 / by
		} else {
			v.scale /= 1.6
		}
		b.cut(length+b.frames(40, 50), s, "cut")
		t := &b.takes[len(b.takes)-1]
		start, dt := t.start+float64(first-t.first)/float64(b.Rate), 1/float64(b.Rate)
		s.sprites = nil
		s.camera = func(t float64) view {
			w := v
			w.scale *= math.Pow(by, eased(t, start, float64(length)*dt))
			return w
		}
		b.distract(first, first+length, "crash zoom")
	}
}

func buildShake(b *builder) {
	for range 3 {
		p := b.newPlace()
		s := b.shoot(p)
		s.camera = b.shaken(b.camera(b.anywhere(p)), b.between(0.01, 0.035), b.between(3, 6))
		n := b.frames(30, 45)
		b.distract(b.Frames+5, b.Frames+n-5, "shake")
		b.cut(n, s, "cut")
	}
}

func buildDissolve(b *builder) {
	b.shots(2, 25, 40)
	for range 2 {
		n := b.frames(6, 30)
		b.mixTo(n, n+b.frames(25, 40), b.shoot(b.newPlace()), nil, "dissolve")
	}
}

// buildFade goes through black or white to another shot, and back to the same one.
func buildFade(b *builder) {
	b.shots(2, 25, 35)
	for range 2 {
		out, hold, in := b.frames(5, 20), b.frames(0, 8), b.frames(5, 20)
		to := [3]float32{16, 128, 128}
		if b.r.IntN(3) == 0 {
			to[0] = 235
		}
		end := b.Frames // of the old shot
		b.takes = append(b.takes, take{end, b.shoot(b.newPlace()), 0})
		b.Frames += hold + in + b.frames(25, 35)
		b.Events = append(b.Events, Event{end, end + hold + in, true, "fade"})
		b.over(end-out, end+hold+in-1, fader(end-out, out, hold, in, to))
	}
	out, hold, in := b.frames(5, 15), b.frames(0, 5), b.frames(5, 15)
	first := b.Frames
	b.Frames += out + hold + in + 15
	b.over(first, first+out+hold+in-1, fader(first, out, hold, in, [3]float32{16, 128, 128}))
	b.distract(first, first+out+hold+in, "fade out and in again")
}

// fader covers frames out, hold and in with a colour.
func fader(first, out, hold, in int, to [3]float32) func(*canvas, int) {
	return func(c *canvas, i int) {
		switch n := i - first; {
		case n < out:
			c.tint(to, float32(n+1)/float32(out))
		case n < out+hold:
			c.tint(to, 1)
		default:
			c.tint(to, 1-float32(n-out-hold+1)/float32(in+1))
		}
	}
}

func buildWipe(b *builder) {
	b.shots(2, 25, 35)
	for range 2 {
		n := b.frames(8, 20)
		var where func(x, y float64) float64 // in [0, 1]: when the new shot gets there
		switch b.r.IntN(5) {
		case 0:
			where = func(x, _ float64) float64 { return x }
		case 1:
			where = func(x, _ float64) float64 { return 1 - x }
		case 2:
			where = func(_, y float64) float64 { return y }
		case 3:
			where = func(x, y float64) float64 { return (x + y) / 2 }
		default:
			where = func(x, y float64) float64 { return math.Hypot(x-0.5, y-0.5) * math.Sqrt2 }
		}
		soft := b.between(0.01, 0.08)
		b.mixTo(n, n+b.frames(25, 35), b.shoot(b.newPlace()), func(progress, x, y float64) float32 {
			return float32(min(max((progress*(1+soft)-where(x, y))/soft, 0), 1))
		}, "wipe")
	}
}
