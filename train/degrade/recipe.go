package degrade

import (
	"fmt"
	"math/rand/v2"
)

// Rand is the randomness of one clip. Own differs from clip to clip. Batch is what the clips of one training batch may have in
// common: the sampler seeds it per clip (every clip its own blur), or per batch as the official code does.
type Rand struct {
	Own, Batch *rand.Rand
}

// NewRand returns streams for clip number clip that share nothing with other clips.
func NewRand(seed, clip uint64) Rand {
	return SharedRand(seed, clip, clip)
}

// SharedRand returns streams of which Batch depends on seed and batch only.
func SharedRand(seed, clip, batch uint64) Rand {
	return Rand{
		Own:   rand.New(rand.NewPCG(seed, 2*clip+1)),
		Batch: rand.New(rand.NewPCG(seed^0x9e3779b97f4a7c15, 2*batch)),
	}
}

// Recipe is one way to spoil material. A recipe is immutable and safe for use by many goroutines.
type Recipe interface {
	// Scale is the factor between a sharp frame and its degraded one.
	Scale() int
	// Frames is how many frames a clip should have for the recipe to show all it does: 1 when frames do not depend on each other.
	Frames() int
	// Apply degrades a clip. All frames have one size, a multiple of Scale; the results are Scale times smaller, quantised to
	// 8 bits, in [0,1]. The input is not written to.
	Apply(r Rand, hr []Image) ([]Image, error)
}

// checkClip reports clips that no recipe can take.
func checkClip(hr []Image, scale int) error {
	if len(hr) == 0 {
		return fmt.Errorf("degrade: clip without frames")
	}
	for i, m := range hr {
		switch {
		case m.W != hr[0].W || m.H != hr[0].H:
			return fmt.Errorf("degrade: frame %d is %dx%d, frame 0 is %dx%d", i, m.W, m.H, hr[0].W, hr[0].H)
		case m.W < scale || m.H < scale || m.W%scale != 0 || m.H%scale != 0:
			return fmt.Errorf("degrade: frame of %dx%d is not a multiple of scale %d", m.W, m.H, scale)
		case len(m.Pix) != m.W*m.H*3:
			return fmt.Errorf("degrade: frame of %dx%d has %d samples", m.W, m.H, len(m.Pix))
		}
	}
	return nil
}

// uniform draws from [lo, hi).
func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
