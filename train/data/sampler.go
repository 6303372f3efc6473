package data

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"vsr/train/degrade"
)

// SamplerOptions says what a batch looks like. Batch, Patch and Recipe must be given.
type SamplerOptions struct {
	Seed   uint64
	Batch  int // samples a step
	Patch  int // side of the low-resolution patches; the sharp ones are Patch*Scale
	Recipe degrade.Recipe
	// Clip is the side of the sharp window that is degraded as a whole before patches are cut from it. Default 4/3 of a sharp
	// patch. Tiles smaller than that are used whole.
	Clip int
	// Reuse is how many steps draw patches from a degraded clip before it is replaced, default 4. A batch of B replaces B/Reuse
	// clips a step, so the cost of the recipe is shared by Reuse patches, and no two samples of a batch share a clip.
	Reuse int
	// SharedPerBatch gives all clips of a batch the same Batch stream, as the official code does (one blur kernel per batch).
	SharedPerBatch bool
	// Pool, with SharedPerBatch, mixes the batches as if that many pairs waited in a pool (180 in Real-ESRGAN and KDSR-GAN), so
	// that the samples of a batch do not share their draws after all. 0 is no pool.
	Pool int
	// Shrink is the smallest factor, above 0 and below 1, by which half of the clips' sharp images are reduced before anything
	// else: the same photographs at other sizes. The factor is drawn evenly from Shrink to 1 and never leaves less than a patch. 0 and 1
	// reduce none.
	Shrink float64
	// Defocus is the share of clips that get a soft background before they are degraded: see degrade.Defocus.
	Defocus float64
	// Drawn is the share of clips that show drawn text, figures of square cells, flat shapes, regular waves or gradients instead of a tile, Night the share that are
	// dark and noisy before they are degraded.
	Drawn, Night float64
	// NoAugment switches off the horizontal flip, vertical flip and transpose, each with probability one half.
	NoAugment bool
}

func (o *SamplerOptions) defaults() error {
	switch {
	case o.Recipe == nil:
		return errors.New("data: sampler: no recipe")
	case o.Batch < 1 || o.Batch > 4096:
		return fmt.Errorf("data: sampler: batch %d, want 1 to 4096", o.Batch)
	case o.Patch < 8 || o.Patch > 1024:
		return fmt.Errorf("data: sampler: patch %d, want 8 to 1024", o.Patch)
	case o.Clip < 0 || o.Reuse < 0 || o.Pool < 0:
		return fmt.Errorf("data: sampler: clip %d, reuse %d, pool %d", o.Clip, o.Reuse, o.Pool)
	}
	for _, share := range []float64{o.Shrink, o.Defocus, o.Drawn, o.Night} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("data: sampler: shrink %g, defocus %g, drawn %g, night %g, want 0 to 1", o.Shrink, o.Defocus, o.Drawn, o.Night)
		}
	}
	scale := o.Recipe.Scale()
	if o.Clip == 0 {
		o.Clip = (o.Patch*4 + 2) / 3 * scale
	}
	if o.Clip < o.Patch*scale {
		return fmt.Errorf("data: sampler: clip %d is smaller than the sharp patch %d", o.Clip, o.Patch*scale)
	}
	if o.Reuse == 0 {
		o.Reuse = 4
	}
	return nil
}

// Batch is the samples of one step. All three are interleaved RGB in [0,1], 8-bit exact.
type Batch struct {
	Step  int
	LR    []float32 // [B,p,p,3]
	HR    []float32 // [B,p*s,p*s,3], the sharp image of LR
	Other []float32 // [B,p,p,3], another place and frame of the same degraded clip, for the student's estimator
}

// Sampler draws batches. It is safe for concurrent use.
type Sampler struct {
	o     SamplerOptions
	tiles []Tile
	cache clipCache
}

// NewSampler checks the options and leaves out the tiles that are too small for a patch.
func NewSampler(tiles []Tile, o SamplerOptions) (*Sampler, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	s := &Sampler{o: o}
	need := o.Patch * o.Recipe.Scale()
	for _, t := range tiles {
		if t.W >= need && t.H >= need {
			s.tiles = append(s.tiles, t)
		}
	}
	if len(s.tiles) == 0 {
		return nil, fmt.Errorf("data: sampler: none of %d tiles is as large as a sharp patch of %d", len(tiles), need)
	}
	s.cache.limit = 3 * o.Batch
	return s, nil
}

// Batch returns the batch of a step. Equal seeds, options and tiles give equal batches, in any order of calls.
func (s *Sampler) Batch(step int) (*Batch, error) {
	p, scale := s.o.Patch, s.o.Recipe.Scale()
	b := &Batch{
		Step: step, LR: make([]float32, s.o.Batch*p*p*3), Other: make([]float32, s.o.Batch*p*p*3),
		HR: make([]float32, s.o.Batch*p*p*scale*scale*3),
	}
	return b, s.fill(b, step)
}

// fill draws a batch into buffers of the right size.
func (s *Sampler) fill(b *Batch, step int) error {
	if step < 0 {
		return fmt.Errorf("data: sampler: step %d", step)
	}
	b.Step = step
	lrSize, hrSize := len(b.LR)/s.o.Batch, len(b.HR)/s.o.Batch
	for slot := range s.o.Batch {
		generation, use := s.turn(step, slot)
		c, err := s.cache.get(clipKey{slot, generation}, s.makeClip)
		if err != nil {
			return fmt.Errorf("data: sampler: step %d sample %d: %w", step, slot, err)
		}
		rng := rand.New(rand.NewPCG(s.o.Seed+0x51ed27, uint64(s.clipID(slot, generation)*s.o.Reuse+use)))
		c.draw(rng, s.o.Patch, b.LR[slot*lrSize:][:lrSize], b.HR[slot*hrSize:][:hrSize], b.Other[slot*lrSize:][:lrSize])
	}
	return nil
}

// ClipRand is the randomness with which the recipe degraded the clip that sample slot of a step was cut from.
func (s *Sampler) ClipRand(step, slot int) degrade.Rand {
	generation, _ := s.turn(step, slot)
	return s.recipeRand(clipKey{slot, generation})
}

// recipeRand is what the recipe draws from for a clip.
func (s *Sampler) recipeRand(k clipKey) degrade.Rand {
	id := s.clipID(k.slot, k.generation)
	shared := id
	if s.o.SharedPerBatch {
		shared = k.generation - s.age(id, k.generation)
	}
	return degrade.SharedRand(s.o.Seed, uint64(id), uint64(shared))
}

// turn says which clip of a slot a step uses, and for the how-manieth time. Slots are renewed at different steps, so that every
// step costs the same, except when a batch shares its randomness.
func (s *Sampler) turn(step, slot int) (generation, use int) {
	if !s.o.SharedPerBatch {
		step += slot * s.o.Reuse / s.o.Batch
	}
	return step / s.o.Reuse, step % s.o.Reuse
}

func (s *Sampler) clipID(slot, generation int) int { return generation*s.o.Batch + slot }
