package kdsr

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testProbes read 2 x as blur, y + xy as noise and 20 + y as CRF.
func testProbes() *Probes {
	p := &Probes{Mean: []float32{1, 0}, Dev: []float32{1, 2}, Samples: 9, HeldOut: 3, Distances: []float64{0, 1, 2, 3, 4}}
	// constant, x, y, xx, xy, yy of (v0-1) and v1/2
	p.Traits[TraitBlur] = Probe{Weights: []float32{0, 2, 0, 0, 0, 0}, Low: 0, High: 1.2, Step: []float32{0.5, 0}, Slider: []float32{0.4, 0}}
	p.Traits[TraitNoise] = Probe{Weights: []float32{0, 0, 1, 0, 1, 0}, Low: 0, High: 10, Step: []float32{0, 2}, Slider: []float32{0, 16}}
	p.Traits[TraitCRF] = Probe{Weights: []float32{20, 0, 1, 0, 0, 0}, Low: 12, High: 40, Step: []float32{0.01, 0.1}, Slider: []float32{0, 1}}
	return p
}

// A vector reads as the polynomial of its standardized components, within the ends of what the probe was fitted to.
func TestProbesRead(t *testing.T) {
	p, bounds := testProbes(), &IDRBounds{Mean: []float32{1, 0}, Dev: []float32{1, 2}, Limit: 3}
	for _, c := range []struct {
		v    []float32
		want Reading
	}{
		{[]float32{1.25, 2}, Reading{Blur: 0.5, Noise: 1.25, CRF: 21, Familiar: 1 - math.Sqrt(1.0625/2)/4}},
		{[]float32{1, 0}, Reading{CRF: 20, Familiar: 1}},
		{[]float32{9, -40}, Reading{Blur: 1.2, Noise: 0, CRF: 14}}, // y is held at -6
	} {
		got := p.Read(c.v, bounds)
		if math.Abs(got.Familiar-c.want.Familiar) > 1e-6 {
			t.Errorf("%v: familiar %g, want %g", c.v, got.Familiar, c.want.Familiar)
		}
		got.Familiar = c.want.Familiar
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v: %s", c.v, d)
		}
	}
	if r := p.Read([]float32{1, 0}, nil); r.Familiar != -1 || strings.Contains(r.String(), "material") {
		t.Errorf("without bounds: %v", r)
	}
}

// A slider at 0 changes nothing, others move a vector along its trait's step and no further than the bounds; a fixed trait moves by what
// the reading lacks.
func TestSteer(t *testing.T) {
	p, bounds := testProbes(), &IDRBounds{Mean: []float32{1, 0}, Dev: []float32{1, 1}, Limit: 2}
	start := []float32{1.3, 0.7}
	v := slices.Clone(start)
	p.Steer(v, Sliders{}, &IDRBounds{Mean: []float32{9, 9}, Dev: []float32{1, 1}, Limit: 0.1})
	if !slices.Equal(v, start) {
		t.Errorf("sliders at 0 give %v", v)
	}
	p.Steer(v, Sliders{Deblur: 0.5}, bounds)
	if want := start[0] + 0.5*0.4; math.Abs(float64(v[0]-want)) > 1e-6 || v[1] != start[1] {
		t.Errorf("deblur gives %v, want %g first", v, want)
	}
	v = slices.Clone(start)
	if p.Steer(v, Sliders{Denoise: 1}, bounds); math.Abs(bounds.Distance(v)-bounds.Limit) > 1e-5 {
		t.Errorf("denoise gives %v, %g from the middle, want the bound", v, bounds.Distance(v))
	}
	v = slices.Clone(start)
	blur, noise := 1.0, 50.0
	p.Fix(v, Fixed{Blur: &blur}, nil)
	if want := 1.3 + 0.5*(1-0.6); math.Abs(float64(v[0])-want) > 1e-6 || v[1] != start[1] {
		t.Errorf("a blur of 1 gives %v, want %g first", v, want)
	}
	v = slices.Clone(start)
	p.Fix(v, Fixed{Noise: &noise}, nil) // counts as 10; the reading was 0.35 + 0.3*0.35
	if want := 0.7 + 2*(10-0.455); math.Abs(float64(v[1])-want) > 1e-4 {
		t.Errorf("a noise of 50 gives %v, want %g second", v, want)
	}
	for _, s := range []Sliders{{Deblur: 1.1}, {Denoise: math.NaN()}, {Decompress: -2}} {
		if s.Validate() == nil {
			t.Errorf("%+v is valid", s)
		}
	}
}

// Probes lie in the notes of weights and do not change their hash; those that do not fit are refused.
func TestProbesInWeights(t *testing.T) {
	w, err := RandomWeights(Config{C: 2, N: 1, R: 1, Scale: 2, Tail: TailDirect, Skip: SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := w.Probes(); p != nil || err != nil {
		t.Fatalf("without: %v, %v", p, err)
	}
	w.Meta = map[string]string{}
	hash := w.Hash()
	if err := w.SetProbes(testProbes()); err != nil {
		t.Fatal(err)
	}
	got, err := w.Probes()
	if d := cmp.Diff(testProbes(), got); err != nil || d != "" || w.Hash() != hash {
		t.Errorf("%v, hash %s: %s", err, w.Hash(), d)
	}
	for name, spoil := range map[string]func(*Probes){
		"components": func(p *Probes) { p.Mean = p.Mean[:1] },
		"weights":    func(p *Probes) { p.Traits[TraitCRF].Weights = nil },
		"step":       func(p *Probes) { p.Traits[TraitBlur].Step = []float32{1} },
		"slider":     func(p *Probes) { p.Traits[TraitBlur].Slider = nil },
		"deviation":  func(p *Probes) { p.Dev[0] = 0 },
		"number":     func(p *Probes) { p.Traits[TraitBlur].Weights[1] = float32(math.Inf(1)) },
		"ends":       func(p *Probes) { p.Traits[TraitNoise].High = 0 },
		"quantiles":  func(p *Probes) { p.Distances[2] = 0 },
	} {
		p := testProbes()
		if spoil(p); w.SetProbes(p) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w.Meta[MetaProbes] = "{"
	if _, err := w.Probes(); err == nil {
		t.Error("torn JSON is read")
	}
}
