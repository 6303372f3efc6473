package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Modules and source packages become components with package URLs; sentences do not.
func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "licenses"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"GO-MODULES": "github.com/spf13/cobra v1.10.2\n",
		"SOURCES":    "The archive as a whole is under version 3.\n\nffmpeg 7:5.1.9-0+deb12u1 (configured so)\nx265 3.5-2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "licenses", name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := describe(dir, "0.2.0")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/github.com/spf13/cobra@v1.10.2", "pkg:deb/debian/ffmpeg@7:5.1.9-0%2Bdeb12u1?arch=source", "pkg:deb/debian/x265@3.5-2?arch=source"}
	if len(b.Components) != len(want) {
		t.Fatalf("%d components, want %d: %+v", len(b.Components), len(want), b.Components)
	}
	for i, c := range b.Components {
		if c.PURL != want[i] {
			t.Errorf("component %d is %s, want %s", i, c.PURL, want[i])
		}
	}
	if _, err := describe(t.TempDir(), "0.2.0"); err == nil {
		t.Error("a folder without lists gives no error")
	}
}
