package degrade

import (
	"math"
	"slices"
	"testing"
)

// Coding damages a clip, the same way for the same seed, at every strength between careful and poor.
func TestCoding(t *testing.T) {
	if err := Probe(); err != nil {
		t.Skip(err)
	}
	hr := []Image{textured(96, 64, 0), textured(96, 64, 1), textured(96, 64, 2), textured(96, 64, 3)}
	rec := Coding{Factor: 2}
	clean, err := Fixed{Factor: 2}.Apply(NewRand(1, 1), hr)
	if err != nil {
		t.Fatal(err)
	}
	var errors []float64
	for clip := range uint64(12) {
		a, err := rec.Apply(NewRand(3, clip), hr)
		if err != nil {
			t.Fatal(err)
		}
		b, err := rec.Apply(NewRand(3, clip), hr)
		if err != nil {
			t.Fatal(err)
		}
		if a[0].W != 48 || a[0].H != 32 || len(a) != 4 {
			t.Fatalf("%d frames of %dx%d, want 4 of 48x32", len(a), a[0].W, a[0].H)
		}
		var sum float64
		for i, v := range a[3].Pix {
			if v != b[3].Pix[i] {
				t.Fatalf("clip %d differs between two equal draws", clip)
			}
			d := float64(v - clean[3].Pix[i])
			sum += d * d
		}
		errors = append(errors, 255*math.Sqrt(sum/float64(len(a[3].Pix))))
	}
	slices.Sort(errors)
	if errors[0] > 6 || errors[11] < 8 || errors[11] > 60 {
		t.Errorf("root mean square errors of 12 draws from %.1f to %.1f levels, want careful (below 6) and poor (8 to 60) ones", errors[0], errors[11])
	}
}

// textured is a image with edges, texture and color; it moves with i.
func textured(w, h, i int) Image {
	m := NewImage(w, h)
	for y := range h {
		for x := range w {
			u, v := float64(x+2*i), float64(y)
			l := 0.5 + 0.2*math.Sin(u/3)*math.Cos(v/4) + 0.15*math.Sin(u*v/90)
			if (x+2*i)/16%2 == y/16%2 {
				l -= 0.15
			}
			o := 3 * (y*w + x)
			m.Pix[o], m.Pix[o+1], m.Pix[o+2] = float32(l), float32(0.9*l+0.05*math.Sin(u/20)), float32(0.8*l+0.1*math.Cos(v/15))
		}
	}
	m.Clamp()
	m.Quantise()
	return m
}
