package degrade

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is in focus stays, what is out of focus loses its detail and keeps its mean, half of each on average.
func TestDefocus(t *testing.T) {
	const side = 96
	noise, flat := NewImage(side, side), NewImage(side, side)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i], flat.Pix[i] = r.Float32(), 0.7
	}
	before := noise.Clone()
	var sharp, soft, total int
	var share float64
	for seed := range uint64(60) {
		d := NewDefocus(rand.New(rand.NewPCG(3, seed)))
		m, err := d.Apply(noise)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := NewDefocus(rand.New(rand.NewPCG(3, seed))).Apply(noise)
		if !slices.Equal(m.Pix, again.Pix) {
			t.Fatalf("seed %d: two different images", seed)
		}
		mask, _ := Resize(d.mask(side/8, side/8), side, side, Bilinear)
		var spread, mean float64
		var n int
		for i, s := range mask.Pix {
			share += float64(s)
			total++
			switch {
			case s < 0.002:
				sharp++
				if math.Abs(float64(m.Pix[i]-noise.Pix[i])) > 0.004 {
					t.Fatalf("seed %d: sample %d in focus is %g instead of %g", seed, i, m.Pix[i], noise.Pix[i])
				}
			case s > 0.998:
				soft++
				n++
				mean += float64(m.Pix[i])
				spread += (float64(m.Pix[i]) - 0.5) * (float64(m.Pix[i]) - 0.5)
			}
		}
		if n > 500 && (math.Abs(mean/float64(n)-0.5) > 0.05 || spread/float64(n) > 1.0/12/3) {
			t.Errorf("seed %d: out of focus the mean is %.3f, the variance %.4f of %.4f", seed, mean/float64(n), spread/float64(n), 1.0/12)
		}
		if f, _ := d.Apply(flat); slices.Max(f.Pix) > 0.7001 || slices.Min(f.Pix) < 0.6999 {
			t.Errorf("seed %d: a flat image changes", seed)
		}
	}
	if !slices.Equal(noise.Pix, before.Pix) {
		t.Error("the original was written to")
	}
	if share /= float64(total); share < 0.35 || share > 0.65 || sharp < total/10 || soft < total/10 {
		t.Errorf("mean share out of focus %.2f; of %d samples %d sharp, %d soft", share, total, sharp, soft)
	}
}
