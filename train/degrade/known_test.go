package degrade

import (
	"math"
	"testing"
)

// Known spoils by the amounts that it says: noise of that deviation on a flat image, a blur of that deviation on an edge, and the more
// loss the worse the CRF.
func TestKnown(t *testing.T) {
	const side, scale = 96, 2
	k := Known{Factor: scale}
	flat, edge := NewImage(side, side), NewImage(side, side)
	for i := range flat.Pix {
		flat.Pix[i] = 0.5
		if i/3%side >= side/2 {
			edge.Pix[i] = 1
		}
	}
	clean := 0
	for id := range uint64(400) {
		a := k.Amounts(NewRand(3, id))
		if a.Blur < 0 || a.Blur > KnownBlur || a.Noise < 0 || a.Noise > KnownNoise || a.CRF < KnownClean || a.CRF > KnownWorst {
			t.Fatalf("amounts %+v", a)
		}
		if _, o := drawKnown(NewRand(3, id).Batch); o.Quality > 0 {
			continue // coding changes both
		}
		clean++
		out, err := k.Apply(NewRand(3, id), []Image{flat, edge})
		if err != nil {
			t.Fatal(err)
		}
		var squares float64
		for _, v := range out[0].Pix {
			d := float64(v-0.5) * 255
			squares += d * d
		}
		// Rounding to 8 bits adds a twelfth; 0.5 is no code value.
		if got := math.Sqrt(squares / float64(len(out[0].Pix))); math.Abs(got-math.Hypot(a.Noise, 0.5)) > 0.1*a.Noise+0.3 {
			t.Errorf("%+v: noise of %.2f", a, got)
		}
		if a.Noise > 0 || a.Blur < 0.4 {
			continue
		}
		row, mean, second := out[1].Row(side/scale/2), 0.0, 0.0
		for x := 1; x < side/scale; x++ {
			w := float64(row[3*x] - row[3*x-3])
			mean, second = mean+w*float64(x), second+w*float64(x)*float64(x)
		}
		if got := math.Sqrt(max(second-mean*mean, 0)); math.Abs(got-math.Hypot(a.Blur, 0.4)) > 0.1 { // 0.4 is the reduction's own
			t.Errorf("%+v: blur of %.2f", a, got)
		}
	}
	if clean < 20 {
		t.Errorf("%d of 400 are without coding", clean)
	}
}
