package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The version as JSON names Go's platform and FFmpeg's libraries, and the manual has a page for each command.
func TestVersionAndManual(t *testing.T) {
	_, out, _ := vsr(t, "version", "--json")
	var r versionReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != 1 || r.Arch != runtime.GOARCH || !slices.ContainsFunc(r.Libraries, func(l string) bool { return strings.HasPrefix(l, "avcodec ") }) {
		t.Errorf("version --json: %+v", r)
	}
	dir := filepath.Join(t.TempDir(), "man")
	if code, _, stderr := vsr(t, "man", dir); code != exitOK {
		t.Fatal(stderr)
	}
	page, err := os.ReadFile(filepath.Join(dir, "vsr-run.1"))
	if err != nil || !strings.Contains(string(page), "--scale") && !strings.Contains(string(page), `\-\-scale`) {
		t.Errorf("no page of vsr run that names --scale: %v", err)
	}
}
