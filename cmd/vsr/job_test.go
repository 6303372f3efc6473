package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vsr/upscale/segment"
)

// A plan whose segments are done in any order, one of them twice at once, joins to the file that one run makes.
func TestPlannedSegmentsMakeTheSameFile(t *testing.T) {
	in, weights, config := longClip(t, 120), tinyWeights(t, 2), shortPieces(t)
	dir := t.TempDir()
	plan, out, whole := filepath.Join(dir, "plan.json"), filepath.Join(dir, "out.mkv"), filepath.Join(dir, "whole.mkv")
	must := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := vsr(t, args...)
		if code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
		return stdout
	}
	must("run", in, "-o", whole, "--model", weights, "-c", config)
	must("job", "plan", in, "-o", plan, "--video", out, "--model", weights, "-c", config)
	p, err := segment.ReadPlan(plan)
	if err != nil || len(p.Segments) < 3 {
		t.Fatalf("plan %+v, error %v", p, err)
	}
	last := len(p.Segments) - 1
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { must("job", "segment", "--plan", plan, "--index", fmt.Sprint(last), "--threads", "1") })
	}
	both.Wait()
	code, _, stderr := vsr(t, "job", "join", "--plan", plan)
	if code != exitRequest || !strings.Contains(stderr, "not done: 0 1") {
		t.Errorf("join before the end: exit code %d, %s", code, stderr)
	}
	for i := last - 1; i >= 0; i-- {
		must("job", "segment", "--plan", plan, "--index", fmt.Sprint(i), "--threads", "1")
	}
	if code, _, stderr := vsr(t, "job", "segment", "--plan", plan, "--index", fmt.Sprint(last+1)); code != exitRequest {
		t.Errorf("a segment that is not there: exit code %d, %s", code, stderr)
	}
	must("job", "join", "--plan", plan)
	equalFiles(t, whole, out)
	only(t, dir, "out.mkv", "plan.json", "whole.mkv")

	code, _, stderr = vsr(t, "plan", in, "-o", plan, "--model", weights, "-c", config)
	if code != 0 || !strings.Contains(stderr, "vsr plan is vsr job plan now") {
		t.Errorf("the old name: exit code %d, %s", code, stderr)
	}
	if err := os.Truncate(in, 5000); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := vsr(t, "job", "segment", "--plan", plan, "--index", "0"); code == 0 {
		t.Error("a segment of a source that has changed is made")
	}
}
