//go:build cgo && (amd64 || arm64)

package conv

import "vsr/internal/conv/native"

// blockGrad is the backward pass of a block: t = LReLU(depthwise(x, k)) again, dw from t and dy, dz = conv'(dy) * act'(t),
// dk from x and dz, dx = depthwise'(dz) + dy.
type blockGrad struct {
	fast
	Shape
	dx, dy, x, k []float32
	u            []float32 // the filters of the gradient of t
	kernels      []float32 // partial sums of dk: [N,bands,9,Pad(C)]
	filters      []float32 // partial sums of dw in the Winograd domain: [shares,36,Pad(C),Pad(C)]
	bias         []float32 // partial sums of db: [shares,Pad(C)]
	shares       int
}

// filterShares is the number of partial sums of dw; it depends on the batch alone. Up to 16 samples have their own, small
// batches more than one for each sample.
func filterShares(batch int) int {
	if batch >= 16 {
		return 16
	}
	return max(batch*max(8/max(batch, 1), 1), 1)
}

// own are the partial sums that nobody but sample n, or its group of samples, adds to: [first,first+each).
func (g *blockGrad) own(n int) (first, each int) {
	if g.shares < g.N {
		return ((n+1)*g.shares - 1) / g.N, 1
	}
	each = g.shares / g.N
	return n * each, each
}

// share tells which partial sum tile row of sample n, out of rows, belongs to, and the first row that belongs to the next.
func (g *blockGrad) share(n, row, rows int) (share, end int) {
	first, each := g.own(n)
	part := ((row+1)*each - 1) / rows
	return first + part, (part + 1) * rows / each
}

// blockBackward takes each sample through all steps band by band when there are enough samples for all workers.
func (f fast) blockBackward(ws *Workers, dx, dk, dw, db, dy, x, k, w []float32, s Shape) {
	u := f.filter(ws, w, s.Out, s.In, true)
	defer giveFloats(u)
	b, kernels := f.bands(s)
	defer giveFloats(kernels)
	cp := native.Pad(s.In)
	size, shares := 36*cp*cp, filterShares(s.N)
	sums := takeFloats(shares * (size + cp))
	defer giveFloats(sums)
	g := blockGrad{f, s, dx, dy, x, k, *u, *kernels, (*sums)[:shares*size], (*sums)[shares*size:], shares}
	if parts := min(s.N, shares); parts >= ws.Len() {
		ws.Run(parts, func(part int) {
			for n := part * s.N / parts; n < (part+1)*s.N/parts; n++ {
				g.sample(n, n == part*s.N/parts)
			}
		})
	} else {
		g.few(ws, b)
	}
	addBands(dk, *kernels, s, b)
	const grain = 8
	ws.Run((s.In+grain-1)/grain, func(part int) {
		f.WinoFilterGradient(dw, g.filters, size, shares, s.In, s.Out, part*grain, min((part+1)*grain, s.In))
	})
	addChunks(db, g.bias, cp)
}

// clear makes the partial sums of sample n zero.
func (g *blockGrad) clear(n int) {
	cp := native.Pad(g.In)
	first, each := g.own(n)
	clear(g.filters[first*36*cp*cp : (first+each)*36*cp*cp])
	clear(g.bias[first*cp : (first+each)*cp])
}

// weights adds what tile rows [from,to) of sample n bring to dw; t is that sample's.
func (g *blockGrad) weights(n int, t []float32, from, to int) {
	cp, rows, across := native.Pad(g.In), tileRows(g.H), (g.W+3)/4
	tiles := tilesFor((to-from)*across, g.In, g.Out)
	space := takeFloats(native.WinoScratch(tiles, g.In, g.Out))
	defer giveFloats(space)
	size := 36 * cp * cp
	for from < to {
		i, end := g.share(n, from, rows)
		end = min(end, to)
		g.WinoWeights(g.filters[i*size:(i+1)*size], g.bias[i*cp:(i+1)*cp], t, sample(g.dy, n, g.N), g.H, g.W, g.In, g.Out, from, end, *space, tiles)
		from = end
	}
}

// conv is the convolution that computes dz of sample n.
func (g *blockGrad) conv(n int, dz, t []float32) native.Conv {
	return native.Conv{Y: dz, X: sample(g.dy, n, g.N), Mask: t, U: g.u, H: g.H, W: g.W, In: g.Out, Out: g.In, Slope: 1, MaskSlope: Slope}
}

// sample takes sample n through all steps; first says that it is the first of its partial sums.
func (g *blockGrad) sample(n int, first bool) {
	if first {
		g.clear(n)
	}
	dx, dy, x, k := sample(g.dx, n, g.N), sample(g.dy, n, g.N), sample(g.x, n, g.N), sample(g.k, n, g.N)
	t := g.middle(x, k, g.Shape)
	defer t.close()
	back := g.slide(k, g.Shape, true, 1)
	defer back.close()
	dz := takeFloats(len(dx))
	defer giveFloats(dz)
	rows, step, done := tileRows(g.H), band(g.W), 0
	for from := 0; from < rows; from += step {
		to := min(from+step, rows)
		t.until(to)
		g.weights(n, t.rows, from, to)
		g.wino(g.conv(n, *dz, t.rows), from, to)
		g.bandKernels(g.kernels, x, *dz, g.Shape, n, from/step)
		ready := 4*to - 4 // the last of these rows needs the one below it
		if to == rows {
			ready = g.H
		}
		back.rows(dx, *dz, dy, done, ready)
		done = ready
	}
	if rows == 0 {
		g.bandKernels(g.kernels, x, *dz, g.Shape, n, 0)
	}
}

// few takes one step after the other and shares each out among the workers.
func (g *blockGrad) few(ws *Workers, bands int) {
	s := g.Shape
	t, dz := takeFloats(len(g.x)), takeFloats(len(g.x))
	defer giveFloats(t)
	defer giveFloats(dz)
	g.depthwise(ws, *t, g.x, g.k, s, Slope)
	clear(g.filters)
	clear(g.bias)
	rows, groups := tileRows(s.H), min(s.N, g.shares)
	each := g.shares / max(groups, 1)
	ws.Run(groups*each, func(part int) {
		group, part := part/each, part%each
		for n := group * s.N / groups; n < (group+1)*s.N/groups; n++ {
			g.weights(n, sample(*t, n, s.N), part*rows/each, (part+1)*rows/each)
		}
	})
	split(ws, s.N, rows, 1, func(n, from, to int) { g.wino(g.conv(n, sample(*dz, n, s.N), sample(*t, n, s.N)), from, to) })
	ws.Run(s.N*bands, func(part int) {
		n, i := part/bands, part%bands
		g.bandKernels(g.kernels, sample(g.x, n, s.N), sample(*dz, n, s.N), s, n, i)
	})
	g.slideAll(ws, g.dx, *dz, g.k, g.dy, s, true, 1)
}
