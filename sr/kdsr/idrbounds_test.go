package kdsr

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// cloud is vectors around (1, -2, 5) with deviations of 0.1, 1 and 3.
func cloud(n int) [][]float32 {
	r := rand.New(rand.NewPCG(1, 1))
	out := make([][]float32, n)
	for i := range out {
		out[i] = []float32{float32(1 + 0.1*r.NormFloat64()), float32(-2 + r.NormFloat64()), float32(5 + 3*r.NormFloat64())}
	}
	return out
}

func TestIDRBounds(t *testing.T) {
	vectors := cloud(4000)
	vectors[7] = []float32{1e6, -1e6, 1e6} // one explosion must not move anything
	bounds, err := NewIDRBounds(vectors)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range [][2]float64{{1, 0.1}, {-2, 1}, {5, 3}} {
		if math.Abs(float64(bounds.Mean[k])-want[0]) > 0.1*want[1] || math.Abs(float64(bounds.Dev[k])-want[1]) > 0.1*max(want[1], 0.2) {
			t.Errorf("component %d: %g and %g, want %g", k, bounds.Mean[k], bounds.Dev[k], want)
		}
	}
	outside := 0
	for _, v := range vectors {
		before, far := slices.Clone(v), bounds.Distance(v)
		moved := bounds.Bound(v)
		if moved != (far > bounds.Limit) || !moved && !slices.Equal(v, before) {
			t.Fatalf("distance %g of %g: moved %v", far, bounds.Limit, moved)
		}
		if !moved {
			continue
		}
		outside++
		if d := bounds.Distance(v); math.Abs(d-bounds.Limit) > 0.05*bounds.Limit {
			t.Fatalf("moved to %g, the limit is %g", d, bounds.Limit)
		}
		for k := range v { // on the same side
			if float64(v[k]-bounds.Mean[k])*float64(before[k]-bounds.Mean[k]) < 0 {
				t.Fatalf("%v became %v", before, v)
			}
		}
	}
	if share := float64(outside) / float64(len(vectors)); math.Abs(share-(1-boundedShare)) > 0.002 {
		t.Errorf("a share of %g lies outside, want %g", share, 1-boundedShare)
	}
}

func TestIDRBoundsKeepsWhatItCannotJudge(t *testing.T) {
	bounds, err := NewIDRBounds(cloud(100))
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for _, v := range [][]float32{{1, nan, 0}, {1, float32(math.Inf(1)), 0}, {1e9}} {
		before := slices.Clone(v)
		if bounds.Bound(v) || math.Float32bits(v[0]) != math.Float32bits(before[0]) {
			t.Errorf("%v became %v", before, v)
		}
	}
	var none *IDRBounds
	if v := []float32{1e9}; none.Bound(v) || v[0] != 1e9 {
		t.Error("no bounds moved a vector")
	}
	for _, few := range [][][]float32{nil, cloud(fewestVectors - 1), append(cloud(100), []float32{1})} {
		if _, err := NewIDRBounds(few); err == nil {
			t.Errorf("%d vectors were enough", len(few))
		}
	}
}

func TestIDRBoundsNote(t *testing.T) {
	bounds, err := NewIDRBounds(cloud(100))
	if err != nil {
		t.Fatal(err)
	}
	w := &Weights{Config: Config{C: 3}, Meta: map[string]string{}}
	if got, err := w.IDRBounds(); got != nil || err != nil {
		t.Errorf("without a note: %v, %v", got, err)
	}
	if err := w.SetIDRBounds(bounds); err != nil {
		t.Fatal(err)
	}
	got, err := w.IDRBounds()
	if err != nil || !slices.Equal(got.Mean, bounds.Mean) || !slices.Equal(got.Dev, bounds.Dev) || got.Limit != bounds.Limit {
		t.Errorf("%+v, %v; noted %+v", got, err, bounds)
	}
	for _, bad := range []string{"", "{}", `{"mean":[1,2,3],"dev":[1,0,1],"limit":1}`, `{"mean":[1,2,3],"dev":[1,1,1],"limit":0}`, `{"mean":[1,2],"dev":[1,1],"limit":1}`} {
		w.Meta[MetaIDRBounds] = bad
		if _, err := w.IDRBounds(); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if err := w.SetIDRBounds(nil); err != nil || len(w.Meta) != 0 {
		t.Errorf("taking the note away: %v, left %v", err, w.Meta)
	}
}
