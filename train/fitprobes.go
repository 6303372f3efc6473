package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/graph"
)

// ProbeOptions says how much material the probes are fitted to. The zero value takes the defaults.
type ProbeOptions struct {
	Samples int // patches to fit to, default 3072
	HeldOut int // patches of images that are held back, default 768
	Patch   int // their side in low-resolution pixels, default 96
	Slider  int // side of the patches that the sliders are fitted on, in low-resolution pixels, default 64
	// Progress, when not nil, is called after every batch.
	Progress func(done, total int)
}

func (o ProbeOptions) defaults() ProbeOptions {
	o.Samples, o.HeldOut = cmp.Or(o.Samples, 3072), cmp.Or(o.HeldOut, 768)
	o.Patch, o.Slider = cmp.Or(o.Patch, 96), cmp.Or(o.Slider, 64)
	return o
}

// knownVector is the vector of a patch that was spoilt by known amounts.
type knownVector struct {
	v      []float32
	amount [kdsr.Traits]float64
}

// FitProbes fits what reads a student's degradation vector in units to the sharp images of c, spoilt by degrade.Known, and measures how
// far off it is on the images that c holds back for validation.
func FitProbes(ctx context.Context, w *kdsr.Weights, c Config, p ProbeOptions, o Options) (fit *kdsr.Probes, err error) {
	err = onMaterial(ctx, w, c, o, func(ws *conv.Workers, corpus *data.Corpus) error {
		fit, err = fitProbes(ctx, ws, w, corpus, c, p.defaults())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("train: probes: %w", err)
	}
	return fit, nil
}

func fitProbes(ctx context.Context, ws *conv.Workers, w *kdsr.Weights, corpus *data.Corpus, c Config, o ProbeOptions) (*kdsr.Probes, error) {
	bounds, err := w.IDRBounds()
	if err != nil {
		return nil, err
	}
	show := func(before int) func(int) {
		return func(done int) {
			if o.Progress != nil {
				o.Progress(before+done, o.Samples+o.HeldOut)
			}
		}
	}
	fit, err := knownVectors(ctx, ws, w, bounds, corpus.Train, c, o.Samples, o.Patch, show(0))
	if err != nil {
		return nil, err
	}
	held, err := knownVectors(ctx, ws, w, bounds, corpus.Validation, c, o.HeldOut, o.Patch, show(len(fit)))
	if err != nil {
		return nil, fmt.Errorf("images that are held back: %w", err)
	}
	p, err := newProbes(fit, held, bounds)
	if err != nil {
		return nil, err
	}
	return p, fitSliders(ctx, ws, w, corpus, p, fit, o.Slider)
}

// knownVectors spoils patches of tiles by known amounts and estimates them as a run does, bounded.
func knownVectors(ctx context.Context, ws *conv.Workers, w *kdsr.Weights, bounds *kdsr.IDRBounds, tiles []data.Tile, c Config, n, patch int, show func(done int)) ([]knownVector, error) {
	const batch, reuse = 8, 2
	known := degrade.Known{Factor: c.Scale}
	s, err := data.NewSampler(tiles, data.SamplerOptions{Seed: c.Seed + 0x9e0be5, Batch: batch, Patch: patch, Recipe: known, Reuse: reuse, Shrink: c.Data.Shrink, Defocus: c.Data.Defocus})
	if err != nil {
		return nil, err
	}
	var out []knownVector
	size := w.Config.C
	for step := 0; len(out) < n; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := s.Batch(step)
		if err != nil {
			return nil, err
		}
		e := &graph.Eager{Workers: ws, Weights: w}
		_, d := kdsr.Estimate(e, w.Config, &graph.Map{Shape: []int{batch, patch, patch, 3}, Data: b.Other})
		if err := e.Err(); err != nil {
			return nil, err
		}
		for i := range batch {
			a := known.Amounts(s.ClipRand(step, i))
			v := knownVector{slices.Clone(d.Data[i*size : (i+1)*size]), [kdsr.Traits]float64{a.Blur, a.Noise, a.CRF}}
			bounds.Bound(v.v)
			out = append(out, v)
		}
		if show != nil {
			show(len(out))
		}
	}
	return out, nil
}

// newProbes fits to some vectors and measures on others.
func newProbes(fit, held []knownVector, bounds *kdsr.IDRBounds) (*kdsr.Probes, error) {
	if len(fit) == 0 || len(held) == 0 {
		return nil, errors.New("no vectors")
	}
	n := len(fit[0].v)
	p := &kdsr.Probes{Mean: make([]float32, n), Dev: make([]float32, n), Samples: len(fit), HeldOut: len(held)}
	for k := range n {
		var sum, squares float64
		for _, f := range fit {
			sum, squares = sum+float64(f.v[k]), squares+float64(f.v[k])*float64(f.v[k])
		}
		mean := sum / float64(len(fit))
		p.Mean[k], p.Dev[k] = float32(mean), float32(math.Sqrt(max(squares/float64(len(fit))-mean*mean, 1e-12)))
	}
	ends := [kdsr.Traits][2]float64{{0, degrade.KnownBlur}, {0, degrade.KnownNoise}, {degrade.KnownClean, degrade.KnownWorst}}
	x, xh := features(p, fit), features(p, held)
	steps, err := traitSteps(fit)
	if err != nil {
		return nil, err
	}
	for t := range p.Traits {
		y, yh := amounts(fit, t), amounts(held, t)
		weights, err := leastDeviations(x, y)
		if err != nil {
			return nil, err
		}
		probe := kdsr.Probe{Low: ends[t][0], High: ends[t][1], Step: steps[t]}
		for _, v := range weights {
			probe.Weights = append(probe.Weights, rounded(v))
		}
		p.Traits[t] = probe
		constant := median(y)
		p.Traits[t].Error, p.Traits[t].Constant = heldOutError(xh, yh, &probe), medianDeviation(yh, func(int) float64 { return constant })
	}
	if bounds != nil {
		distances := make([]float64, len(fit))
		for i, f := range fit {
			distances[i] = bounds.Distance(f.v)
		}
		slices.Sort(distances)
		for q := range 21 {
			p.Distances = append(p.Distances, float64(rounded(distances[q*(len(distances)-1)/20])))
		}
	}
	return p, nil
}

func features(p *kdsr.Probes, list []knownVector) *mat.Dense {
	cols := kdsr.ProbeFeatures(len(p.Mean))
	all := make([]float64, 0, len(list)*cols)
	for _, f := range list {
		all = p.Features(all, f.v)
	}
	return mat.NewDense(len(list), cols, all)
}

func amounts(list []knownVector, trait int) []float64 {
	y := make([]float64, len(list))
	for i, f := range list {
		y[i] = f.amount[trait]
	}
	return y
}

// Of the fit by least absolute deviations: how often squares are weighed anew, how small a deviation, in deviations of the target, weighs no
// more, and how strongly all weights but the constant are held near zero.
const (
	deviationRounds = 12
	deviationFloor  = 0.05
	ridge           = 0.01
)

// leastDeviations finds weights w that make the sum of |y - x w| small: the error that is reported is a median.
func leastDeviations(x *mat.Dense, y []float64) ([]float64, error) {
	rows, cols := x.Dims()
	floor := deviationFloor * math.Sqrt(variance(y))
	weight := make([]float64, rows)
	for i := range weight {
		weight[i] = 1
	}
	scaled := mat.NewDense(rows, cols, nil)
	target := mat.NewVecDense(rows, nil)
	solution, fitted := mat.NewVecDense(cols, nil), mat.NewVecDense(rows, nil)
	for range deviationRounds {
		total := 0.0
		for i, w := range weight {
			total += w
			root := math.Sqrt(w)
			from, to := x.RawRowView(i), scaled.RawRowView(i)
			for k, v := range from {
				to[k] = root * v
			}
			target.SetVec(i, root*y[i])
		}
		var normal mat.SymDense
		normal.SymOuterK(1, scaled.T())
		for k := 1; k < cols; k++ {
			normal.SetSym(k, k, normal.At(k, k)+ridge*total)
		}
		normal.SetSym(0, 0, normal.At(0, 0)+1e-9*total)
		var right mat.VecDense
		right.MulVec(scaled.T(), target)
		var c mat.Cholesky
		if !c.Factorize(&normal) {
			return nil, errors.New("the vectors do not differ")
		}
		if err := c.SolveVecTo(solution, &right); err != nil {
			return nil, err
		}
		fitted.MulVec(x, solution)
		for i := range weight {
			weight[i] = 1 / max(math.Abs(y[i]-fitted.AtVec(i)), floor)
		}
	}
	return solution.RawVector().Data, nil
}

// traitSteps is how vectors move with each trait: the regression of every component on all traits. The traits were drawn independently
// of the images, so what images do to a vector averages out.
func traitSteps(list []knownVector) (steps [kdsr.Traits][]float32, err error) {
	x := mat.NewDense(len(list), int(kdsr.Traits)+1, nil)
	y := mat.NewDense(len(list), len(list[0].v), nil)
	for i, f := range list {
		x.Set(i, 0, 1)
		for t, a := range f.amount {
			x.Set(i, t+1, a)
		}
		for k, v := range f.v {
			y.Set(i, k, float64(v))
		}
	}
	var b mat.Dense
	if err := b.Solve(x, y); err != nil {
		return steps, err
	}
	for t := range steps {
		for k := range list[0].v {
			steps[t] = append(steps[t], rounded(b.At(t+1, k)))
		}
	}
	return steps, nil
}

// heldOutError is the median of a probe's absolute error.
func heldOutError(x *mat.Dense, y []float64, p *kdsr.Probe) float64 {
	return medianDeviation(y, func(i int) float64 {
		sum := 0.0
		for k, v := range x.RawRowView(i) {
			sum += float64(p.Weights[k]) * v
		}
		return min(max(sum, p.Low), p.High)
	})
}

// medianDeviation is the median of the distance between y and an answer for each.
func medianDeviation(y []float64, answer func(i int) float64) float64 {
	off := make([]float64, len(y))
	for i, v := range y {
		off[i] = math.Abs(v - answer(i))
	}
	return math.Round(median(off)*1000) / 1000
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func variance(v []float64) float64 {
	var sum, squares float64
	for _, x := range v {
		sum, squares = sum+x, squares+x*x
	}
	n := float64(len(v))
	return max(squares/n-sum/n*sum/n, 1e-12)
}

// rounded keeps five significant digits: the notes of a weights file are text.
func rounded(v float64) float32 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(v))))
	return float32(math.Round(v*unit) / unit)
}
