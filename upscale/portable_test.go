package upscale

import (
	"path/filepath"
	"testing"
)

// What travels to another machine gives the same job there.
func TestPortable(t *testing.T) {
	o := tinyOptions(t, "")
	if _, err := o.Portable(); err == nil || Classify(err).Kind != Usage {
		t.Errorf("a model file travels: %v", err)
	}
	o.Model, o.Scale, o.Fast, o.Encode.CRF, o.Deblur, o.Decode.Start = "nano-x2", 2, true, 21, 0.5, 1.5
	o.Scene.Cuts = []int64{3, 30}
	b, err := o.Portable()
	if err != nil {
		t.Fatal(err)
	}
	there, err := ParsePortable(b)
	if err != nil {
		t.Fatal(err)
	}
	if there.Model != "nano-x2" || there.Scale != 2 || !there.Fast {
		t.Errorf("%+v", there)
	}
	in := longClip(t, 20)
	here, err := o.planOf(in, "m", "h", 2)
	if err != nil {
		t.Fatal(err)
	}
	other, err := there.planOf(in, "m", "h", 2)
	if err != nil || other.ID() != here.ID() {
		t.Errorf("another job: %s and %s, %v", here.Identity, other.Identity, err)
	}
	if _, err := ParsePortable([]byte(`{"no_such_option": 1}`)); err == nil || Classify(err).Kind != Usage {
		t.Errorf("an unknown option: %v", err)
	}
}

// A segment that the network cannot make is resampled under the same plan, from files under other names.
func TestPlainSegment(t *testing.T) {
	dir := t.TempDir()
	in, out := longClip(t, 50), filepath.Join(dir, "out.mkv")
	o := tinyOptions(t, out)
	o.Degradation = DegradationLock
	plan, err := Plan(t.Context(), in, o)
	if err != nil || len(plan.Segments) < 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	plan.Source.Path, plan.Weights = "/nowhere/in.mp4", "/nowhere/tiny.safetensors"
	var last Progress
	step := StepOptions{Dir: filepath.Join(dir, "work"), Input: in, Model: o.Model, Device: "cpu", Threads: 1, Events: func(e Event) {
		if p, ok := e.(Progress); ok {
			last = p
		}
	}}
	for _, s := range plan.Segments {
		step.Plain = s.Index == 1
		m, err := MakeSegment(t.Context(), plan, s.Index, step)
		if err != nil {
			t.Fatal(err)
		}
		if plain := m.Device == "cpu, resampled"; plain != step.Plain {
			t.Errorf("segment %d on %s", s.Index, m.Device)
		}
		if last.Frames != s.Frames || last.Total != s.Frames || !last.Last {
			t.Errorf("segment %d: the last progress is %+v", s.Index, last)
		}
	}
	step.Plain = false
	if report, err := Join(t.Context(), plan, step); err != nil || !report.OK || report.Frames.Out != report.Frames.In {
		t.Errorf("%+v, %v", report.Frames, err)
	}
}
