package view

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"vsr/internal/cli"
	"vsr/upscale"
)

// Progress as JSON is a line for each second that has passed, and one at the end with the last frame.
func TestJSONLines(t *testing.T) {
	var out, err bytes.Buffer
	d := New(&cli.Output{Stdout: &out, Stderr: &err}, JSON)
	for i := range 13 { // every 250 ms, four frames
		d.Event(upscale.Progress{Phase: upscale.PhaseUpscale, Frames: int64(4 * i), Total: 48, Elapsed: time.Duration(i) * 250 * time.Millisecond, Last: i == 12})
	}
	d.Finish()
	var got []line
	for dec := json.NewDecoder(&out); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != 4 {
		t.Fatalf("%d lines, want three seconds and the end: %+v", len(got), got)
	}
	for i, want := range []line{{Event: "progress", Frame: 16, Elapsed: 1}, {Event: "progress", Frame: 32, Elapsed: 2}, {Event: "progress", Frame: 48, Elapsed: 3}, {Event: "end", Frame: 48, Elapsed: 3}} {
		if got[i].Event != want.Event || got[i].Frame != want.Frame || got[i].Elapsed != want.Elapsed || got[i].Frames != 48 {
			t.Errorf("line %d is %+v, want %+v", i, got[i], want)
		}
	}
	if err.Len() > 0 {
		t.Errorf("on standard error: %q", err.String())
	}
}
