package models

import (
	"bytes"
	"context"
	"image"
	_ "image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"vsr/internal/conv"
	"vsr/internal/quality"
	"vsr/internal/testutil"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
	"vsr/train/degrade"
)

// TestPrecisionOfModels holds the rule that makes "auto" the default: with the weights that ship, on real images, the 8-bit output
// is within one level of that of float32 for 99.9 % of samples, and its PSNR against the original within 0.02 dB.
func TestPrecisionOfModels(t *testing.T) {
	images, err := filepath.Glob("../../shared/data/eval/Set5/*.png") // more where they are
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range testutil.Images {
		images = append(images, testutil.Corpus(t, name))
	}
	for _, name := range Names() {
		for _, isa := range conv.ISAs()[len(conv.ISAs())-1:] {
			if conv.FramesOf(isa) == nil {
				continue
			}
			w := load(t, name)
			near, all := 0, 0
			for _, path := range images {
				hr := loadImage(t, path).CropMultiple(w.Config.Scale)
				lr, err := degrade.Bicubic(hr, w.Config.Scale)
				if err != nil {
					t.Fatal(err)
				}
				src := rgbFrame(lr)
				var out [2][]byte
				for i, precision := range []string{cpu.PrecisionAuto, cpu.PrecisionFP32} {
					e, err := cpu.New(w, cpu.Options{ISA: isa, Precision: precision})
					if err != nil {
						t.Fatal(err)
					}
					out[i] = upscaled(t, e, src)
					e.Close()
				}
				for i, v := range out[0] {
					if d := int(v) - int(out[1][i]); -1 <= d && d <= 1 {
						near++
					}
				}
				all += len(out[0])
				auto, exact := psnr(t, hr, out[0]), psnr(t, hr, out[1])
				if math.Abs(auto-exact) > 0.02 {
					t.Errorf("%s on %s, %s: %.3f dB with auto, %.3f dB in float32", name, isa, filepath.Base(path), auto, exact)
				}
			}
			share := float64(near) / float64(all)
			t.Logf("%s on %s: %.5f %% of samples within one level", name, isa, 100*share)
			if share < 0.999 {
				t.Errorf("%s on %s: %.4f %% of samples within one level", name, isa, 100*share)
			}
		}
	}
}

func loadImage(t *testing.T, path string) degrade.Image {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := image.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	b := p.Bounds()
	m := degrade.NewImage(b.Dx(), b.Dy())
	for y := range m.H {
		for x := range m.W {
			r, g, bl, _ := p.At(b.Min.X+x, b.Min.Y+y).RGBA()
			for i, v := range []uint32{r, g, bl} {
				m.Row(y)[3*x+i] = float32(v) / 65535
			}
		}
	}
	return m
}

// rgbFrame is the image in 8 bits.
func rgbFrame(m degrade.Image) *media.Frame {
	f := media.NewFrame(media.Format{Width: m.W, Height: m.H, Layout: media.YUV444, Depth: 8,
		Color: media.Color{Matrix: media.MatrixRGB, Range: media.RangeFull}})
	for i, v := range m.Bytes() {
		f.Row([3]int{2, 0, 1}[i%3], i/3/m.W)[i/3%m.W] = v
	}
	return f
}

func upscaled(t *testing.T, e *cpu.Engine, src *media.Frame) []byte {
	t.Helper()
	ctx := context.Background()
	d, err := e.Estimate(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	k, err := e.Modulate(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	dst := media.NewFrame(src.Format.Scaled(e.Scale()))
	if err := e.Upscale(ctx, dst, src, k); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, p := range [3]int{2, 0, 1} {
		for y := range dst.Height {
			out = append(out, dst.Row(p, y)...)
		}
	}
	return out
}

func load(t *testing.T, name string) *kdsr.Weights {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	w, err := kdsr.Read(f.(io.ReaderAt), info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// psnr compares planes R, G, B with an image, in decibels.
func psnr(t *testing.T, want degrade.Image, got []byte) float64 {
	t.Helper()
	p, err := quality.Compare(quality.Image{W: want.W, H: want.H, Pix: want.Bytes()}, quality.Image{W: want.W, H: want.H, Pix: interleaved(got)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p.RGB
}

// interleaved turns planes R, G, B into pixels.
func interleaved(planes []byte) []byte {
	out, n := make([]byte, len(planes)), len(planes)/3
	for i := range out {
		out[i] = planes[i%3*n+i/3]
	}
	return out
}
