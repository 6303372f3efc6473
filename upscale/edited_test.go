package upscale

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/internal/testmedia"
	"vsr/sr/kdsr"
	"vsr/upscale/segment"
)

// probedWeights are tinyWeights whose vectors can be read and moved.
func probedWeights(t *testing.T) string {
	t.Helper()
	path := tinyWeights(t)
	w, err := kdsr.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &kdsr.Probes{Mean: make([]float32, 4), Dev: []float32{1, 1, 1, 1}}
	for i := range p.Traits {
		p.Traits[i] = kdsr.Probe{Weights: make([]float32, kdsr.ProbeFeatures(4)), High: 50, Step: make([]float32, 4), Slider: make([]float32, 4)}
		p.Traits[i].Weights[0], p.Traits[i].Weights[1+i] = 5, 10
		p.Traits[i].Step[i], p.Traits[i].Slider[i] = 0.1, 0.5
	}
	if err := w.SetProbes(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Save(path, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	return path
}

// segmentHashes are those of a work folder's segments by their first frame.
func segmentHashes(t *testing.T, out string) map[int64]string {
	t.Helper()
	plan, err := segment.ReadPlan(filepath.Join(WorkDir(out), "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := segment.Open(WorkDir(out), plan)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.All()
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]string{}
	for _, r := range list {
		got[r.First] = r.File + " " + r.SHA256
	}
	return got
}

// Somebody edits one scene of a scenes file and runs again: only its segments are made anew, the others are the same files, and the output
// is that of a run with the edited file from the start. The same goes for a cut, and with nothing edited nothing is made.
func TestEditedScenes(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 100, Cuts: []int{20, 40, 60, 80}, Tone: 440})
	out, model := filepath.Join(t.TempDir(), "out.mp4"), probedWeights(t)
	blur, more := 20.0, 1.0
	entries := func(cuts ...int64) []SceneEntry {
		list := []SceneEntry{{}}
		for _, c := range cuts {
			list = append(list, SceneEntry{FirstFrame: c})
		}
		return list
	}
	run := func(out string, scenes []SceneEntry, workers int) Report {
		t.Helper()
		o := tinyOptions(t, out)
		o.Model, o.SegmentMax, o.Workers, o.Scenes = model, 15, workers, scenes
		o.Scene.Cuts = (&SceneFile{Scenes: scenes}).Cuts()
		j, err := Open(context.Background(), in, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r, err := j.Run(context.Background())
		if err != nil || !r.OK || r.Frames.Out != 100 {
			t.Fatalf("%v, %d frames", err, r.Frames.Out)
		}
		return r
	}
	anew := func(before, after map[int64]string) (list []int64) {
		for first := range int64(100) {
			if file, ok := after[first]; ok && file != before[first] {
				list = append(list, first)
			}
		}
		return list
	}
	plain := run(out, entries(20, 40, 60, 80), 1)
	first := segmentHashes(t, out)
	if len(first) != 10 || plain.Frames.Resumed != 0 || len(plain.Scenes) != 5 || plain.Scenes[2].Degradation == nil {
		t.Fatalf("%d segments, %d frames resumed, scenes %+v", len(first), plain.Frames.Resumed, plain.Scenes)
	}
	edited := entries(20, 40, 60, 80)
	edited[2].Blur.Value, edited[2].Deblur = &blur, &more
	r := run(out, edited, 1)
	second := segmentHashes(t, out)
	if diff := cmp.Diff([]int64{40, 55}, anew(first, second)); diff != "" || r.Frames.Resumed != 80 {
		t.Errorf("%d frames resumed, segments made: %s", r.Frames.Resumed, diff)
	}
	for i, s := range r.Scenes {
		if changed := !cmp.Equal(s.Vector, plain.Scenes[i].Vector); changed != (i == 2) || (s.Estimate != nil) != (i == 2) {
			t.Errorf("scene %d: the vector has changed: %v, of estimate %v", i+1, changed, s.Estimate)
		}
	}
	whole := filepath.Join(t.TempDir(), "out.mp4")
	if w := run(whole, edited, 2); cmp.Diff(w.Scenes, r.Scenes) != "" {
		t.Errorf("from the start: %s", cmp.Diff(w.Scenes, r.Scenes))
	}
	a, errA := os.ReadFile(out)
	b, errB := os.ReadFile(whole)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("the outputs differ: %d and %d bytes, %v %v", len(a), len(b), errA, errB)
	}
	// Without the second cut the first two scenes are one, and the others have other numbers.
	joined := []SceneEntry{edited[0], edited[2], edited[3], edited[4]}
	r = run(out, joined, 1)
	third := segmentHashes(t, out)
	if diff := cmp.Diff([]int64{0, 15, 30}, anew(second, third)); diff != "" || len(r.Scenes) != 4 || r.Scenes[3].FirstFrame != 80 {
		t.Errorf("a cut less: scenes %+v, segments made: %s", r.Scenes, diff)
	}
	r = run(out, joined, 1)
	if diff := cmp.Diff(third, segmentHashes(t, out)); diff != "" || r.Frames.Resumed != 100 {
		t.Errorf("nothing edited: %d frames resumed, %s", r.Frames.Resumed, diff)
	}
	// A job that finds its scenes itself is another one, and needs nothing of the folder.
	o := tinyOptions(t, out)
	o.Model, o.Replace = model, true
	j, err := Open(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Run(context.Background()); err != nil {
		t.Error(err)
	}
	only(t, filepath.Dir(out), "out.mp4")
}
