package eval

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vsr/train/data"
	"vsr/train/degrade"
)

// Two tight groups far apart have a silhouette near 1; a wrong grouping has a negative one.
func TestSilhouette(t *testing.T) {
	v := [][]float64{{0, 0}, {0, 1}, {10, 0}, {10, 1}}
	// For each vector: own distance 1, mean distance to the others (10 + sqrt(101))/2.
	far := (10 + math.Sqrt(101)) / 2
	if got, want := silhouette(v, []int{0, 0, 1, 1}), (far-1)/far; math.Abs(got-want) > 1e-12 {
		t.Errorf("silhouette %g, want %g", got, want)
	}
	if got := silhouette(v, []int{0, 1, 0, 1}); got >= 0 {
		t.Errorf("wrong groups score %g", got)
	}
}

func testImages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 3 {
		m := degrade.NewImage(64, 56)
		for j := range m.Pix {
			x, y := float64(j/3%64), float64(j/3/64)
			m.Pix[j] = float32(0.5 + 0.4*math.Sin(x*(1.1+float64(i)/9))*math.Cos(y*1.3))
		}
		if err := data.WritePNG(filepath.Join(dir, string(rune('a'+i))+".png"), m.RGBA()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// An estimator that sees the contrast of fine texture tells blurs apart.
func TestPlotDegradations(t *testing.T) {
	out := filepath.Join(t.TempDir(), "plot.png")
	s, err := PlotDegradations(context.Background(), PlotOptions{Data: testImages(t), Degradations: []string{"gaussian:0.3", "gaussian:2.5"}, Scale: 2, Out: out,
		Estimate: func(lr degrade.Image) ([]float32, error) {
			var d, e float32
			for i := 3; i < len(lr.Pix); i++ {
				d += float32(math.Abs(float64(lr.Pix[i] - lr.Pix[i-3])))
				e += lr.Pix[i]
			}
			return []float32{d, e / 100}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Classes != 2 || s.Vectors != 6 || s.Silhouette < 0.5 || s.Explained < 0.999 {
		t.Errorf("%+v", s)
	}
	if info, err := os.Stat(out); err != nil || info.Size() < 1000 {
		t.Errorf("plot: %v, %v", info, err)
	}
}

// A perfect upscaler scores 100, and the mean over a clip calls NewClip once a variant.
func TestRun(t *testing.T) {
	dir := testImages(t)
	clips, seen := 0, 0
	r, err := Run(context.Background(), Options{Data: dir, Degradation: "aniso9:5", Scale: 2, Clip: true,
		Methods: []Method{{Name: "perfect", NewClip: func() { clips++ }, Upscale: func(lr degrade.Image) (degrade.Image, error) {
			seen++
			return data.ReadImage(filepath.Join(dir, string(rune('a'+(seen-1)%3))+".png"))
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, base := r.Methods[1].Scores, r.Methods[0].Scores
	if clips != 9 || seen != 27 || len(r.Images) != 3 || got[PSNRY] != 100 || got[PSNRCb] != 100 || math.Abs(got[SSIMY]-1) > 1e-9 ||
		got[Overshoot] != 0 || base[PSNRY] > 40 || base[PSNRY] < 5 {
		t.Errorf("%d clips, %d images, %+v", clips, seen, got)
	}
	for name, o := range map[string]Options{
		"scale": {Data: dir, Degradation: "bicubic", Scale: 5}, "protocol": {Data: dir, Degradation: "gaussian8:x", Scale: 2},
		"folder": {Data: t.TempDir(), Degradation: "bicubic", Scale: 2}, "number": {Data: dir, Degradation: "real", Scale: 2},
		"size": {Data: dir, Degradation: "bicubic", Scale: 2,
			Methods: []Method{{Name: "small", Upscale: func(lr degrade.Image) (degrade.Image, error) { return lr, nil }}}},
	} {
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
