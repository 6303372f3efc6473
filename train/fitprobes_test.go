package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"vsr/sr/kdsr"
	"vsr/train/degrade"
)

// Vectors that follow the amounts, with content and noise of their own on top, are read back within that noise; the steps are those that
// moved them.
func TestNewProbes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) (list []knownVector) {
		for range n {
			blur, noise, crf := r.Float64()*degrade.KnownBlur, r.Float64()*degrade.KnownNoise, degrade.KnownClean+r.Float64()*(degrade.KnownWorst-degrade.KnownClean)
			c := r.NormFloat64() // of the content
			list = append(list, knownVector{[]float32{float32(2*blur + c), float32(0.3*noise - c), float32(0.1*crf + 0.5*c), float32(c)}, [kdsr.Traits]float64{blur, noise, crf}})
		}
		return list
	}
	p, err := newProbes(draw(600), draw(200), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.05, 0.5, 1.5} {
		if got := p.Traits[i]; got.Error > want || got.Constant < 4*want {
			t.Errorf("%v: error %g, want %g; of a constant %g", kdsr.Trait(i), got.Error, want, got.Constant)
		}
	}
	for i, want := range [][4]float64{{2, 0, 0, 0}, {0, 0.3, 0, 0}, {0, 0, 0.1, 0}} {
		for k, w := range want {
			if got := float64(p.Traits[i].Step[k]); math.Abs(got-w) > 0.15 {
				t.Errorf("%v moves component %d by %g, want %g", kdsr.Trait(i), k, got, w)
			}
		}
	}
}

// FitProbes fits a student on the material of its config, and refuses teachers and other scales.
func TestFitProbes(t *testing.T) {
	c := tinyConfig(t)
	w, err := kdsr.RandomWeights(kdsr.Config{C: 4, N: 1, R: 1, Scale: c.Scale, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	o := ProbeOptions{Samples: 64, HeldOut: 16, Patch: c.Data.Patch, Slider: 24}
	p, err := FitProbes(context.Background(), w, c, o, Options{Sources: waves})
	if err != nil {
		t.Fatal(err)
	}
	again, err := FitProbes(context.Background(), w, c, o, Options{Sources: waves})
	if err != nil || p.Traits[0].Error != again.Traits[0].Error || p.Samples != 64 || p.HeldOut != 16 || len(p.Distances) != 0 {
		t.Errorf("%v: %+v, then %+v", err, p.Traits[0].Error, again.Traits[0].Error)
	}
	if err := w.SetProbes(p); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := FitProbes(ended, w, c, o, Options{Sources: waves}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.Scale = 7 - c.Scale
	if _, err := FitProbes(context.Background(), w, c, o, Options{Sources: waves}); err == nil {
		t.Error("the material of another scale is taken")
	}
}
