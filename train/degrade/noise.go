package degrade

import (
	"math"
	"math/rand/v2"
)

// noiseSource gives the random numbers of the noise steps. Tests replace it by recorded numbers.
type noiseSource interface {
	normal() float64
	poisson(mean float64) float64
}

// randomNoise draws from a generator.
type randomNoise struct{ r *rand.Rand }

func (n randomNoise) normal() float64 { return n.r.NormFloat64() }

// poisson draws by multiplication of uniforms for small means (Knuth) and rounds a normal for large ones: above 30 the difference
// to a true Poisson is far below an 8-bit step once divided by the mean.
func (n randomNoise) poisson(mean float64) float64 {
	if mean > 30 {
		return max(math.Round(mean+math.Sqrt(mean)*n.r.NormFloat64()), 0)
	}
	limit, p, k := math.Exp(-mean), n.r.Float64(), 0.0
	for p > limit {
		p *= n.r.Float64()
		k++
	}
	return k
}

// gaussianNoise adds white noise of standard deviation sigma. Gray noise is one value a pixel.
func gaussianNoise(m Image, sigma float64, gray bool, n noiseSource) {
	if !gray {
		for i := range m.Pix {
			m.Pix[i] += float32(sigma * n.normal())
		}
		return
	}
	for i := 0; i < len(m.Pix); i += 3 {
		v := float32(sigma * n.normal())
		m.Pix[i] += v
		m.Pix[i+1] += v
		m.Pix[i+2] += v
	}
}

// poissonNoise adds shot noise: the image is quantised to 8 bits, i; V is the power of two at or above the number of distinct
// values; the noise (Poisson(i V)/V - i) * scale is added to the unquantised image. The gray form does so on the luma.
func poissonNoise(m Image, scale float64, gray bool, n noiseSource) {
	if !gray {
		levels := make([]byte, len(m.Pix))
		for i, v := range m.Pix {
			levels[i] = quantum(v)
		}
		v := valueCount(levels)
		for i, b := range levels {
			m.Pix[i] += shot(b, v, scale, n)
		}
		return
	}
	levels := make([]byte, len(m.Pix)/3)
	for i := range levels {
		p := m.Pix[3*i : 3*i+3]
		levels[i] = quantum(0.2989*p[0] + 0.587*p[1] + 0.114*p[2])
	}
	v := valueCount(levels)
	for i, b := range levels {
		d := shot(b, v, scale, n)
		p := m.Pix[3*i : 3*i+3]
		p[0], p[1], p[2] = p[0]+d, p[1]+d, p[2]+d
	}
}

func shot(level byte, v, scale float64, n noiseSource) float32 {
	i := float64(level) / 255
	return float32((n.poisson(i*v)/v - i) * scale)
}

// valueCount returns the number of distinct levels rounded up to a power of two.
func valueCount(levels []byte) float64 {
	var seen [256]bool
	count := 0
	for _, b := range levels {
		if !seen[b] {
			seen[b] = true
			count++
		}
	}
	return math.Exp2(math.Ceil(math.Log2(float64(count))))
}
