package train

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/train/degrade"
)

// TestConfigFiles loads every training config strictly and checks that the values it states as defaults are the code's.
func TestConfigFiles(t *testing.T) {
	files := map[string]Stage{
		"train-teacher.yaml": Teacher, "train-student.yaml": Student, "train-gan.yaml": GAN, "tiny.yaml": Teacher,
	}
	for file, stage := range files {
		c, err := Load(filepath.Join("..", "configs", file), nil)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(c.Data.Images) > 0 || c.GAN.Features != "" {
			t.Errorf("%s names data that a stranger has not: %v %s", file, c.Data.Images, c.GAN.Features)
		}
		c.Data.Images, c.GAN.Features = []string{"yours"}, "yours"
		if err := c.Check(stage); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if file == "tiny.yaml" || stage == GAN {
			continue
		}
		want := Default()
		want.Name, want.Out, want.Teacher, want.Data.Images, want.GAN.Features = c.Name, c.Out, c.Teacher, c.Data.Images, c.GAN.Features
		want.Validate.ImagesFrom = c.Validate.ImagesFrom // empty, and nil
		// What the files recommend beyond the published recipe, as they say.
		want.Optim.Clip = 0.5
		if stage == Teacher {
			want.Loss.Probe, want.Optim.ProbeOnly = 0.1, 4000
		} else {
			want.Optim.LR, want.Optim.KDOnly = 0.0008, 3000
			want.Data.Shrink, want.Data.Defocus = 0.5, 0.1
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("%s states other values than the code (-code +file):\n%s", file, diff)
		}
	}
}

func TestSet(t *testing.T) {
	file := filepath.Join("..", "configs", "train-teacher.yaml")
	c, err := Load(file, []string{"optim.lr=0.5", "scale=2", "data.images=[a, b]", "degradation.sigma=[1, 2]", "out="})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want.Optim.LR, want.Scale, want.Data.Images, want.Degradation.Sigma = 0.5, 2, []string{"a", "b"}, [2]float64{1, 2}
	want.Out = ""
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"optim.speed=1", "optim.lr", "optim.lr=", "optim.lr=fast", "nonsense=1"} {
		if _, err := Load(file, []string{bad}); err == nil {
			t.Errorf("--set %s was taken", bad)
		}
	}
}

func TestConfigErrorsNameLineAndKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("name: x\noptim:\n  lrr: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file, nil)
	if err == nil || !strings.Contains(err.Error(), "lrr") || !strings.Contains(err.Error(), "3") {
		t.Errorf("error %v, want the key and line 3", err)
	}
	c := Default()
	c.Name, c.Out, c.Scale, c.Data.Patch, c.Optim.Schedule = "x", "y", 7, 9, "magic"
	err = c.Check(Student)
	for _, want := range []string{"scale", "data.patch", "optim.schedule", "teacher"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s: %v", want, err)
		}
	}
}

// Light clips are for training only: validation keeps to the recipe that the scores are named after.
func TestTrainingRecipe(t *testing.T) {
	c := Default()
	c.Degradation.Kind = "real"
	for _, light := range []float64{0, 0.3} {
		c.Degradation.Light = light
		r, err := c.TrainingRecipe()
		if err != nil {
			t.Fatal(err)
		}
		mix := r.(degrade.Mix)
		last, isLight := mix[len(mix)-1].Recipe.(degrade.Light)
		if isLight != (light > 0) || isLight && (last.Factor != c.Scale || mix[len(mix)-1].Weight != light || mix[0].Weight != 1-light) {
			t.Errorf("light %g gives %+v", light, mix)
		}
		if v, _ := c.Recipe(); len(v.(degrade.Mix)) != len(degrade.Real(4)) {
			t.Errorf("validation with light %g is %+v", light, v)
		}
	}
	for _, light := range []float64{-0.1, 1, math.NaN()} {
		c.Degradation.Light = light
		if _, err := c.TrainingRecipe(); err == nil {
			t.Errorf("a share of %g was taken", light)
		}
	}
}

func TestDescribe(t *testing.T) {
	for want, d := range map[string]Degradation{
		"isotropic Gaussian blur, sigma 0.2 to 4 (gaussian)":             {Kind: "gaussian"},
		"anisotropic Gaussian blur, sigma 1 to 2, noise 0 to 25 (aniso)": {Kind: "aniso", Sigma: [2]float64{1, 2}, Noise: [2]float64{0, 25}},
		"compressed and worn video and photographs (real, 35 % light)":   {Kind: "real", Light: 0.35},
	} {
		if got := d.describe(4); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, kind := range []string{"bicubic", "second", "video", "light", "real"} {
		if c := (Config{Scale: 2, Degradation: Degradation{Kind: kind}}); strings.HasPrefix(c.Degradation.describe(2), " ") {
			t.Errorf("%s has no description", kind)
		}
	}
	for want, d := range map[string]Data{
		"7 tiles of sharp images, patches of 64, batch 8": {Patch: 64, Batch: 8, Shrink: 1},
		"Photographs (CC0): 7 tiles of sharp images, patches of 48, batch 16, half of the windows at 0.5 to 1 of their size, 40 % with a soft background": {
			Title: "Photographs (CC0)", Patch: 48, Batch: 16, Shrink: 0.5, Defocus: 0.4},
	} {
		if got := d.describe(7); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
