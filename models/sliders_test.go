package models

import (
	"context"
	"math"
	"testing"

	"vsr/internal/quality"
	"vsr/internal/testutil"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
	"vsr/train/degrade"
)

// The sliders of every built-in model do what their names say on images that no training saw: from place to place there is more fine
// structure, less is left of noise that was added, and less of the damage of a codec. At 0 the vector is the estimate, bit by bit.
func TestSliders(t *testing.T) {
	for _, name := range Names() {
		w := load(t, name)
		probes, err := w.Probes()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if probes == nil {
			continue // fast-x4-classic is for the paper's degradations
		}
		bounds, err := w.IDRBounds()
		if err != nil {
			t.Fatal(err)
		}
		e, err := cpu.New(w, cpu.Options{Precision: cpu.PrecisionFP32})
		if err != nil {
			t.Fatal(err)
		}
		for _, slider := range []struct {
			name string
			set  func(*kdsr.Sliders, float64)
			kind int // of the input: clean, noisy, coded
			sign float64
		}{
			{"deblur", func(s *kdsr.Sliders, v float64) { s.Deblur = v }, 0, 1},
			{"denoise", func(s *kdsr.Sliders, v float64) { s.Denoise = v }, 1, -1},
			{"decompress", func(s *kdsr.Sliders, v float64) { s.Decompress = v }, 2, -1},
		} {
			var sums [5]float64
			for _, file := range []string{"trees.png", "bottle.png", "car.png"} {
				inputs := spoilt(t, file)
				v, err := e.Estimate(context.Background(), inputs[slider.kind])
				if err != nil {
					t.Fatal(err)
				}
				for i := range sums {
					var s kdsr.Sliders
					slider.set(&s, float64(i-2)/2)
					moved := append([]float32(nil), v...)
					probes.Steer(moved, s, bounds)
					if i == 2 && !equal(moved, v) {
						t.Errorf("%s: %s at 0 moves the vector", name, slider.name)
					}
					out := enlargeWith(t, e, inputs[slider.kind], moved)
					value := quality.Detail(out, inputs[0].Width*e.Scale(), inputs[0].Height*e.Scale())
					if slider.kind > 0 {
						value = distanceOf(out, enlargeWith(t, e, inputs[0], moved))
					}
					sums[i] += math.Log(value)
				}
			}
			for i := 1; i < len(sums); i++ {
				if (sums[i]-sums[i-1])*slider.sign <= 0 {
					t.Errorf("%s: %s is not monotone: %.4f", name, slider.name, sums)
					break
				}
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// spoilt is a part of an image as it is, with noise of 6 levels, and after H.264 at CRF 36.
func spoilt(t *testing.T, file string) [3]*media.Frame {
	t.Helper()
	m := loadImage(t, testutil.Corpus(t, file))
	m = m.Crop(0, 0, min(m.W, 192)/16*16, min(m.H, 128)/16*16)
	frames := [3]*media.Frame{degrade.ToYUV(m, media.MatrixBT709)}
	for i, recipe := range []degrade.Recipe{degrade.Fixed{Factor: 1, NoiseLevel: 6}, degrade.Coded{Factor: 1, Codec: degrade.H264, Quality: 36}} {
		out, err := recipe.Apply(degrade.NewRand(1, 1), []degrade.Image{m})
		if err != nil {
			t.Fatal(err)
		}
		frames[i+1] = degrade.ToYUV(out[0], media.MatrixBT709)
	}
	return frames
}

// enlargeWith returns the luma of a frame enlarged with the kernels of a vector.
func enlargeWith(t *testing.T, e *cpu.Engine, f *media.Frame, v []float32) []float32 {
	t.Helper()
	kernels, err := e.Modulate(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	defer kernels.Close()
	out := media.NewFrame(f.Format.Scaled(e.Scale()))
	if err := e.Upscale(context.Background(), out, f, kernels); err != nil {
		t.Fatal(err)
	}
	var luma []float32
	for y := range out.Height {
		for _, s := range out.Row(0, y)[:out.Width] {
			luma = append(luma, float32(s))
		}
	}
	return luma
}

func distanceOf(a, b []float32) float64 {
	var sum float64
	for i, v := range a {
		sum += float64(v-b[i]) * float64(v-b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}

func equal(a, b []float32) bool {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}
