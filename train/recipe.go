package train

import (
	"fmt"

	"vsr/train/degrade"
)

// Degradation names a recipe and its strengths.
type Degradation struct {
	Kind  string     `yaml:"kind"`
	Sigma [2]float64 `yaml:"sigma"`
	Noise [2]float64 `yaml:"noise"`
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
	case "second", "video", "real":
		return degrade.ByName(d.Kind, c.Scale)
	}
	return nil, fmt.Errorf("config: degradation.kind = %q, want gaussian, aniso, bicubic, second, video or real", d.Kind)
}

// String describes the recipe in a model card.
func (d Degradation) String() string {
	switch d.Kind {
	case "gaussian", "aniso":
		return fmt.Sprintf("%s blur, sigma %v, noise %v (0 0 is the default range)", d.Kind, d.Sigma, d.Noise)
	}
	return d.Kind
}
