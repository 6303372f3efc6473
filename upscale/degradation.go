package upscale

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vsr/decode"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// The values of Options.Degradation; DegradationFile is followed by a file name.
const (
	DegradationScene = "scene" // one estimate a scene
	DegradationLock  = "lock"  // one estimate for the whole video
	DegradationFile  = "file:"
)

// lockPlaces is over how many places of the video a locked estimate is spread.
const lockPlaces = 8

// SceneReport is what a report says of one scene.
type SceneReport struct {
	sr.SceneRecord
	// Degradation reads the vector in use, where the model's weights can say it.
	Degradation *kdsr.Reading `json:"degradation,omitempty"`
}

// validateDegradation reports a value of Options.Degradation or a slider that cannot be right.
func (o *Options) validateDegradation() error {
	switch name := o.Degradation; {
	case name == "" || name == DegradationScene || name == DegradationLock:
	case strings.HasPrefix(name, DegradationFile) && len(name) > len(DegradationFile):
	default:
		return usageError("", "degradation %q: want scene, lock or file:FILE", name)
	}
	if err := o.Sliders.Validate(); err != nil {
		return usageError("0 leaves the estimate as it is", "%w", err)
	}
	return nil
}

// inFile is Options.Degradation in a job's identity when it names a file, whose values stand beside it.
const inFile = "file"

func (o *Options) degradationName() string {
	if strings.HasPrefix(o.Degradation, DegradationFile) {
		return inFile
	}
	return o.Degradation
}

// readDegradation takes the scenes of the file that Options.Degradation names, once.
func (o *Options) readDegradation() error {
	path, ok := strings.CutPrefix(o.Degradation, DegradationFile)
	if !ok {
		return nil
	}
	if o.Scenes != nil {
		return usageError("set everything in the scenes file", "Options.Degradation and Options.Scene.Cuts exclude each other")
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".yaml" || ext == ".yml" {
		f, err := ReadSceneFile(path)
		if err == nil {
			o.Scenes = f.Scenes
		}
		return err
	}
	r, err := ReadReport(path)
	if err != nil {
		return blame(Usage, "a scenes file ends in .yaml (SceneList.WriteSceneFile writes one), anything else is a report (Report.Write writes one)", err)
	}
	for _, s := range r.Scenes {
		o.Scenes = append(o.Scenes, SceneEntry{FirstFrame: s.FirstFrame, Vector: s.Vector})
	}
	return nil
}

// adjuster changes estimates as the options say. It knows where each scene begins, because entries are found by their first frame.
type adjuster struct {
	sliders kdsr.Sliders
	entries []SceneEntry
	probes  *kdsr.Probes
	bounds  *kdsr.IDRBounds
	lock    bool

	mu     sync.Mutex
	locked []float32 // the vector of all scenes
	first  map[uint64]int64
}

// newAdjuster returns that of a network, or an error if something is asked for that its weights cannot do.
func (o *Options) newAdjuster(e *engines.Engine) (*adjuster, error) {
	a := &adjuster{sliders: o.Sliders, entries: o.Scenes, probes: e.Probes, bounds: e.Bounds, lock: o.Degradation == DegradationLock, first: map[uint64]int64{}}
	steered := o.Sliders != (kdsr.Sliders{})
	for _, s := range o.Scenes {
		steered = steered || s.sliders(kdsr.Sliders{}) != (kdsr.Sliders{}) || s.fixed() != (kdsr.Fixed{})
		if n := len(s.Vector); n > 0 && e.Bounds != nil && n != len(e.Bounds.Mean) {
			return nil, requestError("take a report of the same model, or a scenes file", "%s: vectors of %d values, those of model %s have %d", o.Degradation, n, e.Name, len(e.Bounds.Mean))
		}
	}
	if steered && e.Probes == nil {
		return nil, requestError("vsr train probes adds what is missing", "the weights of %s do not say how to move their degradation vector", e.Name)
	}
	return a, nil
}

// openAdjuster makes what changes the estimates of the job's upscalers, and the estimate of a job that has but one.
func (j *Job) openAdjuster(ctx context.Context, e *engines.Engine) (err error) {
	o := j.opts
	if j.step != nil && j.step.plain > 0 { // there is nothing to adjust
		o.Degradation, o.Sliders, o.Scenes = DegradationScene, kdsr.Sliders{}, nil
	}
	if j.adjuster, err = o.newAdjuster(e); err != nil {
		return err
	}
	j.opts.SR.Adjust = j.adjuster.adjust
	return j.adjuster.settle(ctx, j.input, lengthOf(&j.info, o.Decode), &o, e)
}

// place notes where a scene begins.
func (a *adjuster) place(scene uint64, first int64) {
	if len(a.entries) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.first[scene]; !known {
		a.first[scene] = first
	}
}

// entry is the last that begins at or before the scene's first frame; the zero value if there is none.
func (a *adjuster) entry(scene uint64) SceneEntry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return entryAt(a.entries, a.first[scene])
}

func entryAt(entries []SceneEntry, frame int64) SceneEntry {
	i, found := slices.BinarySearchFunc(entries, frame, func(e SceneEntry, f int64) int { return int(e.FirstFrame - f) })
	switch {
	case found:
		return entries[i]
	case i > 0:
		return entries[i-1]
	}
	return SceneEntry{}
}

// adjust is sr.Options.Adjust.
func (a *adjuster) adjust(scene uint64, v []float32) []float32 {
	if a.lock {
		a.mu.Lock()
		if a.locked == nil {
			a.locked = slices.Clone(v)
		}
		copy(v, a.locked)
		a.mu.Unlock()
	}
	e := a.entry(scene)
	if len(e.Vector) == len(v) {
		copy(v, e.Vector)
	}
	if a.probes == nil {
		return v
	}
	a.probes.Fix(v, e.fixed(), a.bounds)
	a.probes.Steer(v, e.sliders(a.sliders), a.bounds)
	return v
}

// read puts records into words.
func (a *adjuster) read(list []sr.SceneRecord) []SceneReport {
	out := make([]SceneReport, len(list))
	for i, s := range list {
		out[i].SceneRecord = s
		if a != nil && a.probes != nil && len(s.Vector) == len(a.probes.Mean) {
			r := a.probes.Read(s.Vector, a.bounds)
			out[i].Degradation = &r
		}
	}
	return out
}

// settle makes one estimate for the whole video if that is asked for, the mean over several places. Without an informative frame there,
// or where the length is unknown, it is that of the beginning. A source that can be read only once, which is for one worker, is locked at
// its first scene instead.
func (a *adjuster) settle(ctx context.Context, input string, length float64, o *Options, e sr.Engine) error {
	if !a.lock || !regularFile(input) {
		return nil
	}
	places := lockPlaces
	if !(length > 0) {
		places, length = 1, 0
	}
	var sum []float32
	n := 0
	for i := range places {
		d := o.Decode
		d.Start += (float64(i) + 0.5) * length / lockPlaces
		d.Duration = 0
		v, err := estimateAt(ctx, input, d, e, false)
		switch {
		case err != nil:
			return err
		case v == nil:
			continue
		case sum == nil:
			sum = make([]float32, len(v))
		}
		n++
		for k, x := range v {
			sum[k] += (x - sum[k]) / float32(n)
		}
	}
	if sum == nil {
		var err error
		if sum, err = estimateAt(ctx, input, o.Decode, e, true); err != nil {
			return err
		}
	}
	a.locked = sum
	return nil
}

// lockTries is how many frames from a place on are looked at for an informative one.
const lockTries = 24

// estimateAt returns the vector of the first informative frame from a place on, or of the first of any kind; nil if there is none near.
func estimateAt(ctx context.Context, input string, d decode.Options, e sr.Engine, anyFrame bool) ([]float32, error) {
	src, err := decode.Open(ctx, input, d)
	if err != nil {
		return nil, inputError(err)
	}
	defer src.Close()
	for range lockTries {
		f, err := nextFrame(ctx, src)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		tells, err := sr.Informative(f)
		var v []float32
		if err == nil && (tells || anyFrame) {
			v, err = e.Estimate(ctx, f)
		}
		f.Release()
		if err != nil || v != nil {
			return v, deviceError(err)
		}
	}
	return nil, nil
}

// regularFile reports whether an input can be read more than once.
func regularFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
