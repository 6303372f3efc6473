package train

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/graph"
)

// toyFeatures repeats the network of tools/golden/train.py with every kind of layer.
func toyFeatures() *graph.Features {
	f := &graph.Features{
		Name: "toy", Tensors: map[string]kdsr.Tensor{}, From: [3]int{2, 1, 0},
		Scale: [3]float32{2, 2, 2}, Shift: [3]float32{-0.5, -0.5, -0.5},
		Layers: []graph.FeatureLayer{{Conv: "conv1", Stride: 2, Before: 0.5}, {Pool: 3}, {Fire: "fire", After: 2}},
	}
	for name, shape := range map[string][]int{
		"conv1": {4, 3, 3, 3}, "fire/squeeze1x1": {2, 4, 1, 1}, "fire/expand1x1": {3, 2, 1, 1}, "fire/expand3x3": {3, 2, 3, 3},
	} {
		f.Tensors[name+".weight"] = formulaTensor(name+".weight", shape, shape)
		f.Tensors[name+".bias"] = formulaTensor(name+".bias", shape[:1], shape)
	}
	return f
}

// formulaTensor is uniform within 1/sqrt(fan in) of the weight's shape.
func formulaTensor(name string, shape, weight []int) kdsr.Tensor {
	t := kdsr.Tensor{Shape: shape, Data: make([]float32, kdsr.Shape(shape).Size())}
	for i, v := range values(name, len(t.Data)) {
		t.Data[i] = float32((v*2 - 1) / math.Sqrt(float64(kdsr.Shape(weight[1:]).Size())))
	}
	return t
}

// formulaDiscriminator overwrites a discriminator's numbers in place.
func formulaDiscriminator(c *graph.Discriminator) {
	for name, t := range c.Tensors {
		weight := c.Tensors[name[:5]+".weight"].Shape // conv0 to conv9
		copy(t.Data, formulaTensor(name, t.Shape, weight).Data)
	}
	for i := 1; i < 9; i++ {
		u := c.U[fmt.Sprintf("conv%d", i)]
		var s float64
		for k, v := range values(fmt.Sprintf("u%d", i), len(u)) {
			u[k] = float32(v*2 - 1)
			s += (v*2 - 1) * (v*2 - 1)
		}
		for k := range u {
			u[k] /= float32(math.Sqrt(s))
		}
	}
}

// TestGANAgainstPyTorch compares one whole step of stage 3: every gradient of the student and of the discriminator.
func TestGANAgainstPyTorch(t *testing.T) {
	want := goldenTensors(t)
	shape := kdsr.Config{C: 8, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	ws := conv.NewWorkers(2)
	defer ws.Close()
	geo, c := geometry{2, 12, 2}, Default()
	c.GAN.Width = 4
	m, judge, err := newGAN(ws, formulaWeights(t, shape, kdsr.Student), formulaWeights(t, shape, kdsr.Teacher), toyFeatures(), geo, c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.prog.Close()
	defer judge.m.prog.Close()
	formulaDiscriminator(judge.net)
	batch := formulaBatch(geo, 0)
	judge.net.Iterate()
	losses, err := m.run(batch)
	if err != nil {
		t.Fatal(err)
	}
	compareGradients(t, want, "gan", m.prog.Params)
	judge.adam.LR = 0 // look at the gradients only
	d, err := judge.step(batch)
	if err != nil {
		t.Fatal(err)
	}
	compareGradients(t, want, "gan-discriminator", judge.m.prog.Params)
	for i, v := range append(losses, d) {
		if ref := want["gan/losses"].Data[i]; math.Abs(float64(v-ref)) > 1e-4*max(1, math.Abs(float64(ref))) {
			t.Errorf("loss %d is %.7f, PyTorch has %.7f", i, v, ref)
		}
	}
}

// TestGANRuns goes through stage 3 without a feature network, interrupted once.
func TestGANRuns(t *testing.T) {
	teacher := tinyConfig(t)
	finish(t, Teacher, teacher, Options{})
	student := tinyConfig(t)
	student.Teacher = filepath.Join(teacher.Out, "tiny.safetensors")
	finish(t, Student, student, Options{})
	gan := func() Config {
		c := tinyConfig(t)
		c.Teacher, c.Init = student.Teacher, filepath.Join(student.Out, "tiny.safetensors")
		c.Loss.Perceptual, c.GAN.Width, c.Optim.Steps = 0, 2, 6
		return c
	}
	whole, parts := gan(), gan()
	one := finish(t, GAN, whole, Options{})
	finish(t, GAN, stopAfter(parts, 3), Options{})
	if two := finish(t, GAN, parts, Options{Resume: true}); two.Hash() != one.Hash() {
		t.Error("resumed run differs from the uninterrupted one")
	}
	whole.Loss.Perceptual = 1
	if err := whole.Check(GAN); err == nil {
		t.Error("a perceptual loss without a feature network was taken")
	}
}
