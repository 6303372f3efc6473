package compare

import (
	"os"
	"path/filepath"
	"testing"

	"vsr/sr"
	"vsr/upscale"
)

// A report beside the output is taken if it is of that output; one that is named is taken as it is.
func TestFindReport(t *testing.T) {
	dir := t.TempDir()
	output := filepath.Join(dir, "a_x2.mkv")
	write := func(name, of string) string {
		r := upscale.Report{SchemaVersion: upscale.ReportVersion, Output: of, Scenes: []upscale.SceneReport{{SceneRecord: sr.SceneRecord{Index: 1}}}}
		path := filepath.Join(dir, name)
		if err := r.WriteFile(path, os.Stdout); err != nil {
			t.Fatal(err)
		}
		return path
	}
	find := func(o Options) string {
		r, err := o.findReport(output)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			return ""
		}
		return r.Output
	}
	if got := find(Options{}); got != "" {
		t.Errorf("without a report: that of %s", got)
	}
	other := write("a_x2.json", "elsewhere/b_x2.mkv")
	if got := find(Options{}); got != "" {
		t.Errorf("the report of another output is taken: %s", got)
	}
	if got := find(Options{Report: other}); got != "elsewhere/b_x2.mkv" {
		t.Errorf("the named report is that of %q", got)
	}
	write("a_x2.mkv.json", "before it was moved/a_x2.mkv")
	if got := find(Options{}); got != "before it was moved/a_x2.mkv" {
		t.Errorf("the report beside the output is that of %q", got)
	}
	o := Options{Report: filepath.Join(dir, "none.json")}
	if _, err := o.findReport(output); upscale.Classify(err).Kind != upscale.Usage {
		t.Errorf("a report that is not there: %v", err)
	}
}
