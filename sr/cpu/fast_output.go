package cpu

import (
	"time"

	"vsr/internal/conv"
	"vsr/media"
)

// enlarged is the last convolution of a network, whose result, the enlarged frame, need not be stored: a few of its rows at a
// time fit into the cache, where they are turned into samples. A frame of 1280x720 would be 11 MB to write and to read again.
type enlarged struct {
	out   *fmap  // the frame, if it is stored
	small *fmap  // the map that the convolution reads
	scale int    // from small to out
	in    []edge // of a row of small
	need  int    // bytes of scratch
	// run computes the enlarged rows of rows [y0,y1) of small; y0 is a multiple of 4, and y1 too unless it is the end. Of the
	// columns the same holds; zero means all.
	run func(dst conv.FrameMap, mem []byte, y0, y1 int, columns span)
}

// enlarge returns the map of the enlarged frame without the step that makes it.
func (b *fastBuilder) enlarge(o *pending, in []edge, need int, run func(conv.FrameMap, []byte, int, int, span)) *fmap {
	out := b.newImage(o.x.w*o.shuffle, o.x.h*o.shuffle)
	b.late[out] = &enlarged{out: out, small: o.x, scale: o.shuffle, in: in, need: need, run: run}
	return out
}

// edges are those of a step of `per` enlarged rows a row.
func (l *enlarged) edges(per int) []edge {
	var in []edge
	for _, e := range l.in {
		e.mul, e.div = per, l.scale
		if per > 1 && l.scale%per != 0 {
			e.reach++ // its enlarged rows come from two small ones
		}
		in = append(in, e)
	}
	return in
}

// addEnlarged adds the step that stores the frame.
func (b *fastBuilder) addEnlarged(l *enlarged) {
	b.scratch(l.need)
	b.p.add(&step{stage: StageTail, in: l.edges(1), out: l.out, align: 4 * l.scale, run: func(sc *scratch, y0, y1 int) {
		l.run(l.out.window(), sc.mem, y0/l.scale, (y1+l.scale-1)/l.scale, span{})
	}})
}

// output implements builder.
func (b *fastBuilder) output(n *node, f media.Format) {
	p, k, c := b.p, b.k, colorOf(f)
	if o := b.open[n]; o != nil {
		delete(b.open, n)
		b.maps[n] = b.emit(o, nil, 0)
	}
	l := b.late[b.maps[n]]
	if l != nil && (c.sy == 0 || c.py2 == 1) { // chroma rows come from rows of one group
		b.outputStrips(l, int(c.sy))
		return
	}
	x := b.get(n)
	b.scratch(k.YUVScratch(x.w))
	p.add(&step{stage: StageOutput, in: []edge{{x, 1 << c.sy, 1, 2}}, h: (x.h + 1<<c.sy - 1) >> c.sy, align: 4, run: func(s *scratch, k0, k1 int) {
		f := yuv(p.dst, &p.color)
		if !k.FromRGB(&f, x.window(), k0, k1, 0, x.w, s.mem) {
			p.overflow.Store(true)
		}
	}})
}

// outputStrips adds the last convolution together with the conversion into samples.
func (b *fastBuilder) outputStrips(l *enlarged, sy int) {
	p, k := b.p, b.k
	w, group := l.out.w, 4*l.scale>>sy // rows of chroma that four rows of the small map give
	strip := (l.need + 63) &^ 63       // where the strip of the frame is in the scratch, and what the conversion needs
	colors := strip + 4*l.scale*l.out.pitch
	b.scratch(colors + k.YUVScratch(w))
	p.strips = &strips{scale: l.scale, sy: sy}
	p.add(&step{stage: StageTail, in: l.edges(1 << sy), h: (l.out.h + 1<<sy - 1) >> sy, align: group, run: func(s *scratch, k0, k1 int) {
		f := yuv(p.dst, &p.color)
		frame := conv.FrameMap{Mem: s.mem[strip:colors], Pitch: l.out.pitch}
		computed, written := span{}, span{0, w}
		if c := s.columns; c.y1 > 0 { // the chroma of the first column looks one to the left
			computed, written = span{max(0, c.y0-4), c.y1}, span{c.y0 * l.scale, c.y1 * l.scale}
		}
		for ; k0 < k1; k0 += group {
			y, end := k0<<sy/l.scale, min(k0+group, k1)
			frame.Lo = y * l.scale
			l.run(frame, s.mem, y, min(y+4, l.small.h), computed)
			began := time.Now()
			if !k.FromRGB(&f, frame, k0, end, written.y0, written.y1, s.mem[colors:]) {
				p.overflow.Store(true)
			}
			p.keep(span{k0, end}, written)
			p.output.Add(int64(time.Since(began)))
		}
	}})
}

// keep copies columns of rows of chroma, and the luma rows that go with them, from dst to kept.
func (p *plan) keep(rows, columns span) {
	if p.kept == nil {
		return
	}
	bytes := p.dst.BytesPerSample()
	for i := range colorPlanes(p.dst.Format) {
		sx, sy := p.color.sx, uint(0)
		if i == 0 {
			sx, sy = 0, p.color.sy
		}
		w, h := p.dst.PlaneSize(i)
		x0, x1 := columns.y0>>sx*bytes, min(w, (columns.y1+1<<sx-1)>>sx)*bytes
		for y := rows.y0 << sy; y < min(h, rows.y1<<sy); y++ {
			copy(p.kept.Row(i, y)[x0:x1], p.dst.Row(i, y)[x0:x1])
		}
	}
}
