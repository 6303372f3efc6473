package train

import (
	"math"
	"math/rand/v2"

	g "gorgonia.org/gorgonia"

	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// The probe keeps the estimator from forgetting the degradation. Trained on the image's loss alone, the estimator's vector differs
// at first by chance from sample to sample, G learns to ignore the differences before they can mean anything, and the vector
// ends up the same for every image. With the probe, fixed directions of the teacher's D' must tell how the degraded image
// differs from the original: probeTraits numbers, measured on each patch, at probeScale per standard deviation. It adds no
// parameter. A student has the vector from its teacher by distillation; with loss.probe it gets the probe too, on its own D' from
// another crop of the clip, so that the vector must tell the degradation and cannot tell the content.
const (
	probeTraits  = 9
	probeSamples = 256 // from which mean and deviation of the traits are taken
	probeScale   = 0.6 // moves the elements of D' by about the temperature of the distillation, 0.15, at C = 32
)

// probe holds the fixed directions and the statistics of the traits.
type probe struct {
	geo       geometry
	mean, std [probeTraits]float32
	targets   []float32 // [B,probeTraits], filled for every batch
}

// newProbe measures the traits of the sampler's first batches, so a resumed run has the same numbers.
func newProbe(s *data.Sampler, geo geometry) (*probe, error) {
	p := &probe{geo: geo, targets: make([]float32, geo.batch*probeTraits)}
	for i := range p.std {
		p.std[i] = probeScale // so that measure returns the traits as they are
	}
	var sum, square [probeTraits]float64
	n := 0
	for step := 0; n < probeSamples; step++ {
		b, err := s.Batch(step * 4) // four steps share their degraded clips
		if err != nil {
			return nil, err
		}
		for i, v := range p.measure(b) {
			sum[i%probeTraits] += float64(v)
			square[i%probeTraits] += float64(v) * float64(v)
		}
		n += geo.batch
	}
	for i := range sum {
		m := sum[i] / float64(n)
		p.mean[i] = float32(m)
		p.std[i] = float32(math.Sqrt(max(square[i]/float64(n)-m*m, 1e-8)))
	}
	return p, nil
}

// add joins the probe's loss to a graph: the mean absolute distance of the probed D' [B,4C] from the input "traits".
func (p *probe) add(gr *graph.Graph, dPrime *g.Node) (loss, input *g.Node) {
	from := dPrime.Shape()[1]
	w := &kdsr.Weights{Tensors: map[string]kdsr.Tensor{"probe.weight": {Shape: []int{probeTraits, from}, Data: directions(probeTraits, from)}}}
	input = gr.Input("traits", p.geo.batch, probeTraits)
	said := gr.Net("", w, nil).Linear(dPrime, "probe", probeTraits, false, false)
	return gr.L1(said, input), input
}

// directions returns rows of unit length in random directions, the same for every run.
func directions(rows, n int) []float32 {
	rng := rand.New(rand.NewPCG(0x70726f62, uint64(n)))
	out := make([]float32, rows*n)
	for r := range rows {
		row, sum := out[r*n:][:n], 0.0
		for i := range row {
			v := rng.NormFloat64()
			row[i], sum = float32(v), sum+v*v
		}
		for i := range row {
			row[i] /= float32(math.Sqrt(sum))
		}
	}
	return out
}

// measure returns the normalised traits of every sample [B,probeTraits]; the slice is reused by the next call.
func (p *probe) measure(b *data.Batch) []float32 {
	n, s := p.geo.patch, p.geo.scale
	lr, hr := n*n*3, n*n*s*s*3
	for i := range p.geo.batch {
		t := traits(b.LR[i*lr:][:lr], b.HR[i*hr:][:hr], n, s)
		for k, v := range t {
			p.targets[i*probeTraits+k] = (v - p.mean[k]) / p.std[k] * probeScale
		}
	}
	return p.targets
}

// traits describes the degradation of one patch, lr [n,n,3] against hr [sn,sn,3]: for three octaves of luma the logarithm of
// the gain (what is left of the original's detail) and that of the error, the logarithms of the errors of two color differences in
// the finest octave, and how much more the coder's grid of 8 pixels shows than in the original.
func traits(lr, hr []float32, n, s int) (t [probeTraits]float32) {
	small := reduce(hr, n, s)
	for k, weights := range [3][3]float32{{0.299, 0.587, 0.114}, {1, -1, 0}, {0, -1, 1}} {
		a, r := project(lr, weights), project(small, weights)
		e := make([]float32, len(a))
		for i := range e {
			e[i] = a[i] - r[i]
		}
		if k > 0 {
			t[5+k] = level(octave(e, n))
			continue
		}
		t[8] = grid(a, n) - grid(r, n)
		for o, side := 0, n; o < 3; o, side = o+1, side/2 {
			t[o] = level(octave(a, side)) - level(octave(r, side))
			t[3+o] = level(octave(e, side))
			a, r, e = half(a, side), half(r, side), half(e, side)
		}
	}
	return t
}

// reduce is the mean of every s x s pixels: [sn,sn,3] to [n,n,3].
func reduce(hr []float32, n, s int) []float32 {
	out := make([]float32, n*n*3)
	for y := range n * s {
		row := hr[y*n*s*3:]
		for x := range n * s {
			o := out[(y/s*n+x/s)*3:]
			o[0] += row[x*3]
			o[1] += row[x*3+1]
			o[2] += row[x*3+2]
		}
	}
	for i := range out {
		out[i] /= float32(s * s)
	}
	return out
}

// project is one weighted sum of the colors of every pixel.
func project(rgb []float32, w [3]float32) []float32 {
	out := make([]float32, len(rgb)/3)
	for i := range out {
		out[i] = w[0]*rgb[3*i] + w[1]*rgb[3*i+1] + w[2]*rgb[3*i+2]
	}
	return out
}

// grid is the logarithm of the strongest of the eight phases of the columns' differences over the mean of all, for a plane of side n:
// a coder's block borders lie at one phase, wherever the patch was cut.
func grid(p []float32, n int) float32 {
	var phase, count [8]float64
	for y := range n {
		for x := 1; x < n; x++ {
			d := float64(p[y*n+x] - p[y*n+x-1])
			phase[x%8] += math.Abs(d)
			count[x%8]++
		}
	}
	const floor = 0.25 / 255 // half of the rounding's own differences
	strongest, sum := 0.0, 0.0
	for k := range phase {
		v := phase[k]/max(count[k], 1) + floor
		strongest, sum = max(strongest, v), sum+v/8
	}
	return float32(math.Log(strongest / sum))
}

// octave is the mean square of the finest octave of a plane of side n: of its Laplacian.
func octave(p []float32, n int) float32 {
	var sum float32
	for y := 1; y < n-1; y++ {
		for x := 1; x < n-1; x++ {
			i := y*n + x
			v := p[i] - (p[i-1]+p[i+1]+p[i-n]+p[i+n])/4
			sum += v * v
		}
	}
	return sum / float32(max((n-2)*(n-2), 1))
}

// level is half the logarithm of a mean square above half a step of 8 bits.
func level(square float32) float32 {
	const floor = 0.25 / (255 * 255)
	return float32(math.Log(float64(square)+floor)) / 2
}

// half is the mean of every 2 x 2 values of a plane of side n.
func half(p []float32, n int) []float32 {
	m := n / 2
	out := make([]float32, m*m)
	for y := range m {
		for x := range m {
			i := 2*y*n + 2*x
			out[y*m+x] = (p[i] + p[i+1] + p[i+n] + p[i+n+1]) / 4
		}
	}
	return out
}
