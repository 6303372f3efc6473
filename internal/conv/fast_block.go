//go:build cgo && (amd64 || arm64)

package conv

import "vsr/internal/conv/native"

// band is the number of tile rows that a fused block takes at a time: enough tiles for the matrix product, and few enough
// rows that what one step writes is still in the cache for the next. The gradient of the kernels is summed band by band,
// so it depends on the shape alone.
func band(w int) int {
	const tiles = 32
	across := max((w+3)/4, 1)
	return (tiles + across - 1) / across
}

// A slide is a depthwise convolution of one sample: its taps and its spare rows.
type slide struct {
	fast
	h, w, c     int
	k9          []float32
	slope       float32
	from, spare *[]float32
}

func (f fast) slide(k []float32, s Shape, flip bool, slope float32) slide {
	d := slide{fast: f, h: s.H, w: s.W, c: s.In, slope: slope, from: takeFloats(9 * native.Pad(s.In)), spare: takeFloats(2 * s.W * s.In)}
	d.k9 = *d.from
	f.DepthwiseTaps(d.k9, k, s.In, flip)
	return d
}

func (d slide) rows(y, x, add []float32, from, to int) {
	d.Depthwise(y, x, d.k9, add, d.h, d.w, d.c, d.slope, from, to, *d.spare)
}

func (d slide) close() {
	giveFloats(d.from)
	giveFloats(d.spare)
}

func (f fast) depthwise(ws *Workers, y, x, k []float32, s Shape, slope float32) {
	f.slideAll(ws, y, x, k, nil, s, false, slope)
}

func (f fast) depthwiseData(ws *Workers, dx, dy, k []float32, s Shape) {
	f.slideAll(ws, dx, dy, k, nil, s, true, 1)
}

func (f fast) slideAll(ws *Workers, y, x, k, add []float32, s Shape, flip bool, slope float32) {
	split(ws, s.N, s.H, 4, func(n, from, to int) {
		d := f.slide(sample(k, n, s.N), s, flip, slope)
		defer d.close()
		d.rows(sample(y, n, s.N), sample(x, n, s.N), sample(add, n, s.N), from, to)
	})
}

func (f fast) depthwiseKernels(ws *Workers, dk, x, dy []float32, s Shape) {
	b, sums := f.bands(s)
	defer giveFloats(sums)
	ws.Run(s.N*b, func(part int) {
		n, i := part/b, part%b
		f.bandKernels(*sums, sample(x, n, s.N), sample(dy, n, s.N), s, n, i)
	})
	addBands(dk, *sums, s, b)
}

// bands is the number of bands of a sample, and space for the kernel sums of all of them: [N,bands,9,Pad(C)].
func (f fast) bands(s Shape) (int, *[]float32) {
	b := max((tileRows(s.H)+band(s.W)-1)/band(s.W), 1)
	return b, takeFloats(s.N * b * 9 * native.Pad(s.In))
}

// bandKernels computes band i of sample n, whose input is x and whose gradient is dy.
func (f fast) bandKernels(sums, x, dy []float32, s Shape, n, i int) {
	b := max((tileRows(s.H)+band(s.W)-1)/band(s.W), 1)
	size := 9 * native.Pad(s.In)
	sum := sums[(n*b+i)*size:][:size]
	clear(sum)
	spare := takeFloats(s.W * s.In)
	defer giveFloats(spare)
	rows := 4 * band(s.W)
	f.DepthwiseWeights(sum, x, dy, s.H, s.W, s.In, i*rows, min((i+1)*rows, s.H), *spare)
}

// addBands sums [N,bands,9,Pad(C)] over bands into dk [N,9C].
func addBands(dk, sums []float32, s Shape, bands int) {
	cp := native.Pad(s.In)
	for n := range s.N {
		for c := range s.In {
			for t := range 9 {
				v := float32(0)
				for i := range bands {
					v += sums[((n*bands+i)*9+t)*cp+c]
				}
				dk[(n*s.In+c)*9+t] = v
			}
		}
	}
}

// block takes each sample through depthwise and convolution band by band when there are enough samples for all workers.
func (f fast) block(ws *Workers, y, x, k, w, b []float32, s Shape) {
	if s.N < ws.Len() {
		t := takeFloats(len(x))
		defer giveFloats(t)
		f.depthwise(ws, *t, x, k, s, Slope)
		f.forward(ws, y, *t, w, b, x, s.General(), 1)
		return
	}
	u := f.filter(ws, w, s.In, s.Out, false)
	defer giveFloats(u)
	rows, step := tileRows(s.H), band(s.W)
	ws.Run(s.N, func(n int) {
		x := sample(x, n, s.N)
		t := f.middle(x, sample(k, n, s.N), s)
		defer t.close()
		c := native.Conv{Y: sample(y, n, s.N), X: t.rows, U: *u, Bias: b, Add: x, H: s.H, W: s.W, In: s.In, Out: s.Out, Slope: 1, MaskSlope: 1}
		for from := 0; from < rows; from += step {
			to := min(from+step, rows)
			t.until(to)
			f.wino(c, from, to)
		}
	})
}

// A middle is what lies between the two convolutions of a block, LReLU(depthwise(x, k)) of one sample, computed row by row
// as it is wanted, so that it is still in the cache then. Nobody keeps it: to compute it again in the backward pass takes
// less time than to fetch it from memory.
type middle struct {
	slide
	x, rows []float32
	space   *[]float32
	done    int
}

func (f fast) middle(x, k []float32, s Shape) *middle {
	m := &middle{slide: f.slide(k, s, false, Slope), x: x, space: takeFloats(len(x))}
	m.rows = *m.space
	return m
}

// until makes the rows that tile rows before to need.
func (m *middle) until(to int) {
	if ready := min(4*to+4, m.h); ready > m.done {
		m.slide.rows(m.rows, m.x, nil, m.done, ready)
		m.done = ready
	}
}

func (m *middle) close() {
	m.slide.close()
	giveFloats(m.space)
}
