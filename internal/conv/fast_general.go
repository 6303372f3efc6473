//go:build cgo && (amd64 || arm64)

package conv

import "vsr/internal/conv/native"

// Convolutions that are not Winograd's: copy the inputs of a few output pixels into the rows of a matrix, and multiply.
// A row has the order ky, kx, channel.

const pixelBlock = 48 // output pixels at a time: a multiple of ROWS in native/vec.h

func (g General) native() native.Shape {
	return native.Shape{H: g.H, W: g.W, In: g.In, OutW: g.OutW(), K: g.K, Stride: g.Stride, Pad: g.Pad}
}

// pack copies a matrix [rows,cols] to panels of 32 columns (native/gemm.h), cols rounded up to 16. Give the result back.
func pack(ws *Workers, rows, cols int, at func(row, col int) float32) *[]float32 {
	p := takeFloats(rows * native.Pad(cols))
	ws.Run((cols+31)/32, func(part int) {
		first := part * 32
		width := min(native.Pad(cols)-first, 32)
		for r := range rows {
			to := (*p)[first*rows+r*width:][:width]
			for j := range to {
				to[j] = 0
				if first+j < cols {
					to[j] = at(r, first+j)
				}
			}
		}
	})
	return p
}

// weight returns w [Out,In,K,K] as a matrix [K*K*In,Out].
func (g General) weight(w []float32) func(row, out int) float32 {
	return func(row, out int) float32 { return w[(out*g.In+row%g.In)*g.K*g.K+row/g.In] }
}

func (f fast) columnsForward(ws *Workers, y, x, w, b, add []float32, g General, slope float32) {
	depth, kp, pixels := g.K*g.K*g.In, native.Pad(g.Out), g.OutH()*g.OutW()
	p := pack(ws, depth, g.Out, g.weight(w))
	defer giveFloats(p)
	lead := depth + 16 // not a power of two: see POSITION in native/winograd.h
	split(ws, g.N, pixels, pixelBlock, func(n, from, to int) {
		space := takeFloats(pixelBlock * (lead + kp))
		defer giveFloats(space)
		cols, m := (*space)[:pixelBlock*lead], (*space)[pixelBlock*lead:]
		x, y, add := sample(x, n, g.N), sample(y, n, g.N), sample(add, n, g.N)
		for ; from < to; from += pixelBlock {
			count := min(pixelBlock, to-from)
			f.Columns(cols, lead, x, g.native(), from, count)
			f.Product(m, kp, cols, lead, *p, count, depth, kp)
			at := from * g.Out
			if add == nil {
				f.Finish(y[at:], m, kp, b, nil, count, g.Out, slope)
			} else {
				f.Finish(y[at:], m, kp, b, add[at:], count, g.Out, slope)
			}
		}
	})
}

// columnsBackwardData computes one sample per part.
func (f fast) columnsBackwardData(ws *Workers, dx, dy, w []float32, g General) {
	depth, pixels := g.K*g.K*g.In, g.OutH()*g.OutW()
	wide := native.Pad(depth)
	weight := g.weight(w)
	p := pack(ws, g.Out, depth, func(row, col int) float32 { return weight(col, row) })
	defer giveFloats(p)
	lead := wide + 16
	ws.Run(g.N, func(n int) {
		cols := takeFloats(pixelBlock * lead)
		defer giveFloats(cols)
		dx, dy := sample(dx, n, g.N), sample(dy, n, g.N)
		clear(dx)
		for from := 0; from < pixels; from += pixelBlock {
			count := min(pixelBlock, pixels-from)
			f.Product(*cols, lead, dy[from*g.Out:], g.Out, *p, count, g.Out, wide)
			f.AddColumns(dx, *cols, lead, g.native(), from, count)
		}
	})
}

// columnsBackwardWeights multiplies the transposed columns by dy. A column of ones gives the gradient of the bias.
func (f fast) columnsBackwardWeights(ws *Workers, dw, db, x, dy []float32, g General) {
	depth, kp, pixels := g.K*g.K*g.In, native.Pad(g.Out), g.OutH()*g.OutW()
	high := native.Pad(depth + 1)
	blocks := (pixels + pixelBlock - 1) / pixelBlock
	n := chunks(high*kp, g.N*blocks)
	sums := takeFloats(n * high * kp)
	defer giveFloats(sums)
	ws.Run(n, func(part int) {
		sum := (*sums)[part*high*kp : (part+1)*high*kp]
		clear(sum)
		f.columnsProducts(sum, x, dy, g, part*g.N*blocks/n, (part+1)*g.N*blocks/n)
	})
	ws.Run(g.In, func(i int) {
		for t := range g.K * g.K {
			for o := range g.Out {
				v := float32(0)
				for c := range n {
					v += (*sums)[(c*high+t*g.In+i)*kp+o]
				}
				dw[(o*g.In+i)*g.K*g.K+t] = v
			}
		}
	})
	if db != nil {
		addChunks(db, (*sums)[depth*kp:], high*kp)
	}
}

// columnsProducts adds pixel blocks [from,to) of the batch to sum [high,Pad(Out)]. What the padding of its operands holds
// ends in rows and columns of sum that nobody reads.
func (f fast) columnsProducts(sum, x, dy []float32, g General, from, to int) {
	depth, kp, pixels := g.K*g.K*g.In, native.Pad(g.Out), g.OutH()*g.OutW()
	blocks := (pixels + pixelBlock - 1) / pixelBlock
	high := native.Pad(depth + 1)
	lead := high + 16
	space := takeFloats(pixelBlock * (lead + kp))
	defer giveFloats(space)
	cols, padded := (*space)[:pixelBlock*lead], (*space)[pixelBlock*lead:]
	for r := range pixelBlock {
		cols[r*lead+depth] = 1
	}
	for ; from < to; from++ {
		first := from % blocks * pixelBlock
		count := min(pixelBlock, pixels-first)
		f.Columns(cols, lead, sample(x, from/blocks, g.N), g.native(), first, count)
		rows := sample(dy, from/blocks, g.N)[first*g.Out:][:count*g.Out]
		if kp != g.Out {
			for r := range count {
				copy(padded[r*kp:], rows[r*g.Out:(r+1)*g.Out])
			}
			rows = padded
		}
		f.ProductTransposed(sum, cols, lead, rows, kp, count, high, kp)
	}
}
