package degrade

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Light must stay light: its blur below half a low-resolution pixel, its codecs in the better half of their range.
func TestLightDraws(t *testing.T) {
	const n, scale = 2000, 4.0
	r := rand.New(rand.NewPCG(1, 2))
	blurred, coded := 0, 0
	for range n {
		p := drawLight(r, scale, &standard)
		if p.sigma != 0 {
			blurred++
			if p.sigma < standard.Light.Sigma[0]*scale || p.sigma > 0.5*scale {
				t.Fatalf("sigma %g", p.sigma)
			}
		}
		if p.codec == nil {
			continue
		}
		coded++
		i := slices.IndexFunc(standard.Codecs.choices(), func(c codecChoice) bool { return string(c.codec) == p.codec.options.Codec })
		if c := standard.Codecs.choices()[i]; p.codec.options.Quality > (c.low+c.high+1)/2 {
			t.Fatalf("%s at %d, half way is %d", c.codec, p.codec.options.Quality, (c.low+c.high)/2)
		}
	}
	for name, got := range map[string][2]float64{"blurred": {float64(blurred), standard.Light.Blur}, "coded": {float64(coded), standard.Light.Codec}} {
		if math.Abs(got[0]/n-got[1]) > 0.04 {
			t.Errorf("%s: %g of %d, want a share of %g", name, got[0], n, got[1])
		}
	}
}

// A draw with neither blur nor codec is plain bicubic reduction; the others differ from it.
func TestLightApply(t *testing.T) {
	hr := movingClip(160, 128, Light{}.Frames(), 2)
	clean, err := Fixed{Factor: 2}.Apply(NewRand(1, 1), hr)
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for clip := range uint64(60) {
		p := drawLight(NewRand(9, clip).Batch, 2, &standard)
		got, err := Light{Factor: 2}.Apply(NewRand(9, clip), hr)
		if err != nil {
			t.Fatal(err)
		}
		same := slices.EqualFunc(got, clean, func(a, b Image) bool { return slices.Equal(a.Pix, b.Pix) })
		if same != (p.sigma == 0 && p.codec == nil) {
			t.Fatalf("clip %d, blur %g, codec %v: equal to plain reduction: %v", clip, p.sigma, p.codec, same)
		}
		if same {
			plain++
		}
	}
	if plain == 0 {
		t.Error("no plain draw among 60: the test shows nothing")
	}
}
