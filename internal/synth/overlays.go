package synth

import "math"

// buildInset shows a frame in the frame, which comes, changes its shot, and goes.
func buildInset(b *builder) {
	for range 2 {
		b.cut(b.frames(60, 75), b.shoot(b.newPlace()), "cut")
		t := b.takes[len(b.takes)-1]
		first, second := b.shoot(b.newPlace()), b.shoot(b.newPlace())
		share := b.between(0.22, 0.36) // of the frame's width
		w, h := int(share*float64(b.w))&^1, int(share*float64(b.h))&^1
		x, y := b.w-w-10, b.h-h-10
		if b.r.IntN(2) == 0 {
			x = 10
		}
		if b.r.IntN(2) == 0 {
			y = 10
		}
		come := t.first + b.frames(12, 16)
		change, leave := come+b.frames(14, 18), come+b.frames(34, 40)
		slide := map[bool]int{true: 1, false: 8}[b.r.IntN(2) == 0]
		small := newCanvas(w, h)
		b.over(come, leave-1, func(c *canvas, i int) {
			s := first
			if i >= change {
				s = second
			}
			s.draw(small, float64(i)/float64(b.Rate), 1/float64(b.Rate))
			left := (slide - min(i-come+1, slide)) * 12
			if x < b.w/2 {
				left = -left
			}
			c.paste(small, (x+left)&^1, y&^1)
		})
		b.distract(come, come+slide, "inset comes")
		b.distract(change, change, "cut in the inset")
		b.distract(leave, leave, "inset goes")
	}
}

// paste copies o to x0, y0, which are even, as far as it lies inside.
func (c *canvas) paste(o *canvas, x0, y0 int) {
	for p := range c.plane {
		shift := min(p, 1)
		w, h := c.size(p)
		ow, oh := o.size(p)
		for y := range oh {
			for x := range ow {
				if tx, ty := x+x0>>shift, y+y0>>shift; tx >= 0 && tx < w && ty >= 0 && ty < h {
					c.plane[p][ty*w+tx] = o.plane[p][y*ow+x]
				}
			}
		}
	}
}

// buildSubtitle writes lines of text over the frame.
func buildSubtitle(b *builder) {
	for range 2 {
		n := b.frames(70, 80)
		b.cut(n, b.shoot(b.newPlace()), "cut")
		first := b.Frames - n
		for at := first + 10; at+18 < b.Frames-3; at += 22 {
			last := at + b.frames(10, 16)
			lines, size := 1+b.r.IntN(2), b.frames(9, 13)
			if b.r.IntN(4) == 0 {
				size = 24 // a title
			}
			seed := b.r.Uint64()
			yellow := b.r.IntN(3) == 0
			b.over(at, last-1, func(c *canvas, _ int) { write(c, lines, size, seed, yellow) })
			b.distract(at, at, "text comes")
			b.distract(last, last, "text goes")
		}
	}
}

// write draws blocks like letters, white or yellow with a black edge, on centered lines at the bottom.
func write(c *canvas, lines, size int, seed uint64, yellow bool) {
	ink := [3]float32{230, 128, 128}
	if yellow {
		ink = [3]float32{205, 30, 145}
	}
	for line := range lines {
		y := c.h - 12 - (lines-line)*(size+5)
		width := int((0.4 + 0.2*lattice(seed, line, 0)) * float64(c.w) * 1.3)
		for x, i := (c.w-width)/2, 1; x < (c.w+width)/2; i++ {
			letter := size/2 + int(2*lattice(seed, line, i))
			if math.Abs(lattice(seed, line, 1000+i)) > 0.15 { // else a space
				c.box(x-1, y-1, x+letter-1, y+size+1, [3]float32{16, 128, 128})
				c.box(x, y, x+letter/3, y+size, ink)
				if lattice(seed, i, line) > 0 {
					c.box(x, y, x+letter-2, y+size/4, ink)
				} else {
					c.box(x, y+size/2, x+letter-2, y+3*size/4, ink)
				}
			}
			x += letter + 1
		}
	}
}

func buildGrain(b *builder) {
	b.shots(3, 30, 45)
	b.noise, b.coarse = float32(b.between(5, 16)), b.frames(1, 3)
	for _, t := range b.takes {
		b.distract(t.first+3, t.first+26, "grain")
	}
	if b.r.IntN(2) == 0 {
		for i := range b.takes {
			b.takes[i].shot.grade = grade{float32(b.between(0.3, 0.6)), 0, 0.7}
		}
	}
}

// buildFlicker changes the light from frame to frame: old video, tubes, a strobe.
func buildFlicker(b *builder) {
	b.shots(3, 35, 50)
	for _, t := range b.takes {
		b.distract(t.first+3, t.first+31, "flicker")
	}
	depth, kind, seed := float32(b.between(0.1, 0.4)), b.r.IntN(3), b.r.Uint64()
	rate := b.between(3, 11)
	b.over(0, b.Frames, func(c *canvas, i int) {
		switch kind {
		case 0: // old video: random, with scratches
			c.gain(1 + depth*float32(lattice(seed, i, 0)))
			for k := range 2 {
				if lattice(seed, i, 1+k) > 0.6 {
					x := int(math.Abs(lattice(seed, i, 3+k)) * float64(c.w))
					c.box(x, 0, x+2, c.h, [3]float32{210, 128, 128})
				}
			}
		case 1: // a tube against the shutter
			c.gain(1 + depth*float32(math.Sin(2*math.Pi*rate*float64(i)/float64(b.Rate))))
		default: // a strobe: on and off for some frames
			if int(float64(i)*rate/float64(b.Rate))%2 == 1 {
				c.gain(1 - 1.5*depth)
			}
		}
	})
}

// buildRate shows each image several times, as converted video and drawn animation do, in a fixed or in an uneven rhythm.
func buildRate(b *builder) {
	b.Rate = []int{24, 25, 30, 50, 60}[b.r.IntN(5)]
	b.shots(4, 20, 45)
	beat := [][]int{{3, 2}, {2}, {3}, {1, 1, 1, 2}, {2, 2, 1}}[b.r.IntN(5)]
	var from []int // content frame of each frame
	for n, k := 0, 0; len(from) < b.Frames; n, k = n+1, k+1 {
		for range beat[k%len(beat)] {
			from = append(from, n)
		}
	}
	// The content runs slower than the frames; cuts fall where the content's do.
	first := func(n int) int {
		for i, f := range from {
			if f >= n {
				return i
			}
		}
		return len(from)
	}
	var kept []Event
	for _, e := range b.Events {
		if at := first(e.First); at < b.Frames {
			e.First, e.Last = at, at
			kept = append(kept, e)
		}
	}
	b.Events = kept
	b.distract(2, max(first(b.takes[1].first)-2, 2), "repeated frames")
	frames := b.Frames
	b.source = func(i int) int { return from[min(i, frames-1)] }
}

// buildLetterbox changes the bars, at cuts and within shots.
func buildLetterbox(b *builder) {
	b.shots(3, 45, 55)
	black := [3]float32{16, 128, 128}
	for _, t := range b.takes {
		lo, hi := b.frames(0, b.h/12), b.frames(b.h/9, b.h/6)
		if b.r.IntN(2) == 0 {
			lo, hi = hi, lo
		}
		at, length := t.first+b.frames(12, 18), []int{1, 1, 8, 15}[b.r.IntN(4)]
		end := t.first + 44
		b.over(t.first, end+20, func(c *canvas, i int) {
			k := 0
			for _, o := range b.takes {
				if o.first <= i {
					k = o.first
				}
			}
			if k != t.first {
				return
			}
			part := min(max(float64(i-at+1)/float64(length), 0), 1)
			bar := int(float64(lo)+part*float64(hi-lo)) &^ 1
			c.box(0, 0, c.w, bar, black)
			c.box(0, c.h-bar, c.w, c.h, black)
		})
		b.distract(at, at+length, "bars move")
	}
}

// mixture is an ordinary sequence: cuts, jump cuts, short shots, a fast pan and a flash.
func mixture(b *builder) {
	b.shots(2, 15, 40)
	p := b.newPlace()
	b.cut(b.frames(15, 30), b.shoot(p), "cut")
	v := b.anywhere(p)
	s := b.shoot(p)
	s.camera = pan(v, b.between(0.5, 0.9)*float64(b.w), 0)
	n := b.frames(25, 35)
	b.cut(n, s, "jump cut")
	b.distract(b.Frames-n+3, b.Frames-3, "fast pan")
	b.shots(1, 4, 9)
	b.shots(1, 35, 45)
	at := b.Frames - 18
	strength := float32(b.between(0.6, 1))
	b.over(at, at+1, func(c *canvas, _ int) { c.tint([3]float32{235, 128, 128}, strength) })
	b.distract(at, at+2, "white flash")
}

func buildLowRate(b *builder) {
	mixture(b)
	b.BitRate = 130_000
}

func buildTwice(b *builder) {
	mixture(b)
	b.BitRate, b.Generations = 220_000, 2
}
