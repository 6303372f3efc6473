package degrade

import (
	"math"
	"math/rand/v2"
)

// Generalized returns exp(-q^beta/2) with q = v' S^-1 v, normalised (docs/kdsr.md 3.3).
func Generalized(n int, s1, s2, theta, beta float64) Kernel {
	return fillKernel(n, s1, s2, theta, func(q float64) float64 { return math.Exp(-0.5 * math.Pow(q, beta)) })
}

// Plateau returns 1/(1+q^beta) with q = v' S^-1 v, normalised.
func Plateau(n int, s1, s2, theta, beta float64) Kernel {
	return fillKernel(n, s1, s2, theta, func(q float64) float64 { return 1 / (1 + math.Pow(q, beta)) })
}

// Sinc returns the circular low-pass filter with the given cutoff in radians per sample, w J1(w r)/(2 pi r), normalised. It rings,
// as over-sharpened material does.
func Sinc(n int, cutoff float64) Kernel {
	k := Kernel{N: n, W: make([]float64, n*n)}
	for y := range n {
		for x := range n {
			r := math.Hypot(float64(x-n/2), float64(y-n/2))
			if r == 0 {
				k.W[y*n+x] = cutoff * cutoff / (4 * math.Pi)
				continue
			}
			k.W[y*n+x] = cutoff * math.J1(cutoff*r) / (2 * math.Pi * r)
		}
	}
	k.normalise()
	return k
}

// mixed holds what differs between the two blur stages.
type mixed struct {
	sinc      float64    // probability of a sinc kernel
	sigma     [2]float64 // range of both deviations
	family    [6]float64 // iso, aniso, generalized iso, generalized aniso, plateau iso, plateau aniso
	betaGauss [2]float64
	betaPlat  [2]float64
}

var familyOdds = [6]float64{0.45, 0.25, 0.12, 0.03, 0.12, 0.03}

// draw picks a kernel of a random odd size from 7 to 21.
func (m mixed) draw(r *rand.Rand) Kernel {
	n := 7 + 2*r.IntN(8)
	if r.Float64() < m.sinc {
		return Sinc(n, sincCutoff(r, n))
	}
	return m.gaussian(r, n)
}

// sincCutoff keeps small kernels from cutting so low that they cannot hold the filter.
func sincCutoff(r *rand.Rand, n int) float64 {
	if n < 13 {
		return uniform(r, math.Pi/3, math.Pi)
	}
	return uniform(r, math.Pi/5, math.Pi)
}

func (m mixed) gaussian(r *rand.Rand, n int) Kernel {
	u, kind := r.Float64(), 0
	for kind < len(m.family)-1 && u >= m.family[kind] {
		u -= m.family[kind]
		kind++
	}
	s1, s2, theta := uniform(r, m.sigma[0], m.sigma[1]), uniform(r, m.sigma[0], m.sigma[1]), uniform(r, -math.Pi, math.Pi)
	if kind%2 == 0 {
		s2, theta = s1, 0
	}
	switch kind {
	case 0, 1:
		return Anisotropic(n, s1, s2, theta)
	case 2, 3:
		return Generalized(n, s1, s2, theta, halfRange(r, m.betaGauss))
	}
	return Plateau(n, s1, s2, theta, halfRange(r, m.betaPlat))
}

// halfRange draws below 1 in half of the cases and above 1 in the others. A range that starts at 1 gives exactly 1 half of the time.
func halfRange(r *rand.Rand, beta [2]float64) float64 {
	if r.Float64() < 0.5 {
		return uniform(r, beta[0], 1)
	}
	return uniform(r, 1, beta[1])
}
