package degrade

import (
	"errors"
	"fmt"
)

// Share is one recipe of a mix and how often it is drawn, relative to the others.
type Share struct {
	Recipe Recipe
	Weight float64
}

// Mix draws one of several recipes of one scale for every clip.
type Mix []Share

// Real is Ranges.Real of the default ranges.
func Real(scale int) Mix { return standard.Real(scale) }

// Real is the recipe of the fast models: mostly Video, with some of the second-order process for what video does not cover, and some
// clean material, so that good input is not harmed.
func (r *Ranges) Real(scale int) Mix {
	return Mix{{Video{Factor: scale, Ranges: r}, 0.75}, {SecondOrder{Factor: scale, Ranges: r}, 0.1},
		{Classic{Factor: scale, Sigma: [2]float64{0.1, 0.6 * float64(scale)}}, 0.1}, {Fixed{Factor: scale}, 0.05}}
}

// Balanced is the recipe of the base models: clean, careful, poorly coded and worn material, so that none of them pays for another.
// Worn material has the largest share: it differs most from clip to clip, and with 0.3 of the draws models lost on it.
func (r *Ranges) Balanced(scale int) Mix {
	return Mix{{Fixed{Factor: scale}, 0.15}, {Light{Factor: scale, Ranges: r}, 0.15}, {Coding{Factor: scale, Ranges: r}, 0.25}, {r.Real(scale), 0.45}}
}

// Validate reports a mix that cannot be drawn from.
func (m Mix) Validate() error {
	if len(m) == 0 {
		return errors.New("degrade: mix of nothing")
	}
	for i, s := range m {
		if s.Recipe == nil || s.Weight <= 0 || s.Recipe.Scale() != m[0].Recipe.Scale() {
			return fmt.Errorf("degrade: mix: part %d has no recipe, no weight or another scale", i)
		}
	}
	return nil
}

// Scale implements Recipe.
func (m Mix) Scale() int { return m[0].Recipe.Scale() }

// Frames implements Recipe: as many as the most demanding part wants.
func (m Mix) Frames() int {
	n := 1
	for _, s := range m {
		n = max(n, s.Recipe.Frames())
	}
	return n
}

// Apply implements Recipe. The choice comes from r.Batch.
func (m Mix) Apply(r Rand, hr []Image) ([]Image, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m.draw(r).Apply(r, hr)
}

// draw picks one of the recipes.
func (m Mix) draw(r Rand) Recipe {
	var total float64
	for _, s := range m {
		total += s.Weight
	}
	u, i := r.Batch.Float64()*total, 0
	for i < len(m)-1 && u >= m[i].Weight {
		u -= m[i].Weight
		i++
	}
	return m[i].Recipe
}

// ByName is Ranges.ByName of the default ranges.
func ByName(name string, scale int) (Recipe, error) { return standard.ByName(name, scale) }

// ByName returns a recipe that draws from r: bicubic, gaussian, aniso, second, video, light, real, coding or balanced. Gaussian and
// aniso have their own default strengths.
func (r *Ranges) ByName(name string, scale int) (Recipe, error) {
	if scale < 2 || scale > 4 {
		return nil, fmt.Errorf("degrade: scale %d, want 2 to 4", scale)
	}
	switch name {
	case "bicubic":
		return Fixed{Factor: scale}, nil
	case "gaussian":
		return Classic{Factor: scale}, nil
	case "aniso":
		return Classic{Factor: scale, Anisotropic: true, Noise: [2]float64{0, 25}}, nil
	case "second":
		return SecondOrder{Factor: scale, Ranges: r}, nil
	case "video":
		return Video{Factor: scale, Ranges: r}, nil
	case "light":
		return Light{Factor: scale, Ranges: r}, nil
	case "real":
		return r.Real(scale), nil
	case "coding":
		return Coding{Factor: scale, Ranges: r}, nil
	case "balanced":
		return r.Balanced(scale), nil
	}
	return nil, fmt.Errorf("degrade: recipe %q, want bicubic, gaussian, aniso, second, video, light, real, coding or balanced", name)
}
