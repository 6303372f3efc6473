package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vsr/internal/conv"
	"vsr/internal/quality"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/graph"
)

// What the sliders are fitted on: so many patches for fitting and again for the check, with this much blur, noise and compression.
const (
	sliderPatches = 16
	sliderBlur    = 0.5 // pixels of the input
	sliderNoise   = 6   // 8-bit code values
	sliderCRF     = 36
	sliderQuant   = 8 // of MPEG-4, which has no filter against blocks
)

// sliderAxes is along how many principal axes of the training vectors a slider may move, and sliderStep how far each is tried, in deviations.
const (
	sliderAxes = 8
	sliderStep = 0.7
)

// sliderReaches are the lengths of a slider's way that are tried, in deviations, the longest first.
var sliderReaches = [...]float64{3, 2, 1.4, 1, 0.7, 0.4}

// sliderPlaces are where a slider must be better than the place before.
var sliderPlaces = [...]float64{-1, -0.5, 0, 0.5, 1}

// slidersFit finds how each slider moves a vector: by the change, along the main axes of the training vectors, that changes most what the slider
// is named for.
type slidersFit struct {
	ws     *conv.Workers
	w      *kdsr.Weights
	bounds *kdsr.IDRBounds
	// estimates are the vectors of patches as they are.
	estimates map[*graph.Map]*graph.Map
	axes      *mat.Dense // columns are one deviation of the training vectors along each axis // [C,axes]
}

// sliderInputs are patches, spoilt in each way. // [B,p,p,3]
type sliderInputs struct{ clean, blurred, noisy, coded *graph.Map }

// fitSliders writes Slider into each probe. side is that of the patches it takes, in low-resolution pixels.
func fitSliders(ctx context.Context, ws *conv.Workers, w *kdsr.Weights, corpus *data.Corpus, p *kdsr.Probes, vectors []knownVector, side int) error {
	bounds, err := w.IDRBounds()
	if err != nil {
		return err
	}
	f := &slidersFit{ws: ws, w: w, bounds: bounds, estimates: map[*graph.Map]*graph.Map{}}
	if f.axes, err = mainAxes(vectors); err != nil {
		return err
	}
	fit, err := spoil(corpus.Train, w.Config.Scale, side, 1)
	if err != nil {
		return err
	}
	held, err := spoil(corpus.Validation, w.Config.Scale, side, 2)
	if err != nil {
		return err
	}
	for t := range p.Traits {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.Traits[t].Slider, p.Traits[t].Effect, err = f.slider(ctx, kdsr.Trait(t), fit, held)
		if err != nil {
			return fmt.Errorf("slider of %v: %w", kdsr.Trait(t), err)
		}
	}
	return nil
}

// mainAxes are the principal axes of the vectors, each as long as their deviation along it.
func mainAxes(list []knownVector) (*mat.Dense, error) {
	n := len(list[0].v)
	x := mat.NewDense(len(list), n, nil)
	for k := range n {
		mean := 0.0
		for _, f := range list {
			mean += float64(f.v[k]) / float64(len(list))
		}
		for i, f := range list {
			x.Set(i, k, float64(f.v[k])-mean)
		}
	}
	var cov mat.SymDense
	cov.SymOuterK(1/float64(len(list)), x.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&cov, true) {
		return nil, errors.New("the vectors have no axes")
	}
	var all mat.Dense
	eigen.VectorsTo(&all)
	values := eigen.Values(nil) // rising
	axes := mat.NewDense(n, min(sliderAxes, n), nil)
	_, cols := axes.Dims()
	for a := range cols {
		for k := range n {
			axes.Set(k, a, math.Sqrt(max(values[n-1-a], 0))*all.At(k, n-1-a))
		}
	}
	return axes, nil
}

// spoil cuts patches out of different tiles. lr is their side in low-resolution pixels.
func spoil(tiles []data.Tile, scale, lr int, seed uint64) (in sliderInputs, err error) {
	side := lr * scale
	r := rand.New(rand.NewPCG(seed, 0x511de5))
	maps := [4]*graph.Map{}
	for i := range maps {
		maps[i] = graph.NewMap(sliderPatches, lr, lr, 3)
	}
	got := 0
	for _, at := range r.Perm(len(tiles)) {
		t := tiles[at]
		if t.W < side || t.H < side {
			continue
		}
		hr := []degrade.Image{patchOf(t, r.IntN(t.W-side+1), r.IntN(t.H-side+1), side)}
		coded := degrade.Recipe(degrade.Coded{Factor: scale, Codec: degrade.H264, Quality: sliderCRF})
		if got%2 == 1 {
			coded = degrade.Coded{Factor: scale, Codec: degrade.MPEG4, Quality: sliderQuant}
		}
		blur := sliderBlur * float64(scale)
		for k, recipe := range []degrade.Recipe{degrade.Fixed{Factor: scale}, degrade.Fixed{Factor: scale, S1: blur, S2: blur},
			degrade.Fixed{Factor: scale, NoiseLevel: sliderNoise}, coded} {
			small, err := recipe.Apply(degrade.NewRand(seed, uint64(at)), hr)
			if err != nil {
				return in, err
			}
			copy(maps[k].Data[got*lr*lr*3:], small[0].Pix)
		}
		if got++; got == sliderPatches {
			return sliderInputs{maps[0], maps[1], maps[2], maps[3]}, nil
		}
	}
	if got == 0 {
		return in, fmt.Errorf("none of %d tiles is as large as %d", len(tiles), side)
	}
	for i, m := range maps {
		maps[i] = &graph.Map{Shape: []int{got, lr, lr, 3}, Data: m.Data[:got*lr*lr*3]}
	}
	return sliderInputs{maps[0], maps[1], maps[2], maps[3]}, nil
}

func patchOf(t data.Tile, x, y, side int) degrade.Image {
	rgb := make([]byte, 0, side*side*3)
	for r := range side {
		rgb = append(rgb, t.Pix[((y+r)*t.W+x)*3:][:side*3]...)
	}
	return degrade.FromBytes(side, side, rgb)
}

// slider returns the way of one slider at 1 and its effect: the mean logarithm of what it is named for at 1 less that at -1, on patches that it
// was not fitted to.
func (f *slidersFit) slider(ctx context.Context, t kdsr.Trait, fit, held sliderInputs) (way []float32, effect float64, err error) {
	size, axes := f.axes.Dims()
	gradient := make([]float64, axes)
	length := 0.0
	for a := range axes {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		step := make([]float64, size)
		for k := range step {
			step[k] = sliderStep * f.axes.At(k, a)
		}
		up, err := f.measure(t, fit, step, 1)
		if err != nil {
			return nil, 0, err
		}
		down, err := f.measure(t, fit, step, -1)
		if err != nil {
			return nil, 0, err
		}
		gradient[a] = up - down
		length += gradient[a] * gradient[a]
	}
	if length = math.Sqrt(length); length == 0 {
		return make([]float32, size), 0, nil
	}
	unit := make([]float64, size)
	sign := sliderSign(t) / length
	for k := range unit {
		for a, g := range gradient {
			unit[k] += sign * g * f.axes.At(k, a)
		}
	}
	for _, reach := range sliderReaches {
		effect, ok, err := f.monotone(ctx, t, held, unit, reach)
		if err != nil {
			return nil, 0, err
		}
		if ok || reach == sliderReaches[len(sliderReaches)-1] {
			for _, u := range unit {
				way = append(way, rounded(reach*u))
			}
			return way, effect, nil
		}
	}
	return way, effect, nil
}

// sliderSign is +1 for a slider that makes its measure larger, -1 for one that makes it smaller.
func sliderSign(t kdsr.Trait) float64 {
	if t == kdsr.TraitBlur {
		return 1
	}
	return -1
}

// monotone reports whether the measure changes in the slider's sense from place to place, and by how much over all.
func (f *slidersFit) monotone(ctx context.Context, t kdsr.Trait, in sliderInputs, unit []float64, reach float64) (effect float64, ok bool, err error) {
	ok = true
	var first, before float64
	for i, at := range sliderPlaces {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		v, err := f.measure(t, in, unit, reach*at)
		if err != nil {
			return 0, false, err
		}
		if i == 0 {
			first = v
		} else if (v-before)*sliderSign(t) <= 0 {
			ok = false
		}
		before = v
	}
	return math.Round((before-first)*1000) / 1000, ok, nil
}

// measure is the mean logarithm, over the patches, of what a slider is named for when every vector is moved by so much.
func (f *slidersFit) measure(t kdsr.Trait, in sliderInputs, step []float64, by float64) (float64, error) {
	x := [...]*graph.Map{in.blurred, in.noisy, in.coded}[t]
	e := &graph.Eager{Workers: f.ws, Weights: f.w}
	estimate, err := f.estimate(e, x)
	if err != nil {
		return 0, err
	}
	n, size := x.Shape[0], len(step)
	d := &graph.Map{Shape: estimate.Shape, Data: slices.Clone(estimate.Data)}
	for i := range n {
		v := d.Data[i*size : (i+1)*size]
		for k, s := range step {
			v[k] += float32(by * s)
		}
		f.bounds.Bound(v)
	}
	kernels := kdsr.Modulate(e, f.w.Config, d)
	out := kdsr.Upscale(e, f.w.Config, x, kernels)
	var clean *graph.Map
	if t != kdsr.TraitBlur {
		clean = kdsr.Upscale(e, f.w.Config, in.clean, kernels)
	}
	if e.Err() != nil {
		return 0, e.Err()
	}
	side := in.clean.Shape[1] * f.w.Config.Scale
	sum := 0.0
	for i := range n {
		luma := lumaOf(out.Data[i*side*side*3:][:side*side*3])
		v := 0.0
		switch t {
		case kdsr.TraitBlur:
			v = quality.Detail(luma, side, side)
		default: // what comes through of the noise, or of what the coder has done
			v = rootDifference(luma, lumaOf(clean.Data[i*side*side*3:][:side*side*3]))
		}
		sum += math.Log(max(v, 1e-6)) / float64(n)
	}
	return sum, nil
}

// estimate returns the bounded vectors of some patches, which it keeps.
func (f *slidersFit) estimate(e *graph.Eager, x *graph.Map) (*graph.Map, error) {
	if d, ok := f.estimates[x]; ok {
		return d, nil
	}
	_, d := kdsr.Estimate(e, f.w.Config, x)
	size := f.w.Config.C
	for i := range x.Shape[0] {
		f.bounds.Bound(d.Data[i*size : (i+1)*size])
	}
	f.estimates[x] = d
	return d, e.Err()
}

// lumaOf is the luma of interleaved RGB in [0,1], in 8-bit code values.
func lumaOf(rgb []float32) []float32 {
	out := make([]float32, len(rgb)/3)
	for i := range out {
		out[i] = 65.481*rgb[3*i] + 128.553*rgb[3*i+1] + 24.966*rgb[3*i+2] + 16
	}
	return out
}

func rootDifference(a, b []float32) float64 {
	var sum float64
	for i, v := range a {
		sum += float64(v-b[i]) * float64(v-b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}
