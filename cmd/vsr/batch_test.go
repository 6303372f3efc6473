package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
)

// TestFolder upscales a folder with a file that is none: a line for each, the code of the gravest error, and nothing anew the second time.
func TestFolder(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"a.mkv", "sub/b.mkv"} {
		made := clip(t, "in.mkv", testmedia.Options{Frames: 3})
		if err := os.MkdirAll(filepath.Dir(filepath.Join(in, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(made, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"broken.mp4", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte("no video"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{in, out + "/", "--recursive", "--model", tinyWeights(t, 2), "--threads", "1", "--progress", "none"}
	code, _, stderr := vsr(t, args...)
	if code != exitInput {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for i, want := range []string{"[1/4] " + in + "/a.mkv -> " + out + "/a_x2.mkv: ", "[2/4] " + in + "/broken.mp4: failed: ", "[3/4] " + in + "/notes.txt: skipped: not a video",
		"[4/4] " + in + "/sub/b.mkv -> " + out + "/sub/b_x2.mkv: ", "4 files: 2 done, 1 skipped, 1 failed", "vsr: 1 of 4 files failed"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d is not %q:\n%s", i, want, stderr)
		}
	}

	code, stdout, _ := vsr(t, append(args, "--json")...)
	if code != exitInput {
		t.Errorf("the second time: exit code %d", code)
	}
	var events []string
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var e struct {
			Event  string         `json:"event"`
			Status string         `json:"status"`
			Kind   string         `json:"kind"`
			Counts map[string]int `json:"counts"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, strings.TrimSpace(e.Event+" "+e.Status+" "+e.Kind))
		if e.Event == "summary" && (e.Counts["present"] != 2 || e.Counts["failed"] != 1) {
			t.Errorf("summary %v", e.Counts)
		}
	}
	if got, want := strings.Join(events, ", "), "begin, end present, begin, end failed input, end skipped, begin, end present, summary"; got != want {
		t.Errorf("events %s\nwant   %s", got, want)
	}
}
