//go:build cgo && (amd64 || arm64)

package conv

import (
	"sync"
	"time"

	"vsr/internal/conv/native"
)

// fast is the engine that shares the kernels of one instruction set out among the workers.
//
// Sums over pixels (the gradients of weights and kernels) are cut into chunks that depend on the shape alone, and added up
// in order: that is what makes results independent of the number of workers. Everything else may be cut anywhere.
type fast struct{ *native.ISA }

func nativeISAs() []*isa {
	var all []*isa
	for _, i := range native.ISAs() {
		all = append(all, &isa{i.Name, fast{i}})
	}
	return all
}

// Peak measures what the instruction set in use can do at best, all threads together, in GFLOP/s: multiply-adds of float32,
// and dot products of bfloat16 pairs (0 where there are none). It takes about 0.1 s. "go" has no peak: both are 0.
func Peak(threads int) (fp32, bf16 float64) {
	f, ok := using().engine.(fast)
	if !ok {
		return 0, 0
	}
	for range 5 {
		fp32 = max(fp32, f.peak(threads, false))
		bf16 = max(bf16, f.peak(threads, true))
	}
	return fp32, bf16
}

func (f fast) peak(threads int, bf16 bool) float64 {
	const rounds = 2_000_000
	var wait sync.WaitGroup
	ops := make([]float64, max(threads, 1))
	start := time.Now()
	for i := range ops {
		wait.Go(func() { ops[i] = f.Peak(bf16, rounds) })
	}
	wait.Wait()
	return float64(len(ops)) * ops[0] / time.Since(start).Seconds() / 1e9
}

// winograd tells whether a convolution is the one that Winograd's algorithm is for.
func winograd(g General) bool { return g.K == 3 && g.Stride == 1 && g.Pad == 1 }

// tileRows is the number of rows of 4x4 output tiles.
func tileRows(h int) int { return (h + 3) / 4 }

// tilesFor says how many tiles to take through the Winograd domain at a time, out of count: as many as fit into a part of
// the second-level cache, and so that the last turn is not much smaller than the others.
func tilesFor(count, in, out int) int {
	const floats = 96 << 10
	most := min(max(floats/(36*(native.Pad(in)+native.Pad(out))), 8), 64)
	turns := (count + most - 1) / most
	return min((count+turns-1)/max(turns, 1)+7, most+7) &^ 7
}

// split cuts rows of each of n samples into parts of a multiple of step, about four parts per worker in all, and runs f on each.
func split(ws *Workers, n, rows, step int, f func(sample, from, to int)) {
	if rows == 0 {
		return
	}
	parts := 1
	if ws.Len() > 1 && n > 0 {
		parts = (4*ws.Len() + n - 1) / n
	}
	size := (rows + parts - 1) / parts
	size = (size + step - 1) / step * step
	parts = (rows + size - 1) / size
	ws.Run(n*parts, func(part int) {
		from := part % parts * size
		f(part/parts, from, min(from+size, rows))
	})
}

// filter transforms filters w [out,in,3,3], or with data set those of the gradient of the input. Give the result back.
func (f fast) filter(ws *Workers, w []float32, in, out int, data bool) *[]float32 {
	u := takeFloats(36 * in * native.Pad(out))
	const grain = 8
	ws.Run((in+grain-1)/grain, func(part int) {
		from, to := part*grain, min((part+1)*grain, in)
		if data { // out and in are those of the transposed convolution: w is [in,out,3,3]
			f.WinoFilter(*u, w, in, out, 9*out, 9, true, from, to)
		} else {
			f.WinoFilter(*u, w, in, out, 9, 9*in, false, from, to)
		}
	})
	return u
}

// wino computes tile rows [from,to) of one sample.
func (f fast) wino(c native.Conv, from, to int) {
	tiles := tilesFor((to-from)*((c.W+3)/4), c.In, c.Out)
	space := takeFloats(native.WinoScratch(tiles, c.In, c.Out))
	f.WinoForward(c, from, to, *space, tiles)
	giveFloats(space)
}

func (f fast) forward(ws *Workers, y, x, w, b, add []float32, g General, slope float32) {
	if !winograd(g) || g.In < 8 {
		f.columnsForward(ws, y, x, w, b, add, g, slope)
		return
	}
	u := f.filter(ws, w, g.In, g.Out, false)
	defer giveFloats(u)
	split(ws, g.N, tileRows(g.H), 1, func(n, from, to int) {
		c := native.Conv{Y: sample(y, n, g.N), X: sample(x, n, g.N), U: *u, Bias: b, Add: sample(add, n, g.N),
			H: g.H, W: g.W, In: g.In, Out: g.Out, Slope: slope, MaskSlope: 1}
		f.wino(c, from, to)
	})
}

func (f fast) backwardData(ws *Workers, dx, dy, w []float32, g General) {
	if !winograd(g) {
		f.columnsBackwardData(ws, dx, dy, w, g)
		return
	}
	u := f.filter(ws, w, g.Out, g.In, true)
	defer giveFloats(u)
	split(ws, g.N, tileRows(g.H), 1, func(n, from, to int) {
		c := native.Conv{Y: sample(dx, n, g.N), X: sample(dy, n, g.N), U: *u, H: g.H, W: g.W, In: g.Out, Out: g.In, Slope: 1, MaskSlope: 1}
		f.wino(c, from, to)
	})
}

// sample is the part of a batch that belongs to sample n; nil stays nil.
func sample(s []float32, n, batch int) []float32 {
	size := len(s) / batch
	return s[n*size : (n+1)*size : (n+1)*size]
}

// chunks is the number of partial sums for gradients of size floats over units of work; it depends on nothing else.
// Clearing and adding up large sums takes longer than sharing them out among many workers is worth.
func chunks(size, units int) int {
	most := 16
	if size > 1<<16 {
		most = min(8, (16<<20)/size) // 64 MiB at most
	}
	return max(min(most, units), 1)
}

func (f fast) backwardWeights(ws *Workers, dw, db, x, dy []float32, g General) {
	if !winograd(g) || g.In < 8 {
		f.columnsBackwardWeights(ws, dw, db, x, dy, g)
		return
	}
	rows, across := tileRows(g.H), (g.W+3)/4
	kp := native.Pad(g.Out)
	size := 36 * native.Pad(g.In) * kp
	n := chunks(size, g.N*rows)
	sums := takeFloats(n * (size + kp))
	defer giveFloats(sums)
	du, bias := (*sums)[:n*size], (*sums)[n*size:]
	ws.Run(n, func(part int) {
		du, bias := du[part*size:(part+1)*size], bias[part*kp:(part+1)*kp]
		clear(du)
		clear(bias)
		tiles := tilesFor(rows*across, g.In, g.Out)
		space := takeFloats(native.WinoScratch(tiles, g.In, g.Out))
		defer giveFloats(space)
		for at, end := part*g.N*rows/n, (part+1)*g.N*rows/n; at < end; {
			s, from := at/rows, at%rows
			to := min(rows, from+end-at)
			f.WinoWeights(du, bias, sample(x, s, g.N), sample(dy, s, g.N), g.H, g.W, g.In, g.Out, from, to, *space, tiles)
			at += to - from
		}
	})
	const grain = 8
	ws.Run((g.In+grain-1)/grain, func(part int) {
		f.WinoFilterGradient(dw, du, size, n, g.In, g.Out, part*grain, min((part+1)*grain, g.In))
	})
	addChunks(db, bias, kp)
}

// addChunks sets to[i] to the sum over chunks of sums[chunk*size+i]; to may be nil.
func addChunks(to, sums []float32, size int) {
	for i := range to {
		v := float32(0)
		for j := i; j < len(sums); j += size {
			v += sums[j]
		}
		to[i] = v
	}
}
