package eval

import (
	"context"
	"math"
	"testing"

	"vsr/train/degrade"
)

// Vectors with a known share of variance: content i of degradation d is (10 d, i) plus a corner that only one of them has.
func TestVarianceShares(t *testing.T) {
	at := func(x, y float32) []float32 { return []float32{x, y} }
	var contents []content
	for i := range 3 {
		contents = append(contents, content{vectors: [][]float32{at(0, float32(i)), at(10, float32(i))}})
	}
	s := shares(contents, []string{"a", "b"})
	// Of degradations 6 * 25 = 150, of contents 2 * (1 + 0 + 1) = 4.
	if math.Abs(s.BetweenDegradations-150.0/154) > 1e-9 || math.Abs(s.BetweenContents-4.0/154) > 1e-9 || math.Abs(s.Rest) > 1e-9 {
		t.Errorf("%+v", s)
	}
	contents[2].vectors[1][0] = 40 // content 2 reacts more strongly
	if s := shares(contents, []string{"a", "b"}); s.Rest < 0.1 || math.Abs(s.Rest+s.BetweenContents+s.BetweenDegradations-1) > 1e-9 {
		t.Errorf("%+v", s)
	}
	if s := shares([]content{{vectors: [][]float32{{1}, {1}}}, {vectors: [][]float32{{1}, {1}}}}, []string{"a", "b"}); s.BetweenContents != 0 {
		t.Errorf("equal vectors: %+v", s)
	}
}

// A network that is the brighter by mistake the further its vector lies from the input's contrast, and an estimator that measures it:
// estimating must be worth something, the vector of the other degradation must cost more than that of its own, and the median of
// training is used as it was given.
func TestEstimator(t *testing.T) {
	contrast := func(lr degrade.Image) ([]float32, error) {
		var d, e float64
		for i := 3; i < len(lr.Pix); i++ {
			d += math.Abs(float64(lr.Pix[i] - lr.Pix[i-3]))
			e += math.Abs(float64(lr.Pix[i] - 0.5))
		}
		return []float32{float32(d / e)}, nil
	}
	o := EstimatorOptions{Data: []string{testImages(t)}, Degradations: []string{"gaussian:0.5", "gaussian:1.6"}, Scale: 2, Median: []float32{3},
		Estimate: contrast, Upscale: func(lr degrade.Image, v []float32) (degrade.Image, error) {
			own, err := contrast(lr)
			out := degrade.Enlarge(lr, 2)
			for i := range out.Pix {
				out.Pix[i] += float32(math.Abs(float64(v[0] - own[0])))
			}
			return out, err
		}}
	r, err := Estimator(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Contents != 3 || r.MedianOf != "training" || len(r.Variance) != 1 || len(r.Degradations) != 2 {
		t.Fatalf("%+v", r)
	}
	for d, e := range r.Degradations {
		if e.Gain < 1 || e.WorstGain > e.Gain || e.Estimate != e.Bicubic || math.Abs(e.Gain-(e.Estimate-e.Median)) > 1e-9 || e.Exchange[1-d] < e.Exchange[d]+0.1 {
			t.Errorf("%+v", e)
		}
	}
	o.Median = nil
	if r, err = Estimator(context.Background(), o); err != nil || r.MedianOf != "run" {
		t.Errorf("%+v, %v", r, err)
	}
	for name, bad := range map[string][]string{"one": {"bicubic"}, "none": {"bicubic", "none"}, "many": {"bicubic", "gaussian8"}, "unknown": {"bicubic", "fog"}} {
		o.Degradations = bad
		if _, err := Estimator(context.Background(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
