package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"vsr/internal/quality"
	"vsr/train/data"
	"vsr/train/degrade"
)

// EstimatorOptions says what the estimator of one model is asked. All but Median, Clip, Frames and Progress must be given.
type EstimatorOptions struct {
	Data         []string // each as in Options: every image, clip or video is one content
	Degradations []string // protocols of one input each
	Scale        int
	Clip         bool
	Frames       int // of a video, default 8: the vector comes from the first frame, quality is measured on the last
	// Estimate returns the degradation vector of an input, bounded as in a run.
	Estimate func(lr degrade.Image) ([]float32, error)
	// Upscale enlarges an input with the kernels of a vector.
	Upscale func(lr degrade.Image, vector []float32) (degrade.Image, error)
	// Median is the middle of the vectors of training. Nil takes the median of the vectors of this run.
	Median   []float32
	Progress func(done, total int)
}

// EstimatorReport says whether a model's degradation vector tells degradations apart or contents, and what it is worth.
type EstimatorReport struct {
	Data     []string `json:"data"`
	Scale    int      `json:"scale"`
	Contents int      `json:"contents"`
	// Variance is one entry for the first two degradations, one for the first three, and so on.
	Variance     []VarianceShares  `json:"variance"`
	Degradations []EstimatorEffect `json:"degradations"`
	MedianOf     string            `json:"median_of"` // training or run
}

// VarianceShares splits the variance of the vectors (mean squared Euclidean distance from their mean) into what the degradation explains,
// what the content explains, and the rest: how much the two depend on each other. The three add up to 1.
type VarianceShares struct {
	Degradations        []string `json:"degradations"`
	BetweenDegradations float64  `json:"between_degradations"`
	BetweenContents     float64  `json:"between_contents"`
	Rest                float64  `json:"rest"`
}

// EstimatorEffect is what the vector does for one degradation: means over the contents of PSNR of luma in dB.
type EstimatorEffect struct {
	Name     string  `json:"name"`
	Bicubic  float64 `json:"bicubic_psnr_y"`
	Estimate float64 `json:"estimate_psnr_y"`
	Median   float64 `json:"median_psnr_y"` // with the median vector for all
	// Gain is Estimate less Median: what estimating is worth. WorstGain is that of the content that gains least.
	Gain      float64 `json:"gain_over_median"`
	WorstGain float64 `json:"worst_gain_over_median"`
	// Exchange is Estimate less the PSNR with the mean vector of each degradation, in the order of the report: what it costs to take
	// this degradation for another. On the diagonal it is what one vector a degradation would lose.
	Exchange []float64 `json:"exchange"`
}

const estimatorFrames = 8

// content is one content under every degradation.
type content struct {
	first, last []degrade.Image // inputs, one a degradation
	hr          degrade.Image   // of last
	vectors     [][]float32
}

// Estimator measures the estimator of a model.
func Estimator(ctx context.Context, o EstimatorOptions) (*EstimatorReport, error) {
	r, err := estimator(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("eval: estimator: %w", err)
	}
	return r, nil
}

func estimator(ctx context.Context, o EstimatorOptions) (*EstimatorReport, error) {
	var all []variant
	for _, name := range o.Degradations {
		v, err := variants(name, o.Scale)
		if err != nil {
			return nil, err
		}
		if len(v) != 1 || v[0].recipe == nil {
			return nil, fmt.Errorf("degradation %q: want one input of each content", name)
		}
		all = append(all, v[0])
	}
	if len(all) < 2 {
		return nil, fmt.Errorf("degradations %v: want two or more to compare", o.Degradations)
	}
	contents, err := readContents(ctx, o, all)
	if err != nil {
		return nil, err
	}
	if len(contents) < 2 {
		return nil, errors.New("one content: want two or more to compare")
	}
	r := &EstimatorReport{Data: o.Data, Scale: o.Scale, Contents: len(contents), MedianOf: "training"}
	for n := 2; n <= len(all); n++ {
		r.Variance = append(r.Variance, shares(contents, o.Degradations[:n]))
	}
	median := o.Median
	if median == nil {
		r.MedianOf = "run"
		median = medianVector(contents)
	}
	means := make([][]float32, len(all))
	for d := range all {
		means[d] = meanVector(contents, d)
	}
	for d, v := range all {
		e := EstimatorEffect{Name: v.label, WorstGain: math.Inf(1), Exchange: make([]float64, len(all))}
		for i, c := range contents {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := e.add(o, c, d, median, means, float64(len(contents))); err != nil {
				return nil, fmt.Errorf("content %d, %s: %w", i, v.label, err)
			}
			if o.Progress != nil {
				o.Progress(d*len(contents)+i+1, len(all)*len(contents))
			}
		}
		e.Gain = e.Estimate - e.Median
		r.Degradations = append(r.Degradations, e)
	}
	return r, nil
}

// readContents degrades every content in every way and estimates.
func readContents(ctx context.Context, o EstimatorOptions, all []variant) (out []content, err error) {
	groups, err := contentGroups(ctx, o)
	if err != nil {
		return nil, err
	}
	for id, g := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hr, err := g.load()
		if err != nil {
			return nil, err
		}
		for i, m := range hr {
			hr[i] = m.CropMultiple(o.Scale)
		}
		c := content{hr: hr[len(hr)-1]}
		for _, v := range all {
			lr, err := v.recipe.Apply(degrade.NewRand(v.seed, uint64(id)), hr)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", g.names[0], v.label, err)
			}
			vector, err := o.Estimate(lr[0])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", g.names[0], v.label, err)
			}
			c.first, c.last, c.vectors = append(c.first, lr[0]), append(c.last, lr[len(lr)-1]), append(c.vectors, vector)
		}
		out = append(out, c)
	}
	return out, nil
}

func contentGroups(ctx context.Context, o EstimatorOptions) (out []group, err error) {
	for _, name := range o.Data {
		if IsVideo(name) {
			out = append(out, group{names: []string{name}, load: func() ([]degrade.Image, error) { return firstFrames(ctx, name, o.Frames) }})
			continue
		}
		groups, _, err := openGroups(Options{Data: name, Scale: o.Scale, Clip: o.Clip})
		if err != nil {
			return nil, err
		}
		out = append(out, groups...)
	}
	return out, nil
}

// firstFrames reads the beginning of a video.
func firstFrames(ctx context.Context, path string, n int) (hr []degrade.Image, err error) {
	if n == 0 {
		n = estimatorFrames
	}
	for m, err := range data.Frames(ctx, path) {
		if err != nil {
			return nil, err
		}
		if hr = append(hr, m); len(hr) == n {
			break
		}
	}
	if len(hr) == 0 {
		return nil, fmt.Errorf("%s: %w", path, errNoFrames)
	}
	return hr, nil
}

// add measures one content under degradation d.
func (e *EstimatorEffect) add(o EstimatorOptions, c content, d int, median []float32, means [][]float32, n float64) error {
	lr := c.last[d]
	want := bytesOf(c.hr)
	psnr := func(m degrade.Image) (float64, error) {
		p, err := quality.Compare(bytesOf(m), want, o.Scale)
		return math.Min(p.Y, 100), err
	}
	with := func(vector []float32) (float64, error) {
		m, err := o.Upscale(lr, slices.Clone(vector))
		if err != nil {
			return 0, err
		}
		return psnr(m)
	}
	bicubic, err := psnr(degrade.Enlarge(lr, o.Scale))
	if err != nil {
		return err
	}
	own, err := with(c.vectors[d])
	if err != nil {
		return err
	}
	middle, err := with(median)
	if err != nil {
		return err
	}
	for k, v := range means {
		other, err := with(v)
		if err != nil {
			return err
		}
		e.Exchange[k] += (own - other) / n
	}
	e.Bicubic, e.Estimate, e.Median = e.Bicubic+bicubic/n, e.Estimate+own/n, e.Median+middle/n
	e.WorstGain = min(e.WorstGain, own-middle)
	return nil
}

// shares splits the variance of the vectors of the first degradations.
func shares(contents []content, names []string) VarianceShares {
	s := VarianceShares{Degradations: names}
	size, nd, nc := len(contents[0].vectors[0]), len(names), len(contents)
	var total, degradations, byContent float64
	for k := range size {
		var grand float64
		ofDegradation, ofContent := make([]float64, nd), make([]float64, nc)
		for i, c := range contents {
			for d := range names {
				v := float64(c.vectors[d][k])
				grand += v / float64(nc*nd)
				ofDegradation[d] += v / float64(nc)
				ofContent[i] += v / float64(nd)
			}
		}
		for i, c := range contents {
			byContent += float64(nd) * (ofContent[i] - grand) * (ofContent[i] - grand)
			for d := range names {
				v := float64(c.vectors[d][k]) - grand
				total += v * v
			}
		}
		for d := range names {
			degradations += float64(nc) * (ofDegradation[d] - grand) * (ofDegradation[d] - grand)
		}
	}
	if total > 0 {
		s.BetweenDegradations, s.BetweenContents = degradations/total, byContent/total
		s.Rest = 1 - s.BetweenDegradations - s.BetweenContents
	}
	return s
}

func meanVector(contents []content, d int) []float32 {
	out := make([]float32, len(contents[0].vectors[d]))
	for _, c := range contents {
		for k, v := range c.vectors[d] {
			out[k] += v / float32(len(contents))
		}
	}
	return out
}

func medianVector(contents []content) []float32 {
	out := make([]float32, len(contents[0].vectors[0]))
	for k := range out {
		var column []float32
		for _, c := range contents {
			for _, v := range c.vectors {
				column = append(column, v[k])
			}
		}
		slices.Sort(column)
		out[k] = column[len(column)/2]
	}
	return out
}
