package upscale

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"vsr/verify"
)

// Each step can be run twice: what is finished is found and not made again.
func TestStepsAreSafeToRunTwice(t *testing.T) {
	dir := t.TempDir()
	in, out := longClip(t, 50), filepath.Join(dir, "out.mkv")
	o := tinyOptions(t, out)
	plan, err := Plan(t.Context(), in, o)
	if err != nil || len(plan.Segments) < 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	again, err := Plan(t.Context(), in, o)
	if err != nil || again.ID() != plan.ID() || len(again.Segments) != len(plan.Segments) {
		t.Errorf("another plan the second time: %v", err)
	}
	step := StepOptions{Dir: filepath.Join(dir, "work"), Device: "cpu", Threads: 1}
	if _, err := Join(t.Context(), plan, step); err == nil || Classify(err).Kind != Request {
		t.Errorf("join without segments: %v", err)
	}
	for _, s := range plan.Segments {
		first, err := MakeSegment(t.Context(), plan, s.Index, step)
		if err != nil || first.Found || first.Device == "" {
			t.Fatalf("segment %d: %+v, %v", s.Index, first, err)
		}
		second, err := MakeSegment(t.Context(), plan, s.Index, step)
		if err != nil || !second.Found || second.SHA256 != first.SHA256 || second.File != first.File {
			t.Errorf("segment %d again: %+v, %v", s.Index, second, err)
		}
	}
	report, err := Join(t.Context(), plan, step)
	if err != nil || !report.OK || report.Frames.Out != report.Frames.In || len(report.Checks) == 0 {
		t.Fatalf("%+v, %v", report.Frames, err)
	}
	before, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	report, err = Join(t.Context(), plan, step)
	if err != nil || !report.OK {
		t.Errorf("join again: %v", err)
	}
	if after, err := os.Stat(out); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the output was made again: %v", err)
	}
	checked := func() *verify.Report {
		t.Helper()
		r, err := Verify(t.Context(), in, out, VerifyOptions{Quick: true})
		if err != nil || !r.OK {
			t.Fatalf("verify: %+v, %v", r, err)
		}
		return r
	}
	if a, b := checked(), checked(); !reflect.DeepEqual(a.Checks, b.Checks) {
		t.Errorf("verify again says %+v, and said %+v", b.Checks, a.Checks)
	}
	if _, err := MakeSegment(t.Context(), plan, len(plan.Segments), step); err == nil || Classify(err).Kind != Request {
		t.Errorf("a segment that is not in the plan: %v", err)
	}
	step.Program = "another version"
	if _, err := Join(t.Context(), plan, step); err == nil || Classify(err).Kind != Request {
		t.Errorf("join by another program: %v", err)
	}
	for range 2 {
		if err := RemoveWork(step.Dir); err != nil {
			t.Error(err)
		}
	}
	only(t, dir, "out.mkv")
}
