package data

import (
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vsr/train/degrade"
)

// The share of clips that is asked for is drawn: the test's tiles are noise, in which neighbors are rarely alike.
func TestSamplerDraws(t *testing.T) {
	for _, share := range []float64{0, 0.5, 1} {
		s := newTestSampler(t, SamplerOptions{Batch: 16, Reuse: 1, Recipe: degrade.Fixed{Factor: 2}, Drawn: share})
		flat, total := 0, 0
		for step := range 12 {
			b, err := s.Batch(step)
			if err != nil {
				t.Fatal(err)
			}
			n := len(b.HR) / 16
			for i := range 16 {
				alike := 0
				for j := 3; j < n; j++ {
					if d := b.HR[i*n+j] - b.HR[i*n+j-3]; d < 0.05 && d > -0.05 {
						alike++
					}
				}
				if alike > n/5 {
					flat++
				}
				total++
			}
		}
		if got := float64(flat) / float64(total); got > share+0.12 || got < share-0.12 {
			t.Errorf("drawn %g: %.2f of the clips are flat in places", share, got)
		}
	}
}

// What is dark stays dark and has noise of its own in every frame.
func TestSamplerNight(t *testing.T) {
	for _, share := range []float64{0, 1} {
		s := newTestSampler(t, SamplerOptions{Batch: 16, Reuse: 1, Recipe: degrade.Fixed{Factor: 2}, Night: share})
		b, err := s.Batch(3)
		if err != nil {
			t.Fatal(err)
		}
		var mean float64
		for _, v := range b.HR {
			mean += float64(v) / float64(len(b.HR))
		}
		if dark := mean < 0.3; dark != (share == 1) {
			t.Errorf("night %g: a mean of %.2f", share, mean)
		}
	}
	n := newNight(rand.New(rand.NewPCG(1, 2)))
	gray := degrade.NewImage(32, 32)
	a, _ := n.apply(gray)
	b, _ := n.apply(gray)
	if slices.Equal(a.Pix, b.Pix) {
		t.Error("two frames have the same noise")
	}
}

// Tiles depend on their randomness alone. With VSR_SHEET=FOLDER they are written there, to be looked at.
func TestDrawnTiles(t *testing.T) {
	for seed := range uint64(24) {
		a, b := drawnTile(rand.New(rand.NewPCG(seed, 7)), 240, 2), drawnTile(rand.New(rand.NewPCG(seed, 7)), 240, 2)
		if !slices.Equal(a.Pix, b.Pix) {
			t.Fatalf("seed %d gives two images", seed)
		}
		if slices.Max(a.Pix) == slices.Min(a.Pix) {
			t.Errorf("seed %d gives a flat image", seed)
		}
		dir := os.Getenv("VSR_SHEET")
		if dir == "" {
			continue
		}
		m := image.NewRGBA(image.Rect(0, 0, a.W, a.H))
		for i := range a.W * a.H {
			copy(m.Pix[4*i:], a.Pix[3*i:3*i+3])
			m.Pix[4*i+3] = 255
		}
		f, err := os.Create(filepath.Join(dir, string(rune('a'+seed))+".png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
	}
}
