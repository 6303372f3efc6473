package suite

import (
	"context"
	"math"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/train/degrade"
	"vsr/train/eval"
)

// wavy is a smooth colorful image.
func wavy(w, h int) degrade.Image {
	m := degrade.NewImage(w, h)
	for i := range m.Pix {
		x, y, c := float64(i/3%w), float64(i/3/w), float64(i%3)
		m.Pix[i] = float32(0.5 + 0.3*math.Sin(x/9+c)*math.Cos(y/7-c) + 0.1*math.Sin((x+y)/3))
	}
	m.Quantise()
	return m
}

// An image must survive the way through 16-bit YUV far below an 8-bit step.
func TestImageFrames(t *testing.T) {
	m := wavy(33, 17)
	got := frameImage(imageFrame(m))
	for i, v := range m.Pix {
		if d := math.Abs(float64(v - got.Pix[i])); d > 5e-5 {
			t.Fatalf("sample %d is off by %g", i, d)
		}
	}
}

// The stand-in engine is bicubic, so its scores must be near those of the baseline; and JSON must have the fields that others read.
func TestUpscaler(t *testing.T) {
	b, err := sr.NewBicubic(2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newUpscaler(context.Background(), b, sr.Options{}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lr := wavy(40, 36)
	got, err := r.upscale(lr)
	if err != nil {
		t.Fatal(err)
	}
	want := degrade.Enlarge(lr, 2)
	if got.W != want.W || got.H != want.H {
		t.Fatalf("%dx%d", got.W, got.H)
	}
	for i := range want.Pix {
		if d := math.Abs(float64(want.Pix[i] - got.Pix[i])); d > 0.03 {
			t.Fatalf("sample %d is %g, bicubic gives %g", i, got.Pix[i], want.Pix[i])
		}
	}
}

// countingEngine counts the estimates.
type countingEngine struct {
	sr.Engine
	estimates int
}

func (c *countingEngine) Estimate(ctx context.Context, f *media.Frame) ([]float32, error) {
	c.estimates++
	return c.Engine.Estimate(ctx, f)
}

// Estimates are made as in a run: for every image, or for the first frames of each clip only.
func TestEstimates(t *testing.T) {
	for _, c := range []struct {
		name    string
		each    bool
		average int
		want    int // for two clips of four images
	}{{"every image", true, 0, 8}, {"once a clip", false, 0, 2}, {"mean of three", false, 3, 6}} {
		b, err := sr.NewBicubic(2)
		if err != nil {
			t.Fatal(err)
		}
		e := &countingEngine{Engine: b}
		r, err := newUpscaler(context.Background(), e, sr.Options{Average: c.average}, c.each, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r.newClip()
			for range 4 {
				if _, err := r.upscale(wavy(40, 36)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e.estimates != c.want {
			t.Errorf("%s: %d estimates, want %d", c.name, e.estimates, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An engine that is bicubic itself gets the same chroma as the baseline in 4:2:0.
func TestLayout(t *testing.T) {
	b, err := sr.NewBicubic(2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newUpscaler(context.Background(), b, sr.Options{}, true, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lr := wavy(41, 35)
	got, err := r.upscale(lr)
	want := subsampled(degrade.Enlarge(subsampled(lr), 2))
	if err != nil || got.W != 82 || got.H != 70 {
		t.Fatalf("%dx%d, %v", got.W, got.H, err)
	}
	for i, v := range want.Pix {
		if d := math.Abs(float64(v - got.Pix[i])); d > 0.06 {
			t.Fatalf("sample %d is %g, bicubic gives %g", i, got.Pix[i], v)
		}
	}
}

// A sheet stays within its height, whatever is measured.
func TestSheetHeight(t *testing.T) {
	s := sheet{limit: 100, names: []string{"bicubic"}}
	big, small := degrade.NewImage(4, sheetHeight/4), degrade.NewImage(2, sheetHeight/8)
	for range 9 {
		if err := s.add("a", small, []degrade.Image{big}, &big); err != nil {
			t.Fatal(err)
		}
	}
	if rows := len(s.images) / 3; rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
}

// Two models of one name are told apart in the tables.
func TestLabels(t *testing.T) {
	var o Options
	for _, c := range []struct{ name, asked, want string }{
		{"fast-x4", "fast-x4", "fast-x4"}, {"fast-x4", "runs/fast-x4.safetensors", "runs/fast-x4.safetensors"}, {"fast-x4-own", "runs/fast-x4-own.safetensors", "fast-x4-own"},
	} {
		got := o.label(c.name, c.asked)
		if got != c.want {
			t.Errorf("%s asked for as %s is called %s, want %s", c.name, c.asked, got, c.want)
		}
		o.methods = append(o.methods, eval.Method{Name: got})
	}
}
