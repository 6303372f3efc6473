package cpu

import (
	"vsr/internal/conv"
	"vsr/media"
	"vsr/sr/kdsr"
)

// fastBuilder turns nodes into calls of the frame kernels. It fuses what the kernels can take in one pass: the mean shift into
// the first convolution, a sum into the convolution before it, PixelShuffle and the frame skip into the last one. So a
// convolution is not emitted when it is seen but when its result is asked for, or finished by the operator that takes it.
type fastBuilder struct {
	p    *plan
	e    *Engine
	k    *conv.Frames
	half bool // maps in half precision
	bf16 bool // products in bfloat16

	maps    map[*node]*fmap
	shifted map[*node]bool     // the map is a frame from which the mean is to be subtracted
	large   map[*node]*fmap    // the small frame that this node enlarges
	open    map[*node]*pending // convolutions that are not emitted yet
	late    map[*fmap]*enlarged
}

// pending is a convolution to which something can still be fused.
type pending struct {
	name    string // empty for the collapsed tail
	x       *fmap
	c       int
	act     bool
	shuffle int
}

func newFastBuilder(p *plan, e *Engine, half, bf16 bool) *fastBuilder {
	return &fastBuilder{p: p, e: e, k: e.frames, half: half, bf16: bf16, maps: map[*node]*fmap{},
		shifted: map[*node]bool{}, large: map[*node]*fmap{}, open: map[*node]*pending{}, late: map[*fmap]*enlarged{}}
}

func (b *fastBuilder) feature(name string, c, w, h int) *fmap {
	return &fmap{name: name, c: c, w: w, h: h, pitch: conv.FramePitch(w, c, b.half)}
}

func (b *fastBuilder) newImage(w, h int) *fmap {
	return &fmap{name: "rgb", c: 3, w: w, h: h, pitch: conv.ImagePitch(w)}
}

// window is the map as the kernels see it now.
func (m *fmap) window() conv.FrameMap { return conv.FrameMap{Mem: m.mem, Pitch: m.pitch, Lo: m.lo} }

func (b *fastBuilder) scratch(n int) { b.p.need = max(b.p.need, n) }

// get returns the map of a node, emitting what is pending.
func (b *fastBuilder) get(n *node) *fmap {
	if o := b.open[n]; o != nil {
		delete(b.open, n)
		b.maps[n] = b.emit(o, nil, 0)
	}
	m := b.maps[n]
	if l := b.late[m]; l != nil {
		delete(b.late, m)
		b.addEnlarged(l)
	}
	return m
}

// frame implements builder.
func (b *fastBuilder) frame(n *node, w, h int) {
	switch n.op {
	case opInput:
		b.maps[n] = b.input(w, h)
	case opShift:
		if o := b.open[n.x]; o != nil { // after the tail
			delete(b.open, n.x)
			b.maps[n] = b.emit(o, nil, n.sign)
			return
		}
		b.maps[n], b.shifted[n] = b.get(n.x), true
	case opConv:
		if x := b.get(n.x); x.c == 3 {
			b.maps[n] = b.head(n, x)
		} else {
			b.open[n] = &pending{name: n.name, x: x, c: n.c, act: n.lrelu}
		}
	case opResBlock:
		x := b.get(n.x)
		t := b.emit(&pending{name: n.name + ".0", x: x, c: n.c, act: true}, nil, 0)
		b.maps[n] = b.emit(&pending{name: n.name + ".2", x: t, c: n.c}, x, 0)
	case opBlock:
		b.maps[n] = b.block(n, b.get(n.x))
	case opShuffle:
		o := b.open[n.x]
		delete(b.open, n.x)
		o.shuffle = n.r
		b.open[n] = o
	case opEnlarge:
		b.large[n] = b.get(n.x)
	case opAdd:
		o := b.open[n.x]
		delete(b.open, n.x)
		y := b.large[n.y]
		if y == nil {
			y = b.get(n.y)
		}
		b.maps[n] = b.emit(o, y, 0)
	}
}

// yuv describes a frame to the kernels.
func yuv(f *media.Frame, c *color) conv.FrameYUV {
	y := conv.FrameYUV{W: f.Width, H: f.Height, Wide: f.BytesPerSample() == 2, Gray: c.gray, RGB: c.rgb,
		SX: int(c.sx), SY: int(c.sy), PX2: c.px2, PY2: c.py2, KR: c.kr, KG: c.kg, KB: c.kb,
		RCr: c.rCr, BCb: c.bCb, GCb: c.gCb, GCr: c.gCr, YOff: c.yOff, YScale: c.yScale, COff: c.cOff, CScale: c.cScale, Top: c.top}
	for p := range colorPlanes(f.Format) {
		y.Plane[p], y.Stride[p] = f.Plane[p], f.Stride[p]
	}
	if !c.gray {
		y.CW, y.CH = f.PlaneSize(1)
	}
	return y
}

func (b *fastBuilder) input(w, h int) *fmap {
	p, k, out := b.p, b.k, b.newImage(w, h)
	b.scratch(k.YUVScratch(w))
	p.add(&step{stage: StageInput, out: out, align: 4, run: func(s *scratch, y0, y1 int) {
		f := yuv(p.src, &p.color)
		k.ToRGB(&f, out.window(), y0, y1, s.mem)
	}})
	return out
}

// head adds the first convolution of a frame.
func (b *fastBuilder) head(n *node, x *fmap) *fmap {
	k, out := b.k, b.feature(n.name, n.c, (x.w+n.stride-1)/n.stride, (x.h+n.stride-1)/n.stride)
	w, bias := b.e.plainWeights(n.name) // [row][column][color][out]: what the kernel wants
	a := conv.FrameHead{Weight: w, Bias: bias, H: x.h, W: x.w, K: n.c, Stride: n.stride, LReLU: n.lrelu, Half: b.half}
	if b.shifted[n.x] {
		a.Shift = kdsr.Mean
	}
	b.scratch(k.HeadScratch(x.w))
	b.p.add(&step{stage: stageOf(n.name), in: []edge{{x, n.stride, 1, 1}}, out: out, align: 4, run: func(s *scratch, y0, y1 int) {
		a := a
		a.Dst, a.Src, a.X0, a.X1 = out.window(), x.window(), s.columns.y0, s.columns.y1
		k.Head(&a, y0, y1, s.mem)
	}})
	return out
}

// block adds one IDR-DCRB.
func (b *fastBuilder) block(n *node, x *fmap) *fmap {
	p, k, out := b.p, b.k, b.feature(n.name, n.c, x.w, x.h)
	bf16 := b.bf16 && b.e.w.Config.N-n.index >= b.e.w.LastExact()
	layer := b.e.fastConv(n.name, 1, bf16)
	a := conv.FrameConv{U: layer.u, Bias: layer.bias, H: x.h, W: x.w, C: x.c, K: n.c, Half: b.half, BF16: bf16}
	b.scratch(k.ConvScratch(x.w, x.c, n.c))
	p.add(&step{stage: StageBlocks, in: []edge{near(x, 2)}, out: out, align: 4, run: func(s *scratch, y0, y1 int) {
		a := a
		a.Dst, a.Src, a.Add, a.Taps = out.window(), x.window(), x.window(), p.kernels.turned[n.index]
		a.X0, a.X1 = s.columns.y0, s.columns.y1
		k.Conv(&a, y0, y1, s.mem)
	}})
	return out
}

// emit adds a convolution with what is fused to it: add, a map or, after a shuffle, the small frame; or a mean shift.
func (b *fastBuilder) emit(o *pending, add *fmap, shift float32) *fmap {
	if o.name == "" {
		return b.emitTail(o, add, shift)
	}
	k, bf16 := b.k, b.bf16
	if o.shuffle > 0 {
		// What the last layer rounds is seen as it is. With the weights that ship, bfloat16 here moves twice as many samples by
		// more than a level than the rule allows, and float32 half as many: TestPrecisionOfModels.
		bf16 = false
	}
	if o.name == "G.body.1" {
		bf16 = bf16 && b.e.w.LastExact() < 1
	}
	layer := b.e.fastConv(o.name, max(1, o.shuffle), bf16)
	kc := conv.FrameChannels(o.c)
	a := conv.FrameConv{U: layer.u, Bias: shiftBias(layer.bias, o.shuffle, shift), H: o.x.h, W: o.x.w, C: o.x.c, K: kc,
		LReLU: o.act, Half: b.half, BF16: bf16, Shuffle: o.shuffle}
	in := []edge{near(o.x, 1)}
	if add != nil {
		in = append(in, near(add, 0))
	}
	run := func(dst conv.FrameMap, mem []byte, y0, y1 int, columns span) {
		a := a
		a.Dst, a.Src, a.X0, a.X1 = dst, o.x.window(), columns.y0, columns.y1
		if add != nil {
			a.Add = add.window()
		}
		k.Conv(&a, y0, y1, mem)
	}
	need := k.ConvScratch(o.x.w, o.x.c, kc)
	if o.shuffle > 0 {
		return b.enlarge(o, in, need, run)
	}
	out := b.feature(o.name, kc, o.x.w, o.x.h)
	b.scratch(need)
	b.p.add(&step{stage: stageOf(o.name), in: in, out: out, align: 4, run: func(sc *scratch, y0, y1 int) {
		run(out.window(), sc.mem, y0, y1, sc.columns)
	}})
	return out
}

// tail implements builder.
func (b *fastBuilder) tail(x, y *node) {
	b.open[y] = &pending{x: b.get(x), shuffle: b.e.Scale()}
}

func (b *fastBuilder) emitTail(o *pending, add *fmap, shift float32) *fmap {
	k, e := b.k, b.e
	kc := conv.FrameChannels(3 * o.shuffle * o.shuffle)
	a := conv.FrameTail{H: o.x.h, W: o.x.w, C: o.x.c, K: kc, Half: b.half, BF16: b.bf16, Shuffle: o.shuffle}
	for i := range a.Weight {
		layer := e.fastTail(tailEdges(i, o.x.w, o.x.h), b.bf16)
		a.Weight[i], a.Bias[i] = layer.u, shiftBias(layer.bias, o.shuffle, shift)
	}
	in := []edge{near(o.x, 2)}
	if add != nil {
		in = append(in, near(add, 0))
	}
	return b.enlarge(o, in, k.TailScratch(o.x.w, o.x.c, kc), func(dst conv.FrameMap, mem []byte, y0, y1 int, columns span) {
		a := a
		a.Dst, a.Src, a.X0, a.X1 = dst, o.x.window(), columns.y0, columns.y1
		if add != nil {
			a.Add = add.window()
		}
		k.Tail(&a, y0, y1, mem)
	})
}

// tailEdges says which edges the pixels have that take entry i of FrameTail.Weight.
func tailEdges(i, w, h int) kdsr.Edges {
	return kdsr.EdgesAt([]int{0, w / 2, w - 1}[i%3], []int{0, h / 2, h - 1}[i/3], w, h)
}

// pool implements builder.
func (b *fastBuilder) pool(n *node) (rows []float64, pixels int) {
	x, k, half := b.get(n), b.k, b.half
	rows = make([]float64, x.h*x.c)
	b.p.add(&step{stage: StageEstimate, in: []edge{near(x, 0)}, h: x.h, align: 4, run: func(_ *scratch, y0, y1 int) {
		k.Sums(rows, x.window(), x.w, x.c, half, y0, y1)
	}})
	return rows, x.w * x.h
}

// fastConv is a convolution as the frame kernels want it.
type fastConv struct {
	u    []byte
	bias []float32
}

// layerKey names a packed layer: the same weights may be wanted in both precisions.
type layerKey struct {
	name  string
	edges kdsr.Edges
	bf16  bool
}

// fastConv returns the packed 3x3 convolution of that name; shuffle > 1 orders its outputs for a PixelShuffle by that factor.
func (e *Engine) fastConv(name string, shuffle int, bf16 bool) fastConv {
	key := layerKey{name: name, bf16: bf16}
	l, ok := e.packed[key]
	if !ok {
		t := e.w.Tensors[name+".weight"]
		order := shuffleOrder(t.Shape[0], shuffle)
		l = fastConv{onLine(conv.PackWinograd(e.frames, t.Data, t.Shape[1], order, bf16)), reorder(e.w.Tensors[name+".bias"].Data, order)}
		e.packed[key] = l
	}
	return l
}

// fastTail returns the packed collapsed tail for pixels with these edges.
func (e *Engine) fastTail(edges kdsr.Edges, bf16 bool) fastConv {
	key := layerKey{edges: edges, bf16: bf16}
	l, ok := e.packed[key]
	if !ok {
		w, bias := e.tail.Kernel(edges)
		order := shuffleOrder(e.tail.Out, e.Scale())
		l = fastConv{onLine(conv.PackTail(w, e.tail.C, order, bf16)), reorder(bias, order)}
		e.packed[key] = l
	}
	return l
}

// shuffleOrder lists n output channels in the order row, color, column of the s x s pixels that they become.
func shuffleOrder(n, s int) []int {
	order := make([]int, 0, n)
	for i := range s {
		for c := range n / (s * s) {
			for j := range s {
				order = append(order, c*s*s+i*s+j)
			}
		}
	}
	return order
}

// reorder returns the values in that order, followed by zeros.
func reorder(v []float32, order []int) []float32 {
	out := make([]float32, conv.FrameChannels(len(order)))
	for k, o := range order {
		out[k] = v[o]
	}
	return out
}

// shiftBias adds sign times the mean color to the bias of outputs in shuffle order.
func shiftBias(bias []float32, s int, sign float32) []float32 {
	if sign == 0 {
		return bias
	}
	out := append([]float32(nil), bias...)
	for k := range 3 * s * s {
		out[k] += sign * kdsr.Mean[k/s%3]
	}
	return out
}

// onLine copies bytes to the start of a cache line.
func onLine(b []byte) []byte {
	out := aligned(len(b))
	copy(out, b)
	return out
}

// turned makes [9,C] of [C,9]: what the frame kernels want of the depthwise taps.
func turned(taps []float32) []float32 {
	c := len(taps) / 9
	out := floats(aligned(len(taps) * 4))
	for i, v := range taps {
		out[i%9*c+i/9] = v
	}
	return out
}
