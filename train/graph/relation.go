package graph

import (
	"math"

	g "gorgonia.org/gorgonia"
)

// Relation is the mean squared difference of how alike the vectors of a batch are, by student [B,n] and by teacher [B,m]: the cosines of all
// pairs of different rows (the similarity of relational distillation). The lengths n and m may differ; only the student gets a gradient. A batch of one has no pairs, and a loss of 0.
func (b *Graph) Relation(student, teacher *g.Node) *g.Node {
	if b.err != nil {
		return nil
	}
	rows := student.Shape()[0]
	return b.pair("relation", student, teacher,
		func(s, t []float32) float32 { return relation(nil, s, t, rows, 1) },
		func(dst, s, t []float32, scale float32) { relation(dst, s, t, rows, float64(scale)) })
}

// relation returns the loss and, with dst, its gradient for s, times scale.
func relation(dst, s, t []float32, rows int, scale float64) float32 {
	unit, length := normalized(s, rows)
	want, _ := normalized(t, rows)
	clear(dst)
	if rows < 2 {
		return 0
	}
	n := len(s) / rows
	pairs := float64(rows * (rows - 1))
	var sum float64
	pull := make([]float64, n) // the gradient for one normalized row
	for i := range rows {
		clear(pull)
		for j := range rows {
			if j == i {
				continue
			}
			d := cosine(unit[i], unit[j]) - cosine(want[i], want[j])
			sum += d * d
			for k, v := range unit[j] {
				pull[k] += 4 * d / pairs * v
			}
		}
		if dst == nil {
			continue
		}
		along := cosine(pull, unit[i]) // a row's length changes no cosine
		for k := range n {
			dst[i*n+k] = float32(scale * (pull[k] - along*unit[i][k]) / length[i])
		}
	}
	return float32(sum / pairs)
}

// normalized returns the rows of v with length 1, and their lengths.
func normalized(v []float32, rows int) (unit [][]float64, length []float64) {
	n := len(v) / rows
	unit, length = make([][]float64, rows), make([]float64, rows)
	for i := range rows {
		row := make([]float64, n)
		var sum float64
		for k := range row {
			row[k] = float64(v[i*n+k])
			sum += row[k] * row[k]
		}
		length[i] = max(math.Sqrt(sum), 1e-12)
		for k := range row {
			row[k] /= length[i]
		}
		unit[i] = row
	}
	return unit, length
}

// cosine of two vectors of length 1, or their product in general.
func cosine(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
