package train

import (
	"fmt"
	"strings"

	"vsr/train/degrade"
)

// Degradation names a recipe and its strengths.
type Degradation struct {
	Kind  string     `yaml:"kind"`
	Sigma [2]float64 `yaml:"sigma"`
	Noise [2]float64 `yaml:"noise"`
	// Light is the share of training clips that get degrade.Light instead, in [0,1). Validation is by Kind alone.
	Light float64 `yaml:"light"`
	// Ranges are the odds and strengths of all kinds but gaussian, aniso and bicubic.
	Ranges degrade.Ranges `yaml:"ranges"`
}

// TrainingRecipe is what training clips get: Recipe, with the share of Light mixed in.
func (c Config) TrainingRecipe() (degrade.Recipe, error) {
	r, err := c.Recipe()
	light := c.Degradation.Light
	if err != nil || light == 0 {
		return r, err
	}
	if !(light > 0 && light < 1) {
		return nil, fmt.Errorf("config: degradation.light = %g, want 0 to less than 1", light)
	}
	return degrade.Mix{{Recipe: r, Weight: 1 - light}, {Recipe: degrade.Light{Factor: c.Scale, Ranges: &c.Degradation.Ranges}, Weight: light}}, nil
}

// Recipe makes the degradation at the config's scale.
func (c Config) Recipe() (degrade.Recipe, error) {
	d := c.Degradation
	switch d.Kind {
	case "gaussian", "aniso":
		r := degrade.Classic{Factor: c.Scale, Sigma: d.Sigma, Noise: d.Noise, Anisotropic: d.Kind == "aniso"}
		return r, r.Validate()
	case "bicubic":
		return degrade.Fixed{Factor: c.Scale}, nil
	case "second", "video", "light", "real", "coding", "balanced":
		return c.Degradation.Ranges.ByName(d.Kind, c.Scale)
	}
	return nil, fmt.Errorf("config: degradation.kind = %q, want gaussian, aniso, bicubic, second, video, light, real, coding or balanced", d.Kind)
}

// materials says for each kind what a network trained with it is for.
var materials = map[string]string{
	"bicubic": "clean reductions", "second": "worn photographs", "video": "compressed and worn video",
	"light": "good video", "real": "compressed and worn video and photographs",
	"coding": "compressed video", "balanced": "clean, compressed and worn video and photographs",
}

// describe names the material for a model's notes.
func (d Degradation) describe(scale int) string {
	name := materials[d.Kind]
	if name == "" {
		sigma := d.Sigma
		if sigma == [2]float64{} {
			sigma = [2]float64{0.2, float64(scale)}
		}
		name = fmt.Sprintf("%s blur, sigma %g to %g", map[string]string{"gaussian": "isotropic Gaussian", "aniso": "anisotropic Gaussian"}[d.Kind], sigma[0], sigma[1])
		if d.Noise[1] > 0 {
			name += fmt.Sprintf(", noise %g to %g", d.Noise[0], d.Noise[1])
		}
	}
	name += " (" + d.Kind
	if d.Light > 0 {
		name += fmt.Sprintf(", %g %% light", 100*d.Light)
	}
	return name + ")"
}

// describe says in words what a model was trained on.
func (d Data) describe(tiles int) string {
	var b strings.Builder
	if d.Title != "" {
		b.WriteString(d.Title + ": ")
	}
	fmt.Fprintf(&b, "%d tiles of sharp images, patches of %d, batch %d", tiles, d.Patch, d.Batch)
	if d.Shrink > 0 && d.Shrink < 1 {
		fmt.Fprintf(&b, ", half of the windows at %g to 1 of their size", d.Shrink)
	}
	if d.Defocus > 0 {
		fmt.Fprintf(&b, ", %g %% with a soft background", 100*d.Defocus)
	}
	if d.Drawn > 0 {
		fmt.Fprintf(&b, ", %g %% drawn", 100*d.Drawn)
	}
	if d.Night > 0 {
		fmt.Fprintf(&b, ", %g %% dark and noisy", 100*d.Night)
	}
	return b.String()
}
