package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"vsr/upscale/fleet"
)

// What people see of a job says all that they may have to act on.
func TestSnapshot(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := fleet.Snapshot{Entry: fleet.Entry{ID: "video-1", Kind: fleet.KindVideo, Status: "running", Input: "s3://b/in.mkv", Output: "s3://b/out.mkv"}, Now: began.Add(time.Minute),
		Video: &fleet.State{Phase: fleet.PhaseUpscale, Frames: 1000, Done: 400, Before: 100, FPS: 20, Segments: "ddpr.x", Devices: map[string]int{"cuda:0": 2, "cpu": 1}, Paused: true, Priority: 2, Began: began,
			Returned: 3},
		Running: []fleet.Running{{Activity: "Segment", Segment: 3, Frames: 17, Worker: "host:1", Attempt: 2, Failure: "the device failed"}, {Activity: "Segment", Segment: -1, Attempt: 3}}}
	var b bytes.Buffer
	if err := printSnapshot(&b, &s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"running, upscale, paused", "400 of 1000 (40 %)", "20.0 fps, 30s left", "cpu: 1; cuda:0: 2", "ddpr.x", "3 times", "none has the version of the plan",
		"segment 3, frame 17 on host:1, attempt 2; before: the device failed", "segment on no worker yet, attempt 3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing:\n%s", want, b.String())
		}
	}
	if p := s.Progress(); p.Frames != 400 || p.Resumed != 100 || p.Total != 1000 || p.Elapsed != time.Minute {
		t.Errorf("%+v", p)
	}
	s = fleet.Snapshot{Entry: s.Entry, Fitting: -1, Result: &fleet.Result{Frames: 1000, Devices: map[string]int{"cpu": 5}, Flagged: []int{2}, Report: "s3://b/r.json"},
		Corpus: &fleet.CorpusState{Total: 20, Published: 19, Failed: 1, Failures: []fleet.Failure{{Input: "/in/7.mkv", Why: "damaged"}}}}
	b.Reset()
	if err := printSnapshot(&b, &s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"19 of 20 published, 1 failed, 0 under way", "/in/7.mkv: damaged", "1 segments, because the network's way failed: 2", "s3://b/r.json"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing:\n%s", want, b.String())
		}
	}
}
