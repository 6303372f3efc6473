package kdsr

import "fmt"

// Tail is the shape of the part that enlarges.
type Tail string

// Skip is what is added to the network's output.
type Skip string

// Kernels is the rule for the depthwise kernels that Modulate derives from the degradation vector.
type Kernels string

// The choices of Config.Tail, Config.Skip and Config.Kernels.
const (
	TailOfficial Tail = "official" // conv and PixelShuffle once per factor, then conv to RGB: the published networks
	TailDirect   Tail = "direct"   // one conv to 3*s*s channels and PixelShuffle(s)

	SkipNone    Skip = "none"    // the published networks: only the mean color is added
	SkipNearest Skip = "nearest" // the input, enlarged by repetition

	KernelsFree    Kernels = ""        // as the linear layers give them: the published networks
	KernelsBounded Kernels = "bounded" // every channel's kernel k becomes k / sqrt(1 + |k|^2): see Builder.Bound
)

// Config is the shape of a KDSR network. The zero value is not valid; start from a preset or from a weights file.
type Config struct {
	C     int  `json:"c"`     // feature channels (n_feats)
	N     int  `json:"n"`     // IDR-DCRB blocks in the body
	R     int  `json:"r"`     // residual blocks in the degradation estimator (KD-IDE)
	Scale int  `json:"scale"` // 2, 3 or 4
	Tail  Tail `json:"tail"`
	Skip  Skip `json:"skip"`
	Stem  int  `json:"stem"` // stride of the estimator's first conv, 1 in the published networks
	// Kernels bounds the generated kernels; it is left out of files of published networks.
	Kernels Kernels `json:"kernels,omitempty"`
}

// Preset returns a named shape at the given scale: m, l, gan (the published sizes) or nano, fast, base (ours).
func Preset(name string, scale int) (Config, error) {
	official := func(c, n, r int) Config {
		return Config{C: c, N: n, R: r, Scale: scale, Tail: TailOfficial, Skip: SkipNone, Stem: 1}
	}
	ours := func(c, n, r int) Config {
		return Config{C: c, N: n, R: r, Scale: scale, Tail: TailDirect, Skip: SkipNearest, Stem: 2}
	}
	presets := map[string]Config{
		"m": official(64, 53, 9), "l": official(128, 28, 5), "gan": official(128, 42, 6),
		"nano": ours(16, 8, 2), "fast": ours(32, 8, 2), "base": ours(48, 20, 2),
	}
	c, ok := presets[name]
	if name == "base" { // the weights of the smaller sizes were trained with free kernels
		c.Kernels = KernelsBounded
	}
	if !ok {
		return Config{}, fmt.Errorf("kdsr: no preset %q, want m, l, gan, nano, fast or base", name)
	}
	return c, c.Validate()
}

// Limits of Config that keep a hostile weights file from asking for absurd amounts of memory.
const (
	maxC = 512
	maxN = 512
	maxR = 64
)

// Validate reports the first field that is out of range.
func (c Config) Validate() error {
	switch {
	case c.C < 1 || c.C > maxC:
		return fmt.Errorf("kdsr: c = %d, want 1 to %d", c.C, maxC)
	case c.N < 0 || c.N > maxN:
		return fmt.Errorf("kdsr: n = %d, want 0 to %d", c.N, maxN)
	case c.R < 0 || c.R > maxR:
		return fmt.Errorf("kdsr: r = %d, want 0 to %d", c.R, maxR)
	case c.Scale < 2 || c.Scale > 4:
		return fmt.Errorf("kdsr: scale = %d, want 2, 3 or 4", c.Scale)
	case c.Tail != TailOfficial && c.Tail != TailDirect:
		return fmt.Errorf("kdsr: tail = %q, want official or direct", c.Tail)
	case c.Skip != SkipNone && c.Skip != SkipNearest:
		return fmt.Errorf("kdsr: skip = %q, want none or nearest", c.Skip)
	case c.Stem != 1 && c.Stem != 2:
		return fmt.Errorf("kdsr: stem = %d, want 1 or 2", c.Stem)
	case c.Kernels != KernelsFree && c.Kernels != KernelsBounded:
		return fmt.Errorf("kdsr: kernels = %q, want bounded or nothing", c.Kernels)
	}
	return nil
}
