package degrade

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// axis is a linear map along one side of a image, from in samples to len(first) samples. Output j is the sum of
// weight[j][t] * input[first[j]+t]. Border rules are already folded into the weights, so windows never leave the input.
type axis struct {
	in     int
	first  []int
	weight [][]float32
	exact  [][]float64 // the same weights before rounding, for composing
}

// newAxis builds an axis from arbitrary taps; index maps an out-of-range source sample to one inside.
func newAxis(in, out int, taps func(j int) (first int, w []float64), index func(i, n int) int) axis {
	a := axis{in: in, first: make([]int, out), weight: make([][]float32, out), exact: make([][]float64, out)}
	for j := range out {
		first, w := taps(j)
		lo, hi := in-1, 0
		for t := range w {
			i := index(first+t, in)
			lo, hi = min(lo, i), max(hi, i)
		}
		row := make([]float64, hi-lo+1)
		for t, v := range w {
			row[index(first+t, in)-lo] += v
		}
		a.set(j, lo, row)
	}
	return a
}

func (a *axis) set(j, first int, row []float64) {
	a.first[j], a.exact[j] = first, row
	a.weight[j] = make([]float32, len(row))
	for t, v := range row {
		a.weight[j][t] = float32(v)
	}
}

// after returns the map that applies first and then a.
func (a axis) after(first axis) axis {
	out := axis{in: first.in, first: make([]int, len(a.first)), weight: make([][]float32, len(a.first)), exact: make([][]float64, len(a.first))}
	for j, start := range a.first {
		lo, hi := first.in, 0
		for t := range a.exact[j] {
			i := start + t
			lo, hi = min(lo, first.first[i]), max(hi, first.first[i]+len(first.exact[i]))
		}
		row := make([]float64, hi-lo)
		for t, v := range a.exact[j] {
			i := start + t
			for u, w := range first.exact[i] {
				row[first.first[i]-lo+u] += v * w
			}
		}
		out.set(j, lo, row)
	}
	return out
}

// filterAxis is cross-correlation of n samples with the odd-sized kernel w, mirrored at the ends without repeating the last sample.
func filterAxis(n int, w []float64) axis {
	return newAxis(n, n, func(j int) (int, []float64) { return j - len(w)/2, w }, reflect101)
}

// reflect101 mirrors i into [0,n) without repeating the border sample; n may be smaller than the overshoot.
func reflect101(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i = ((i % period) + period) % period
	if i >= n {
		i = period - i
	}
	return i
}

func clampIndex(i, n int) int { return min(max(i, 0), n-1) }

// apply runs v down the columns and h along the rows of src, and adds the result into dst if add is set. dst has
// len(h.first) x len(v.first) pixels.
func applyAxes(dst, src Image, v, h axis, add bool) {
	line := make([]float32, src.W*3)
	for y := range dst.H {
		clear(line)
		for t, w := range v.weight[y] {
			axpy(w, src.Row(v.first[y]+t), line)
		}
		row := dst.Row(y)
		if !add {
			clear(row)
		}
		for x, first := range h.first {
			var r, g, b float32
			s := line[first*3 : (first+len(h.weight[x]))*3]
			for t, w := range h.weight[x] {
				r += w * s[3*t]
				g += w * s[3*t+1]
				b += w * s[3*t+2]
			}
			row[3*x] += r
			row[3*x+1] += g
			row[3*x+2] += b
		}
	}
}

// axpy adds a*x to y.
func axpy(a float32, x, y []float32) {
	if a != 0 {
		blas32.Axpy(a, blas32.Vector{N: len(y), Data: x, Inc: 1}, blas32.Vector{N: len(y), Data: y, Inc: 1})
	}
}

// keys is the cubic convolution kernel with parameter a (Keys 1981), support [-2,2].
func keys(x, a float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}
