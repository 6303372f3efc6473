package upscale

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/upscale/segment"
)

// Outputs of the longest names, and of names that are no text, are made in segments, resumed and planned as others are.
func TestLongAndStrangeNames(t *testing.T) {
	in := longClip(t, 50)
	for what, name := range map[string]string{
		"255 bytes":               strings.Repeat("x", 251) + ".mkv",
		"255 bytes of characters": strings.Repeat("é", 125) + "x.mkv",
		"no UTF-8":                "a\xff\xfe b.mkv",
		"long and no UTF-8":       strings.Repeat("\xe9", 251) + ".mkv",
	} {
		dir := t.TempDir()
		o := tinyOptions(t, filepath.Join(dir, name))
		ctx, cancel := context.WithCancel(t.Context())
		o.Events = func(e Event) {
			if p, ok := e.(Progress); ok && p.Phase == PhaseJoin {
				cancel()
			}
		}
		j, err := Open(ctx, in, o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := j.Run(ctx); err == nil || Classify(err).Kind != Interrupted {
			t.Fatalf("%s: %v", what, err)
		}
		only(t, dir, filepath.Base(WorkDir(o.Output)))
		report, lines, err := again(t, in, o)
		if err != nil || report.Frames.Resumed == 0 || !strings.HasPrefix(lines[0], "resuming: ") {
			t.Fatalf("%s: %v, %d frames resumed, %q", what, err, report.Frames.Resumed, lines)
		}
		only(t, dir, name)
	}
	one, other := WorkDir(strings.Repeat("x", 251)+".mkv"), WorkDir(strings.Repeat("x", 251)+".mov")
	if one == other || WorkDir("a/out.mkv") != "a/.out.mkv.vsr-work" {
		t.Errorf("work folders %s, %s, %s", one, other, WorkDir("a/out.mkv"))
	}

	dir := filepath.Join(t.TempDir(), "\xff")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	strange := filepath.Join(dir, "in\xfe.mp4")
	if err := os.Rename(in, strange); err != nil {
		t.Fatal(err)
	}
	plan, err := Plan(t.Context(), strange, tinyOptions(t, filepath.Join(dir, "out.mkv")))
	if err == nil {
		err = plan.Write(filepath.Join(dir, "plan.json"))
	}
	if err == nil {
		plan, err = segment.ReadPlan(filepath.Join(dir, "plan.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MakeSegment(t.Context(), plan, 0, StepOptions{Dir: filepath.Join(dir, "work"), Device: "cpu", Threads: 1}); err != nil {
		t.Errorf("plan of a name that is no text: %v", err)
	}
}
