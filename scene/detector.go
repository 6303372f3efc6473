package scene

import (
	"fmt"
	"hash/maphash"

	"vsr/media"
)

// Options adjusts a Detector. The zero value works.
type Options struct {
	// Threshold is the score from which a change is a cut, in (0, 1]; 0 means 0.5: on the
	// clips it was set with, hard cuts score 0.8 and more, and motion, flashes and fades at most 0.43.
	Threshold float64 `yaml:"threshold"`
	// MinLength is the shortest scene in frames; 0 means 8.
	MinLength int `yaml:"min_length"`
	// MaxFade is how many frames a fade-in may hold up the start of the new scene; 0 means 48.
	MaxFade int `yaml:"max_fade"`
}

// Defaults returns o with every zero field replaced by its default.
func (o Options) Defaults() Options {
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if o.MinLength == 0 {
		o.MinLength = 8
	}
	if o.MaxFade == 0 {
		o.MaxFade = 48
	}
	return o
}

// Validate reports the first field that is out of range.
func (o Options) Validate() error {
	switch {
	case o.Threshold < 0 || o.Threshold > 1:
		return fmt.Errorf("scene: threshold = %g, want 0 to 1", o.Threshold)
	case o.MinLength < 0:
		return fmt.Errorf("scene: min_length = %d, want 0 or more", o.MinLength)
	case o.MaxFade < 0:
		return fmt.Errorf("scene: max_fade = %d, want 0 or more", o.MaxFade)
	}
	return nil
}

// state says what the detector is waiting for.
type state uint8

const (
	opening  state = iota // the scene began blank, and no picture of it has come up yet
	standing              // ref is a picture of the scene
	pending               // a change came that could not be a cut yet: blank, half faded, or too early
)

// Detector numbers scenes. It is used by one goroutine.
type Detector struct {
	o      Options
	format media.Format
	scene  uint64
	length int // frames of this scene, with the current one
	state  state
	waited int // frames since the state was entered

	// cur is the picture being looked at, last the one before it, ref the last one that surely belonged to the scene.
	cur, last, ref *thumb

	sums   [3 * Cells]uint32
	seed   maphash.Seed
	hash   uint64
	hashed bool // hash is that of the frame before
}

// New returns a Detector that has seen nothing. It panics if the options are not valid.
func New(o Options) *Detector {
	if err := o.Validate(); err != nil {
		panic(err)
	}
	return &Detector{o: o.Defaults(), cur: new(thumb), last: new(thumb), ref: new(thumb), seed: maphash.MakeSeed()}
}

// Scene returns the number of the current scene, 0 before the first frame.
func (d *Detector) Scene() uint64 { return d.scene }

// Mark writes Scene and Repeat of fr, which it does not keep, and returns the score of the change to it from the frame
// before: 0 for the same picture, 1 for one that has nothing in common. A change of format starts a new scene.
func (d *Detector) Mark(fr *media.Frame) (score float64) {
	follows := d.scene > 0 && fr.Format == d.format
	fr.Repeat = d.repeat(fr, follows && d.hashed)
	if fr.Repeat {
		d.cur, d.last = d.last, d.cur
		*d.cur = *d.last
		score = d.look()
	} else {
		Sums(d.sums[:], fr)
		score = d.MarkSums(fr.Format, d.sums[:])
	}
	fr.Scene, d.hashed = d.scene, true
	return score
}

// MarkSums is Mark for a picture of which there are only the Sums; Scene then has its number. Whether it is a repeat is not known.
func (d *Detector) MarkSums(f media.Format, sums []uint32) (score float64) {
	d.hashed = false
	follows := d.scene > 0 && f == d.format
	d.cur, d.last = d.last, d.cur
	d.cur.fill(f, sums)
	if follows {
		return d.look()
	}
	d.format = f
	d.begin()
	return 1
}

// begin starts a scene at cur.
func (d *Detector) begin() {
	d.scene++
	d.length = 1
	d.enter(standing)
	if d.cur.blank() {
		d.enter(opening)
	}
}

// enter changes the state. What begins to stand is the new reference.
func (d *Detector) enter(s state) {
	d.state, d.waited = s, 0
	if s == standing {
		*d.ref = *d.cur
	}
}

// look decides about cur and returns its score against last.
func (d *Detector) look() float64 {
	score := change(d.cur, d.last)
	d.length++
	d.waited++
	blank, rising := d.cur.blank(), comesUp(d.cur, d.last) && d.waited < d.o.MaxFade
	switch d.state {
	case opening:
		if !blank && !rising {
			d.enter(standing)
		}
	case standing:
		switch {
		case blank:
			d.enter(pending)
		case score < d.o.Threshold:
			*d.ref = *d.cur
		case d.length > d.o.MinLength && !weaker(d.cur, d.last):
			d.begin()
		default:
			d.enter(pending)
		}
	case pending:
		switch {
		case blank:
		case structure(d.cur, d.ref) < sameShot: // a flash, or a dip to black: the old shot is back
			d.state = standing
		case !rising && d.length > d.o.MinLength:
			d.begin()
		}
	}
	return score
}

// repeat reports whether the samples of fr equal those of the frame before it.
func (d *Detector) repeat(fr *media.Frame, follows bool) bool {
	var h maphash.Hash
	h.SetSeed(d.seed)
	for p := range fr.Planes() {
		_, rows := fr.PlaneSize(p)
		for y := range rows {
			h.Write(fr.Row(p, y))
		}
	}
	sum := h.Sum64()
	equal := follows && sum == d.hash
	d.hash = sum
	return equal
}
