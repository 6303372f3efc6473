package models

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"vsr/internal/atomicfile"
	"vsr/internal/testutil"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/train/degrade"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// Every shipped model's output on a crop of a real frame is pinned: a change of weights, kernels, color or bounds shows here. The
// image is stored, since instruction sets differ in the last bit; one sample in a thousand may be a level off.
func TestGolden(t *testing.T) {
	whole := loadImage(t, testutil.Corpus(t, "trees.png"))
	for _, name := range Names() {
		w := load(t, name)
		lr, err := degrade.Bicubic(whole.Crop(0, 0, 256, 192), 4)
		if err != nil {
			t.Fatal(err)
		}
		e, err := cpu.New(w, cpu.Options{Precision: cpu.PrecisionFP32})
		if err != nil {
			t.Fatal(err)
		}
		u, err := sr.New(e, sr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := u.Process(context.Background(), rgbFrame(lr))
		if err != nil {
			t.Fatal(err)
		}
		got := image.NewNRGBA(image.Rect(0, 0, out.Width, out.Height))
		for y := range out.Height {
			for x := range out.Width {
				got.SetNRGBA(x, y, color.NRGBA{out.Row(2, y)[x], out.Row(0, y)[x], out.Row(1, y)[x], 255})
			}
		}
		out.Release()
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		compareGolden(t, name, got)
	}
}

func compareGolden(t *testing.T, name string, got *image.NRGBA) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".png")
	if *update {
		var b bytes.Buffer
		if err := png.Encode(&b, got); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := atomicfile.WriteBytes(path, b.Bytes()); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := testutil.Image(t, path)
	if want.Bounds() != got.Bounds() {
		t.Fatalf("%s: output of %v, want %v", name, got.Bounds(), want.Bounds())
	}
	far, all := 0, 0
	for y := range got.Rect.Dy() {
		for x := range got.Rect.Dx() {
			r, g, b, _ := want.At(x, y).RGBA()
			c := got.NRGBAAt(x, y)
			for i, v := range [3]uint32{r >> 8, g >> 8, b >> 8} {
				all++
				if d := int(v) - int([3]uint8{c.R, c.G, c.B}[i]); d < -1 || d > 1 {
					far++
				}
			}
		}
	}
	if far > all/1000 {
		t.Errorf("%s: %d of %d samples are more than a level off; if that is meant: go test ./models -run Golden -update", name, far, all)
	}
}
