package eval

import (
	"context"
	"testing"

	"vsr/internal/quality"
	"vsr/train/degrade"
)

// The odd set has what it says: sizes for every scale, the same pixels in every run, clips whose frames differ, gray text and rings, a
// dark clip that is dark.
func TestOddSet(t *testing.T) {
	for scale := 2; scale <= 4; scale++ {
		groups, total := oddGroups(scale)
		again, _ := oddGroups(scale)
		count := 0
		for i, g := range groups {
			images, err := g.load()
			if err != nil || len(images) != len(g.names) {
				t.Fatalf("%v: %d images, %v", g.names, len(images), err)
			}
			count += len(images)
			second, _ := again[i].load()
			for k, m := range images {
				if m.W%12 != 0 || m.H%12 != 0 || !same(m, second[k]) {
					t.Errorf("%s: %dx%d, or not repeatable", g.names[k], m.W, m.H)
				}
				if k > 0 && same(m, images[k-1]) {
					t.Errorf("%s equals the frame before", g.names[k])
				}
			}
			luma := quality.Luma(bytesOf(images[0]))
			var sum float64
			for _, v := range luma {
				sum += float64(v) / float64(len(luma))
			}
			switch g.names[0] {
			case "text", "zone plate":
				if !quality.IsGray(bytesOf(images[0])) {
					t.Errorf("%s has a color", g.names[0])
				}
			case "dark noise 0":
				if sum > 45 {
					t.Errorf("the dark clip has a mean luma of %.0f", sum)
				}
			}
			if sum < 17 || sum > 234 {
				t.Errorf("%s is empty: mean luma %.1f", g.names[0], sum)
			}
		}
		if count != total {
			t.Errorf("%d images, %d announced", count, total)
		}
	}
}

func same(a, b degrade.Image) bool {
	for i, v := range a.Pix {
		if v != b.Pix[i] {
			return false
		}
	}
	return len(a.Pix) == len(b.Pix)
}

// The set is measured by its name, each clip with one estimate.
func TestRunOddSet(t *testing.T) {
	clips := 0
	r, err := Run(context.Background(), Options{Data: OddSet, Degradation: "bicubic", Scale: 3, Methods: []Method{{
		Name: "plain", NewClip: func() { clips++ }, Upscale: func(lr degrade.Image) (degrade.Image, error) { return degrade.Enlarge(lr, 3), nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	groups, total := oddGroups(3)
	if clips != len(groups) || len(r.Images) != total {
		t.Errorf("%d clips, %d images, want %d and %d", clips, len(r.Images), len(groups), total)
	}
	for _, m := range r.Images {
		if p := m.Methods[1].Scores[PSNRY]; p != m.Methods[0].Scores[PSNRY] || p < 12 || p > 60 {
			t.Errorf("%s: %.2f dB", m.Name, p)
		}
	}
}
