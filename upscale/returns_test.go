package upscale

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/internal/testmedia"
	"vsr/upscale/segment"
)

// A scene that returns has the degradation of the scene that it returns to, without an estimate of its own. One worker, two workers and
// the steps of a plan, of which each begins anew, make equal frames and report equal scenes, and `vsr scenes` finds the same ones.
func TestReturningScenes(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 96, Cuts: []int{24, 48, 72}, Looks: []int{1, 2, 1}, Stills: []testmedia.Span{{First: 0, End: 96}}})
	model := probedWeights(t)
	options := func(out string) Options {
		o := tinyOptions(t, out)
		o.Model = model
		return o
	}
	run := func(workers int) (Report, []segment.Fingerprint) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out.mkv")
		o := options(out)
		o.Workers = workers
		j, err := Open(context.Background(), in, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return r, fingerprints(t, out)
	}
	plain, frames := run(1)
	if len(plain.Scenes) != 4 || plain.Scenes[2].Like != 1 || plain.Scenes[2].Estimates != 0 || plain.Scenes[1].Like != 0 || plain.Scenes[3].Like != 0 {
		t.Fatalf("scenes %+v", plain.Scenes)
	}
	if v := plain.Scenes[2].Vector; !cmp.Equal(v, plain.Scenes[0].Vector) || cmp.Equal(v, plain.Scenes[1].Vector) {
		t.Errorf("scene 3 has %v, scene 1 %v, scene 2 %v", v, plain.Scenes[0].Vector, plain.Scenes[1].Vector)
	}
	two, others := run(2)
	if diff := cmp.Diff(plain.Scenes, two.Scenes); diff != "" {
		t.Errorf("two workers report other scenes: %s", diff)
	}
	if diff := cmp.Diff(frames, others); diff != "" {
		t.Errorf("two workers make other frames: %s", diff)
	}
	out := filepath.Join(t.TempDir(), "steps.mkv")
	plan, err := Plan(context.Background(), in, options(out))
	if err != nil {
		t.Fatal(err)
	}
	step := StepOptions{Dir: filepath.Join(t.TempDir(), "work"), Device: "cpu", Threads: 1, Output: out}
	for i := range plan.Segments {
		if _, err := MakeSegment(context.Background(), plan, len(plan.Segments)-1-i, step); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Join(context.Background(), plan, step); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(frames, fingerprints(t, out)); diff != "" {
		t.Errorf("steps make other frames: %s", diff)
	}
	list, err := ListScenes(context.Background(), in, SceneListOptions{Degradation: true, Model: model})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range list.Scenes {
		r := plain.Scenes[i]
		if s.Index != r.Index || s.FirstFrame != r.FirstFrame || s.Like != r.Like || !cmp.Equal(s.Degradation, r.Degradation) {
			t.Errorf("scene %+v is listed, a run has %+v", s, r)
		}
	}
}
