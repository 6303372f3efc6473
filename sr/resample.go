package sr

import (
	"encoding/binary"
	"math"

	"vsr/internal/rows"
	"vsr/media"
)

// filter is a resampling kernel, in units of the coarser of the two sample grids.
type filter struct {
	radius float64
	at     func(x float64) float64
}

// catmullRom is Keys' cubic with a = -1/2 (Keys 1981, eq. 15), which most programs call bicubic.
var catmullRom = filter{2, func(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}}

// lanczos3 is sinc(x) windowed by sinc(x/3).
var lanczos3 = filter{3, func(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.Abs(x) >= 3 {
		return 0
	}
	return 3 * math.Sin(math.Pi*x) * math.Sin(math.Pi*x/3) / (math.Pi * math.Pi * x * x)
}}

// axis holds, for each output position along one direction, the taps inputs from start on and their weights. Inputs beyond
// the edge are the edge itself: their weight is added to its own.
type axis struct {
	taps   int
	start  []int
	weight []float32 // [outputs,taps]
}

// newAxis maps src inputs to dst outputs; output i lies at input position i*step+origin. A step over 1 widens the
// filter, so that enlarging interpolates and shrinking averages without aliasing.
func newAxis(f filter, src, dst int, step, origin float64) axis {
	wide := max(1, step)
	span := int(math.Ceil(2 * f.radius * wide))
	a := axis{taps: min(span, src), start: make([]int, dst)}
	a.weight = make([]float32, dst*a.taps)
	w := make([]float64, a.taps)
	for i := range dst {
		at := float64(i)*step + origin
		first := int(math.Floor(at-f.radius*wide)) + 1
		a.start[i] = max(0, min(first, src-a.taps))
		clear(w)
		sum := 0.0
		for k := range span {
			v := f.at((float64(first+k) - at) / wide)
			w[max(0, min(first+k, src-1))-a.start[i]] += v
			sum += v
		}
		for k, v := range w {
			a.weight[i*a.taps+k] = float32(v / sum)
		}
	}
	return a
}

// chromaAxis maps chroma samples. The frame is scaled in luma coordinates, where chroma sample k lies at f*k+offset and
// luma sample i at i; f is 1 or 2.
func chromaAxis(k filter, srcLuma, dstLuma, src, dst, f int, offset float64) axis {
	r := float64(srcLuma) / float64(dstLuma)
	return newAxis(k, src, dst, r, ((offset+0.5)*r-0.5-offset)/float64(f))
}

// sitingOffset is where the first chroma sample lies, in luma samples (H.273 8.7, FFmpeg's AVChromaLocation).
// Unspecified means left, as in MPEG-2 and everything after.
func sitingOffset(s media.Siting) (x, y float64) {
	switch s {
	case 2: // center
		return 0.5, 0.5
	case 3: // top-left
		return 0, 0
	case 4: // top
		return 0.5, 0
	case 5: // bottom-left
		return 0, 1
	case 6: // bottom
		return 0.5, 1
	}
	return 0, 0.5
}

// scaler resamples planes of one size to another. It keeps scratch rows, so it serves one goroutine.
type scaler struct {
	x, y axis
	wide int         // inputs in a row
	in   []float32   // one input row
	ring [][]float32 // input rows, resampled horizontally, by row number modulo their count
	held []int       // the row number that each ring entry holds, -1 for none
	sum  []float32

	// Of run8: the ring in one piece, the ring entries of an output row, and x.
	flat   []float32
	slots  []int64
	across rows.Axis
}

func newScaler(x, y axis, srcWidth int) *scaler {
	s := &scaler{x: x, y: y, wide: srcWidth, in: make([]float32, srcWidth), sum: make([]float32, len(x.start))}
	s.ring, s.held = make([][]float32, y.taps), make([]int, y.taps)
	for i := range s.ring {
		s.ring[i] = make([]float32, len(x.start))
	}
	return s
}

// run resamples plane p of src into plane q of dst. Both have the same depth.
func (s *scaler) run(dst *media.Frame, q int, src *media.Frame, p int) {
	for i := range s.held {
		s.held[i] = -1
	}
	if dst.Depth == 8 && src.Depth == 8 {
		s.run8(dst, q, src, p)
		return
	}
	s.runPlain(dst, q, src, p)
}

// runPlain says what run does, in Go.
func (s *scaler) runPlain(dst *media.Frame, q int, src *media.Frame, p int) {
	top := int32(1)<<dst.Depth - 1
	taken := make([][]float32, s.y.taps)
	for y, first := range s.y.start {
		weights := s.y.weight[y*s.y.taps : (y+1)*s.y.taps]
		for k := range taken {
			taken[k] = s.row(src, p, first+k)
		}
		blend(s.sum, taken, weights)
		if dst.BytesPerSample() == 2 {
			storeWide(dst.Row(q, y), s.sum, top)
		} else {
			store(dst.Row(q, y), s.sum, top)
		}
	}
}

// blend is the weighted sum of rows, four at a time: one pass over memory for a cubic.
func blend(sum []float32, rows [][]float32, weights []float32) {
	n := len(sum)
	for k := 0; k < len(rows); k += 4 {
		if k+4 > len(rows) {
			for ; k < len(rows); k++ {
				accumulate(sum, rows[k][:n], weights[k], k == 0)
			}
			return
		}
		a, b, c, d := rows[k][:n], rows[k+1][:n], rows[k+2][:n], rows[k+3][:n]
		u, v, w, z := weights[k], weights[k+1], weights[k+2], weights[k+3]
		if k == 0 {
			for x := range sum {
				sum[x] = u*a[x] + v*b[x] + w*c[x] + z*d[x]
			}
			continue
		}
		for x := range sum {
			sum[x] += u*a[x] + v*b[x] + w*c[x] + z*d[x]
		}
	}
}

func accumulate(sum, row []float32, w float32, first bool) {
	if first {
		for x, v := range row {
			sum[x] = w * v
		}
		return
	}
	for x, v := range row {
		sum[x] += w * v
	}
}

// row returns input row y, resampled horizontally.
func (s *scaler) row(src *media.Frame, p, y int) []float32 {
	slot := y % len(s.ring)
	out := s.ring[slot]
	if s.held[slot] == y {
		return out
	}
	s.held[slot] = y
	raw := src.Row(p, y)
	if src.BytesPerSample() == 1 {
		for i := range s.in {
			s.in[i] = float32(raw[i])
		}
	} else {
		for i := range s.in {
			s.in[i] = float32(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	}
	taps := s.x.taps
	if taps == 4 {
		cubic(out, s.in, s.x.start, s.x.weight)
		return out
	}
	for i, first := range s.x.start {
		var sum float32
		in := s.in[first : first+taps]
		for k, w := range s.x.weight[i*taps : (i+1)*taps] {
			sum += w * in[k]
		}
		out[i] = sum
	}
	return out
}

// cubic is the row of a filter of four taps.
func cubic(out, in []float32, start []int, weight []float32) {
	start = start[:len(out)]
	for i := range out {
		v, w := in[start[i]:][:4], weight[4*i:][:4]
		out[i] = w[0]*v[0] + w[1]*v[1] + w[2]*v[2] + w[3]*v[3]
	}
}

// store rounds values to 8-bit samples.
func store(row []byte, values []float32, top int32) {
	row = row[:len(values)]
	for i, v := range values {
		row[i] = byte(sampleOf(v, top))
	}
}

// storeWide rounds values to samples of two bytes.
func storeWide(row []byte, values []float32, top int32) {
	for i, v := range values {
		binary.LittleEndian.PutUint16(row[2*i:], uint16(sampleOf(v, top)))
	}
}

// sampleOf rounds to the nearest sample value between 0 and top.
func sampleOf(v float32, top int32) int32 {
	n := int32(v + 0.5) // towards zero, which is right above zero; what is below becomes zero
	if uint32(n) <= uint32(top) {
		return n
	}
	if n < 0 {
		return 0
	}
	return top
}

// scalers makes the scalers of a frame's full-size planes and of its subsampled ones; they are the same when none are.
func scalers(k filter, from, to media.Format) (luma, chroma *scaler) {
	plain := func(src, dst int) axis { return chromaAxis(k, src, dst, src, dst, 1, 0) }
	luma = newScaler(plain(from.Width, to.Width), plain(from.Height, to.Height), from.Width)
	sx, sy := from.Layout.Shift()
	if sx == 0 && sy == 0 {
		return luma, luma
	}
	w, h := from.PlaneSize(1)
	w2, h2 := to.PlaneSize(1)
	ox, oy := sitingOffset(from.Color.Siting)
	y := plain(h, h2)
	if sy > 0 {
		y = chromaAxis(k, from.Height, to.Height, h, h2, 2, oy)
	}
	return luma, newScaler(chromaAxis(k, from.Width, to.Width, w, w2, 2, ox), y, w)
}
