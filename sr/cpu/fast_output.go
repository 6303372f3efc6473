package cpu

import (
	"time"

	"vsr/internal/conv"
	"vsr/media"
)

// enlarged is the last convolution of a network, whose result, the enlarged picture, need not be stored: a few of its rows at a
// time fit into the cache, where they are turned into samples. A picture of 1280x720 would be 11 MB to write and to read again.
type enlarged struct {
	out   *fmap  // the picture, if it is stored
	small *fmap  // the map that the convolution reads
	scale int    // from small to out
	in    []edge // of a row of small
	need  int    // bytes of scratch
	// run computes the enlarged rows of rows [y0,y1) of small; y0 is a multiple of 4, and y1 too unless it is the end.
	run func(dst conv.FrameMap, mem []byte, y0, y1 int)
}

// enlarge returns the map of the enlarged picture without the step that makes it.
func (b *fastBuilder) enlarge(o *pending, in []edge, need int, run func(conv.FrameMap, []byte, int, int)) *fmap {
	out := b.newPicture(o.x.w*o.shuffle, o.x.h*o.shuffle)
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

// addEnlarged adds the step that stores the picture.
func (b *fastBuilder) addEnlarged(l *enlarged) {
	b.scratch(l.need)
	b.p.add(&step{stage: StageTail, in: l.edges(1), out: l.out, align: 4 * l.scale, run: func(sc *scratch, y0, y1 int) {
		l.run(l.out.window(), sc.mem, y0/l.scale, (y1+l.scale-1)/l.scale)
	}})
}

// output implements builder.
func (b *fastBuilder) output(n *node, f media.Format) {
	p, k, c := b.p, b.k, colourOf(f)
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
		f := yuv(p.dst, &p.colour)
		k.FromRGB(&f, x.window(), k0, k1, 0, x.w, s.mem)
	}})
}

// outputStrips adds the last convolution together with the conversion into samples.
func (b *fastBuilder) outputStrips(l *enlarged, sy int) {
	p, k := b.p, b.k
	w, group := l.out.w, 4*l.scale>>sy // rows of chroma that four rows of the small map give
	strip := (l.need + 63) &^ 63       // where the strip of the picture is in the scratch, and what the conversion needs
	colours := strip + 4*l.scale*l.out.pitch
	b.scratch(colours + k.YUVScratch(w))
	p.add(&step{stage: StageTail, in: l.edges(1 << sy), h: (l.out.h + 1<<sy - 1) >> sy, align: group, run: func(s *scratch, k0, k1 int) {
		f := yuv(p.dst, &p.colour)
		picture := conv.FrameMap{Mem: s.mem[strip:colours], Pitch: l.out.pitch}
		for ; k0 < k1; k0 += group {
			y := k0 << sy / l.scale
			picture.Lo = y * l.scale
			l.run(picture, s.mem, y, min(y+4, l.small.h))
			began := time.Now()
			k.FromRGB(&f, picture, k0, min(k0+group, k1), 0, w, s.mem[colours:])
			p.output.Add(int64(time.Since(began)))
		}
	}})
}
