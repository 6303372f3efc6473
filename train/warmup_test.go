package train

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/degrade"
)

// A warm-up teaches the estimator and nothing else, with the gradients that whole steps with no weight on L1 have.
func TestWarmup(t *testing.T) {
	for _, stage := range []Stage{Teacher, Student} {
		c := tinyConfig(t)
		c.EMA, c.Loss.Probe = 0, 0.1
		shape, err := c.Network()
		if err != nil {
			t.Fatal(err)
		}
		start, err := kdsr.RandomTeacher(shape, c.Seed)
		if stage == Student {
			c.Teacher = c.Out + "/tiny.safetensors"
			teacher := finish(t, Teacher, c, Options{})
			start, err = fromTeacher(teacher, c.Seed)
		}
		if err != nil {
			t.Fatal(err)
		}
		whole, warm := c, c
		whole.Out, warm.Out = t.TempDir(), t.TempDir()
		whole.Loss.L1, warm.Optim.ProbeOnly, warm.Optim.KDOnly = 0, c.Optim.Steps, c.Optim.Steps
		a, b := finish(t, stage, whole, Options{}), finish(t, stage, warm, Options{})
		for name, got := range b.Tensors {
			learnt := !slices.Equal(got.Data, start.Tensors[name].Data)
			if isG := strings.HasPrefix(name, "G."); learnt == isG && !strings.Contains(name, "compress") {
				t.Errorf("%s: %s changed: %v", stage, name, learnt)
			}
			if !slices.Equal(got.Data, a.Tensors[name].Data) {
				t.Errorf("%s: %s differs from that of whole steps without L1", stage, name)
			}
		}
	}
}

// The traits of known degradations: blur takes detail away, noise adds error in every octave and color noise in the colors.
func TestTraits(t *testing.T) {
	const n, s = 32, 4
	hr := degrade.NewImage(n*s, n*s)
	for i := range hr.Pix {
		x, y, c := i/3%hr.W, i/3/hr.W, i%3
		hr.Pix[i] = float32(0.5 + 0.2*math.Sin(float64(x)/5+float64(c)) + 0.2*math.Sin(float64(y)/7+float64(x)/11))
	}
	of := func(r degrade.Recipe) [probeTraits]float32 {
		t.Helper()
		return traits(mustApply(t, r, hr).Pix, hr.Pix, n, s)
	}
	plain := of(degrade.Fixed{Factor: s})
	blur := of(degrade.Fixed{Factor: s, S1: 4, S2: 4})
	noise := of(degrade.Fixed{Factor: s, NoiseLevel: 20})
	if math.Abs(float64(plain[0])) > 0.3 || blur[0] > plain[0]-0.2 || noise[0] < plain[0]+0.2 {
		t.Errorf("gain in the finest octave: plain %.2f, blurred %.2f, noisy %.2f", plain[0], blur[0], noise[0])
	}
	for k := 4; k < 6; k++ { // white noise halves with each octave: ln 2 = 0.69
		if d := noise[k-1] - noise[k]; d < 0.4 || d > 1 {
			t.Errorf("error of noise falls by %.2f from octave %d to the next, want about 0.69", d, k-4)
		}
	}
	blocks := degrade.Image{W: n, H: n, Pix: make([]float32, n*n*3)}
	copy(blocks.Pix, mustApply(t, degrade.Fixed{Factor: s}, hr).Pix)
	for i := range blocks.Pix { // every block of 8 pixels, cut at 3, is a little lighter or darker
		if x, y := i/3%n, i/3/n; ((x+5)/8+(y+5)/8)%2 == 0 {
			blocks.Pix[i] += 0.3
		}
	}
	if got := traits(blocks.Pix, hr.Pix, n, s); got[8] < plain[8]+0.1 || math.Abs(float64(noise[8]-plain[8])) > 0.1 {
		t.Errorf("grid: plain %.2f, noisy %.2f, blocks %.2f", plain[8], noise[8], got[8])
	}
	for k := 3; k < 8; k++ {
		if noise[k] < plain[k]+0.3 {
			t.Errorf("error %d: plain %.2f, noisy %.2f", k, plain[k], noise[k])
		}
	}
}

func mustApply(t *testing.T, r degrade.Recipe, hr degrade.Image) degrade.Image {
	t.Helper()
	lr, err := r.Apply(degrade.NewRand(1, 1), []degrade.Image{hr})
	if err != nil {
		t.Fatal(err)
	}
	return lr[0]
}

// The probe's targets have mean 0 and the deviation that it asks for.
func TestProbeTargets(t *testing.T) {
	c := tinyConfig(t)
	corpus, err := waves(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := data.NewSampler(corpus.Train, data.SamplerOptions{Seed: 1, Batch: 8, Patch: 16, Reuse: 1, Recipe: degrade.Classic{Factor: 2, Noise: [2]float64{0, 20}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProbe(s, geometry{8, 16, 2})
	if err != nil {
		t.Fatal(err)
	}
	var sum, square [probeTraits]float64
	const batches = 60
	for step := range batches {
		b, err := s.Batch(1000 + step)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range p.measure(b) {
			sum[i%probeTraits] += float64(v) / (8 * batches)
			square[i%probeTraits] += float64(v) * float64(v) / (8 * batches)
		}
	}
	for k := range sum {
		if d := math.Sqrt(square[k]); math.Abs(sum[k]) > 0.25*probeScale || d < 0.7*probeScale || d > 1.4*probeScale {
			t.Errorf("trait %d: mean %.3f, deviation %.3f, want 0 and %.1f", k, sum[k], d, probeScale)
		}
	}
}
