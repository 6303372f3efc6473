package scene

import (
	"fmt"

	"vsr/media"
)

// Options adjusts a Detector. The zero value works.
type Options struct {
	// Threshold is the score from which a change is a cut, in (0, 1]; 0 means 0.5. The score is the probability that the
	// clips it was fitted to give.
	Threshold float64 `yaml:"threshold"`
	// Cuts, when not nil, are the first frames of all scenes but the first, rising and counted from 0. Nothing is detected then; a
	// change of format still begins a scene.
	Cuts []int64 `yaml:"-"`
	// Decide, when not nil, is asked for every frame that a model has judged, and says whether it begins a scene. tools/scenefit
	// collects examples by it. Judgement.Features must not be kept.
	Decide func(Judgement) bool `yaml:"-"`
}

// Judgement is what a model says of a frame.
type Judgement struct {
	Frame    int64  // from 0
	Model    string // ModelHard or ModelSoft
	Features []float32
	Score    float64 // in (0, 1)
}

// Defaults returns o with every zero field replaced by its default.
func (o Options) Defaults() Options {
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	return o
}

// Validate reports the first field that is out of range.
func (o Options) Validate() error {
	if !(o.Threshold >= 0 && o.Threshold <= 1) {
		return fmt.Errorf("scene: threshold = %g, want 0 to 1", o.Threshold)
	}
	for i, at := range o.Cuts {
		if at < 1 || i > 0 && at <= o.Cuts[i-1] {
			return fmt.Errorf("scene: cut %d at frame %d, want rising numbers from 1", i, at)
		}
	}
	return nil
}

// state says what the detector is waiting for.
type state uint8

const (
	opening  state = iota // the scene began blank, and nothing of it has come up yet
	standing              // the frames show the scene
	pending               // the frame shows too little to say whether the scene is over: a flash, or the middle of a fade
)

// Lengths in frames.
const (
	longestFade  = 48 // that may hold up the start of a new scene
	longestFlash = 3  // after which a frame that shows little is a shot
	stillMixed   = 16 // of a dissolve that was found in its second half
)

// Detector numbers scenes. It is used by one goroutine.
type Detector struct {
	o      Options
	format media.Format
	scene  uint64
	state  state
	waited int // frames since the state was entered

	// cur is the frame in question, last the one before it, ref the last one that surely showed the scene.
	cur, last, ref *thumb
	refAge         int // frames

	looks []*look // of scenes that ended
	ended int     // how many
	like  uint64

	frame int64 // number of cur

	steps   steps   // changes before this frame
	step    step    // the change to cur
	history history // frames of this scene

	sums [3 * Cells]uint32
}

// New returns a Detector that has seen nothing. It panics if the options are not valid.
func New(o Options) *Detector {
	if err := o.Validate(); err != nil {
		panic(err)
	}
	return &Detector{o: o.Defaults(), cur: new(thumb), last: new(thumb), ref: new(thumb)}
}

// Scene returns the number of the current scene, 0 before the first frame.
func (d *Detector) Scene() uint64 { return d.scene }

// Mark writes Scene and Like of fr, which it does not keep, and returns the score of the change to it from the frame before: 0 for the
// same frame, 1 for a cut beyond doubt. Repeat of fr must be set. A change of format starts a new scene.
func (d *Detector) Mark(fr *media.Frame) (score float64) {
	if d.o.Cuts != nil {
		score = d.given(fr.Format)
		fr.Scene, fr.Like = d.scene, 0
		return score
	}
	if fr.Repeat && d.scene > 0 && fr.Format == d.format {
		d.frame++
		d.repeat()
	} else {
		Sums(d.sums[:], fr)
		score = d.MarkSums(fr.Format, d.sums[:])
	}
	fr.Scene, fr.Like = d.scene, d.Like()
	return score
}

// MarkSums is Mark for a frame of which there are only the Sums; Scene then has its number.
func (d *Detector) MarkSums(f media.Format, sums []uint32) (score float64) {
	if d.o.Cuts != nil {
		return d.given(f)
	}
	follows := d.scene > 0 && f == d.format
	if d.scene > 0 {
		d.frame++
	}
	d.cur, d.last = d.last, d.cur
	d.cur.fill(f, sums)
	if follows {
		return d.look()
	}
	d.format = f
	d.looks, d.ended = nil, 0 // material of another format has another degradation
	d.history.clear()
	d.begin()
	return 1
}

// given counts a frame of a video whose cuts are known.
func (d *Detector) given(f media.Format) (score float64) {
	if d.scene == 0 || f != d.format || len(d.o.Cuts) > 0 && d.o.Cuts[0] == d.frame {
		d.scene, d.format, score = d.scene+1, f, 1
	}
	if len(d.o.Cuts) > 0 && d.o.Cuts[0] <= d.frame {
		d.o.Cuts = d.o.Cuts[1:]
	}
	d.frame++
	d.like = d.scene
	return score
}

// begin starts a scene at cur.
func (d *Detector) begin() {
	d.remember()
	d.scene++
	d.recognize()
	d.history.clear()
	if d.enter(standing); d.cur.blank() {
		d.enter(opening)
	}
}

// enter changes the state.
func (d *Detector) enter(s state) {
	d.state, d.waited = s, 0
	switch s {
	case opening:
		d.history.clear()
	case standing:
		d.keep()
	}
}

// keep takes cur for a frame that shows the scene. While the contrast falls, as in a fade-out, the reference stays where it was.
func (d *Detector) keep() {
	d.history.add(d.cur, d.step)
	d.refAge++
	if d.cur.contrast >= 0.98*d.last.contrast || d.refAge > longestFade || d.history.n == 1 {
		*d.ref, d.refAge = *d.cur, 0
	}
}

// repeat is look for a frame that equals the one before it.
func (d *Detector) repeat() {
	d.waited++
	if d.state == pending {
		d.resolve()
	}
}

// look decides about cur and returns its score against last.
func (d *Detector) look() (score float64) {
	d.waited++
	c := compare(d.cur, d.last)
	d.step = c.step()
	switch d.state {
	case opening:
		if !d.cur.blank() && (!comesUp(d.cur, d.last) || d.waited > longestFade) {
			d.enter(standing)
		}
	case standing:
		score = d.stand(c)
	case pending:
		if d.resolve(); d.state != standing {
			return 0
		}
	}
	d.steps.add(c)
	return score
}

// cuts reports whether a frame with these features begins a scene.
func (d *Detector) cuts(name string, m interface{ score([]float32) float64 }, features []float32) (score float64, yes bool) {
	score = m.score(features)
	if d.o.Decide != nil {
		return score, d.o.Decide(Judgement{d.frame, name, features, score})
	}
	return score, score >= d.o.Threshold
}

// stand looks for an end of the scene.
func (d *Detector) stand(c change) float64 {
	if d.cur.blank() {
		d.enter(pending)
		return 0
	}
	f := d.features(c)
	score, yes := d.cuts(ModelHard, &hardModel, f[:])
	if yes && !d.returned(c) {
		d.begin()
		return score
	}
	if d.cur.contrast < washed*d.last.contrast {
		d.enter(pending)
		return 0
	}
	if d.faded() {
		d.begin()
		d.history.whole = stillMixed
		return max(score, d.o.Threshold)
	}
	d.keep()
	return score
}

// resolve decides what a frame is that comes after one that showed too little.
func (d *Detector) resolve() {
	cur := d.cur
	switch {
	case cur.blank():
	case compare(d.ref, cur).structure < sameFaded: // the old shot is back
		if cur.contrast >= washed*d.ref.contrast {
			d.enter(standing)
			d.history.whole = d.history.n
		}
	case comesUp(cur, d.last) && d.waited < longestFade:
	case cur.contrast < washed*d.ref.contrast && d.waited < longestFlash:
	default:
		d.begin()
	}
}

// returned reports whether cur, which is unlike last, is like an earlier frame of the scene: what was between was a flash.
func (d *Detector) returned(c change) bool {
	for age := 2; age <= longestFlash+3; age++ {
		t := d.history.ago(age)
		if t == nil {
			return false
		}
		if b := compare(d.cur, t); b.structure < sameShot && b.structure < 0.6*c.structure && b.colors < 0.6*c.colors+0.05 {
			return true
		}
	}
	return false
}

// Contrast, in code values, under which a frame shows nothing: black, white, or nearly so.
const blankContrast = 1

// Share of the contrast before that a frame must keep to be judged at once.
const washed = 0.15

// Structure under which two frames show the same shot, and two of which one is faded.
const sameShot, sameFaded = 0.5, 0.45

// blank reports whether the frame shows nothing.
func (t *thumb) blank() bool { return t.contrast < blankContrast }

// comesUp reports whether cur is a fade-in's next step from prev: stronger, but not by a leap.
func comesUp(cur, prev *thumb) bool {
	return cur.contrast > 1.02*prev.contrast && cur.contrast < prev.contrast+10
}
