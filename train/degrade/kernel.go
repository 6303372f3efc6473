package degrade

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Kernel is a square blur kernel of odd side N, row by row, applied by cross-correlation. Classic recipes use N = 21.
type Kernel struct {
	N int
	W []float64 // [N,N]
}

// classicSide is the kernel side of the classic recipes (docs/kdsr.md 3.1) and the padded side of the second-order ones (3.3).
const classicSide = 21

// Isotropic returns exp(-(dx^2+dy^2)/(2 sigma^2)) on integer offsets, normalised to sum 1. A sigma of 0 gives the identity.
func Isotropic(n int, sigma float64) Kernel {
	return Anisotropic(n, sigma, sigma, 0)
}

// Anisotropic returns the Gaussian with standard deviations s1 and s2 along axes turned by theta radians, y pointing down:
// exp(-v' S^-1 v / 2) with S = U diag(s1^2, s2^2) U', normalised to sum 1 (docs/kdsr.md 3.1).
func Anisotropic(n int, s1, s2, theta float64) Kernel {
	if s1 <= 0 || s2 <= 0 {
		return identityKernel(n)
	}
	return fillKernel(n, s1, s2, theta, func(q float64) float64 { return math.Exp(-q / 2) })
}

func identityKernel(n int) Kernel {
	k := Kernel{N: n, W: make([]float64, n*n)}
	k.W[len(k.W)/2] = 1
	return k
}

// fillKernel evaluates f(v' S^-1 v) on the grid and normalises.
func fillKernel(n int, s1, s2, theta float64, f func(float64) float64) Kernel {
	k := Kernel{N: n, W: make([]float64, n*n)}
	c, s := math.Cos(theta), math.Sin(theta)
	for y := range n {
		for x := range n {
			dx, dy := float64(x-n/2), float64(y-n/2)
			// Coordinates along the two axes of the ellipse, in units of their deviations.
			a, b := (c*dx+s*dy)/s1, (-s*dx+c*dy)/s2
			k.W[y*n+x] = f(a*a + b*b)
		}
	}
	k.normalise()
	return k
}

func (k Kernel) normalise() {
	var sum float64
	for _, v := range k.W {
		sum += v
	}
	for i := range k.W {
		k.W[i] /= sum
	}
}

// term is one separable part of a kernel: col runs down the rows, row along the columns.
type term struct{ col, row []float64 }

// separate writes k as a sum of separable terms, dropping terms that together cannot change a sample in [0,1] by more than
// tolerance. One term is enough for every isotropic Gaussian.
func (k Kernel) separate(tolerance float64) []term {
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(k.N, k.N, append([]float64(nil), k.W...)), mat.SVDThin) {
		panic("degrade: singular value decomposition of a blur kernel did not converge")
	}
	values := svd.Values(nil)
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	terms := make([]term, k.N)
	bound := make([]float64, k.N) // largest change of a sample that term i can make
	for i, s := range values {
		t := term{col: make([]float64, k.N), row: make([]float64, k.N)}
		var absCol, absRow float64
		for j := range k.N {
			t.col[j], t.row[j] = u.At(j, i)*s, v.At(j, i)
			absCol += math.Abs(t.col[j])
			absRow += math.Abs(t.row[j])
		}
		terms[i], bound[i] = t, absCol*absRow
	}
	n := k.N
	for tail := 0.0; n > 1; n-- {
		if tail += bound[n-1]; tail > tolerance {
			break
		}
	}
	return terms[:n]
}
