package cpu

import (
	"vsr/media"
	"vsr/sr/kdsr"
)

// plainBuilder turns nodes into plain Go steps, one for one: the specification of the engine. Maps are [H,W,C] float32.
type plainBuilder struct {
	p    *plan
	e    *Engine
	maps map[*node]*fmap
}

func (b *plainBuilder) newMap(name string, c, w, h int) *fmap {
	return &fmap{name: name, c: c, w: w, h: h, pitch: 4 * c * w}
}

// near is an edge to rows of the same frame size.
func near(m *fmap, reach int) edge { return edge{m, 1, 1, reach} }

// frame adds the steps of a node that computes a frame from frames.
func (b *plainBuilder) frame(n *node, w, h int) {
	switch n.op {
	case opInput:
		b.maps[n] = b.input(w, h)
	case opConv:
		b.maps[n] = b.conv(n.name, b.maps[n.x], n.c, n.stride, n.lrelu, nil)
	case opResBlock:
		x := b.maps[n.x]
		b.maps[n] = b.conv(n.name+".2", b.conv(n.name+".0", x, n.c, 1, true, nil), n.c, 1, false, x)
	case opBlock:
		b.maps[n] = b.block(n, b.maps[n.x])
	case opAdd:
		b.maps[n] = b.addMaps(b.maps[n.x], b.maps[n.y])
	case opShift:
		b.maps[n] = b.shift(b.maps[n.x], n.sign)
	case opShuffle:
		b.maps[n] = b.shuffle(b.maps[n.x], n.r)
	case opEnlarge:
		b.maps[n] = b.enlarge(b.maps[n.x], n.r)
	}
}

func (b *plainBuilder) input(w, h int) *fmap {
	p, out := b.p, b.newMap("rgb", 3, w, h)
	p.add(&step{stage: StageInput, out: out, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			p.color.plainToRGB(out.row(y), p.src, y)
		}
	}})
	return out
}

func (b *plainBuilder) output(n *node, f media.Format) {
	p, x := b.p, b.maps[n]
	_, sy := f.Layout.Shift()
	p.add(&step{stage: StageOutput, in: []edge{{x, 1 << sy, 1, 2}}, h: (x.h + 1<<sy - 1) >> sy, run: func(_ *scratch, k0, k1 int) {
		for k := k0; k < k1; k++ {
			p.color.plainFromRGB(p.dst, k, x.row)
		}
	}})
}

// convRow computes row y of a convolution, [W,Out], without bias, into dst. The weights are [ky][kx][in][out].
func convRow(dst []float32, x *fmap, w []float32, y, k, stride, out, outW int) {
	clear(dst)
	for ky := range k {
		iy := y*stride + ky - k/2
		if !x.inside(iy) {
			continue
		}
		row := x.row(iy)
		for ox := range outW {
			to := dst[ox*out : ox*out+out]
			for kx := range k {
				ix := ox*stride + kx - k/2
				if ix < 0 || ix >= x.w {
					continue
				}
				for i, v := range row[ix*x.c : ix*x.c+x.c] {
					axpy(to, w[((ky*k+kx)*x.c+i)*out:], v)
				}
			}
		}
	}
}

func axpy(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}

func lrelu(v float32) float32 {
	if v < 0 {
		return kdsr.Slope * v
	}
	return v
}

// conv adds y = act(conv3(x) + b) + add; add may be nil.
func (b *plainBuilder) conv(name string, x *fmap, c, stride int, act bool, add *fmap) *fmap {
	out := b.newMap(name, c, (x.w+stride-1)/stride, (x.h+stride-1)/stride)
	w, bias := b.e.plainWeights(name)
	in := []edge{{x, stride, 1, 1}}
	if add != nil {
		in = append(in, near(add, 0))
	}
	b.p.add(&step{stage: stageOf(name), in: in, out: out, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			row := out.row(y)
			convRow(row, x, w, y, 3, stride, c, out.w)
			finishRow(row, bias, act, add, y)
		}
	}})
	return out
}

// finishRow adds bias, applies the activation and adds row y of the map add, if there is one.
func finishRow(row, bias []float32, act bool, add *fmap, y int) {
	for i := range row {
		row[i] += bias[i%len(bias)]
		if act {
			row[i] = lrelu(row[i])
		}
	}
	if add != nil {
		axpy(row, add.row(y), 1)
	}
}

// block adds one IDR-DCRB. The depthwise rows are computed again for each of the three output rows that use them.
func (b *plainBuilder) block(n *node, x *fmap) *fmap {
	p, out := b.p, b.newMap(n.name, n.c, x.w, x.h)
	w, bias := b.e.plainWeights(n.name)
	p.need = max(p.need, 3*x.pitch)
	p.add(&step{stage: StageBlocks, in: []edge{near(x, 2)}, out: out, run: func(s *scratch, y0, y1 int) {
		taps := p.kernels.taps[n.index]
		t := &fmap{w: x.w, h: x.h, c: x.c, pitch: x.pitch, mem: s.mem[:3*x.pitch]} // window of 3 rows
		for y := y0; y < y1; y++ {
			t.lo = y - 1
			for q := y - 1; q <= y+1; q++ {
				if t.inside(q) {
					depthwiseRow(t.row(q), x, taps, q)
				}
			}
			row := out.row(y)
			convRow(row, t, w, y, 3, 1, n.c, x.w)
			finishRow(row, bias, false, x, y)
		}
	}})
	return out
}

// depthwiseRow computes row y of LReLU(depthwise(x)); taps is [9C], the tap of channel c at (ky,kx) being 9c+3ky+kx.
func depthwiseRow(dst []float32, x *fmap, taps []float32, y int) {
	for ox := range x.w {
		for c := range x.c {
			var sum float32
			for ky := range 3 {
				if !x.inside(y + ky - 1) {
					continue
				}
				row := x.row(y + ky - 1)
				for kx := range 3 {
					if ix := ox + kx - 1; ix >= 0 && ix < x.w {
						sum += row[ix*x.c+c] * taps[9*c+3*ky+kx]
					}
				}
			}
			dst[ox*x.c+c] = lrelu(sum)
		}
	}
}

func (b *plainBuilder) addMaps(x, y *fmap) *fmap {
	out := b.newMap("add", x.c, x.w, x.h)
	b.p.add(&step{stage: StageTail, in: []edge{near(x, 0), near(y, 0)}, out: out, run: func(_ *scratch, y0, y1 int) {
		for q := y0; q < y1; q++ {
			copy(out.row(q), x.row(q))
			axpy(out.row(q), y.row(q), 1)
		}
	}})
	return out
}

func (b *plainBuilder) shift(x *fmap, sign float32) *fmap {
	out := b.newMap("shift", 3, x.w, x.h)
	b.p.add(&step{stage: StageHead, in: []edge{near(x, 0)}, out: out, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			row := out.row(y)
			for i, v := range x.row(y) {
				row[i] = v + sign*kdsr.Mean[i%3]
			}
		}
	}})
	return out
}

func (b *plainBuilder) shuffle(x *fmap, r int) *fmap {
	out := b.newMap("shuffle", x.c/(r*r), x.w*r, x.h*r)
	b.p.add(&step{stage: StageTail, in: []edge{{x, 1, r, 0}}, out: out, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			to, from := out.row(y), x.row(y/r)
			for ox := range out.w {
				for c := range out.c {
					to[ox*out.c+c] = from[ox/r*x.c+c*r*r+y%r*r+ox%r]
				}
			}
		}
	}})
	return out
}

func (b *plainBuilder) enlarge(x *fmap, r int) *fmap {
	out := b.newMap("enlarge", x.c, x.w*r, x.h*r)
	b.p.add(&step{stage: StageTail, in: []edge{{x, 1, r, 0}}, out: out, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			to, from := out.row(y), x.row(y/r)
			for ox := range out.w {
				copy(to[ox*x.c:][:x.c], from[ox/r*x.c:][:x.c])
			}
		}
	}})
	return out
}

func (b *plainBuilder) pool(n *node) (rows []float64, pixels int) {
	x := b.maps[n]
	rows = make([]float64, x.h*x.c)
	b.p.add(&step{stage: StageEstimate, in: []edge{near(x, 0)}, h: x.h, run: func(_ *scratch, y0, y1 int) {
		for y := y0; y < y1; y++ {
			to := rows[y*x.c : (y+1)*x.c]
			clear(to)
			for i, v := range x.row(y) {
				to[i%x.c] += float64(v)
			}
		}
	}})
	return rows, x.w * x.h
}

// tail adds the official tail collapsed into one 5x5 convolution, with its own kernels for pixels at the edges.
func (b *plainBuilder) tail(xn, yn *node) {
	x, s, e := b.maps[xn], b.e.Scale(), b.e
	out := b.newMap("tail", 3, x.w*s, x.h*s)
	b.maps[yn] = out
	b.p.need = max(b.p.need, 4*e.tail.Out)
	for edges := range kdsr.Edges(16) { // before the workers start: plainTail fills a cache
		if edges == 0 || fits(edges, x.w, x.h) {
			e.plainTail(edges)
		}
	}
	b.p.add(&step{stage: StageTail, in: []edge{{x, 1, s, 2}}, out: out, align: s, run: func(sc *scratch, y0, y1 int) {
		acc := floats(sc.mem)[:e.tail.Out]
		for y := y0 / s; y < y1/s; y++ {
			for ox := range x.w {
				k := e.tails[kdsr.EdgesAt(ox, y, x.w, x.h)]
				copy(acc, k.bias)
				tailPixel(acc, x, k.w, y, ox)
				for o, v := range acc { // PixelShuffle
					out.row(y*s + o/s%s)[(ox*s+o%s)*3+o/(s*s)] = v
				}
			}
		}
	}})
}

// fits reports whether a frame of w x h has pixels with exactly these edges.
func fits(e kdsr.Edges, w, h int) bool {
	for _, y := range []int{0, h / 2, h - 1} {
		for _, x := range []int{0, w / 2, w - 1} {
			if kdsr.EdgesAt(x, y, w, h) == e {
				return true
			}
		}
	}
	return false
}

// tailPixel adds the 5x5 convolution at one pixel to acc.
func tailPixel(acc []float32, x *fmap, w []float32, y, ox int) {
	for t := range 25 {
		iy, ix := y+t/5-2, ox+t%5-2
		if !x.inside(iy) || ix < 0 || ix >= x.w {
			continue
		}
		for i, v := range x.row(iy)[ix*x.c : ix*x.c+x.c] {
			axpy(acc, w[(t*x.c+i)*len(acc):], v)
		}
	}
}
