package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"vsr/internal/cli/args"
	"vsr/internal/fault"
)

// configs/run.yaml is the manual: it states every key, and each value is the default of the code.
func TestRunYAMLStatesTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../../configs/run.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var effective bytes.Buffer
	if err := args.PrintConfig(&effective, defaultRun()); err != nil {
		t.Fatal(err)
	}
	var stated, code map[string]any
	if err := yaml.Unmarshal(text, &stated); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(effective.Bytes(), &code); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(code, stated); diff != "" {
		t.Errorf("configs/run.yaml and the code differ (-code +file):\n%s", diff)
	}
	c := defaultRun()
	if err := args.ParseConfig("run.yaml", text, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}

func TestConfigErrorsNameTheLine(t *testing.T) {
	tests := []struct{ text, want string }{
		{"model: x\nscence:\n  threshold: 1\n", "f.yaml:2:"},
		{"scene:\n  treshold: 1\n", "f.yaml:2:"},
		{"scale: four\n", "f.yaml:1:"},
		{"scale: [\n", "f.yaml:"},
		{"scale: 2\nscale: 3\n", "f.yaml:2:"},
		{"scale: 2\n---\nscale: 3\n", "more than one"},
	}
	for _, tt := range tests {
		c := defaultRun()
		err := args.ParseConfig("f.yaml", []byte(tt.text), &c)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) && !strings.Contains(err.Error(), "more than one") {
			t.Errorf("%q: error %v, want one that begins with %q", tt.text, err, tt.want)
			continue
		}
		if f := explain(err); exitCodes[f.Kind] != exitUsage || strings.Contains(fault.Line(f), "\n") {
			t.Errorf("%q: exit code %d, line %q", tt.text, f.Kind, fault.Line(f))
		}
	}
	for _, fine := range []string{"", "# nothing\n", "scale: 2\n"} {
		c := defaultRun()
		if err := args.ParseConfig("f.yaml", []byte(fine), &c); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

// Defaults, then the file, then flags.
func TestLayers(t *testing.T) {
	file := t.TempDir() + "/c.yaml"
	if err := os.WriteFile(file, []byte("threads: 3\nencode: {codec: x265, crf: 30}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute([]string{"run", "--print-config", "--crf", "21", "-c", file}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	got := defaultRun()
	if err := args.ParseConfig("printed", out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := defaultRun()
	want.Threads, want.Encode.Codec, want.Encode.CRF = 3, "x265", 21
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("scale: 2\nscene: {threshold: 0.4}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<12 {
			return // more than a person writes
		}
		c := defaultRun()
		if args.ParseConfig("f.yaml", text, &c) == nil {
			_ = c.validate()
		}
	})
}
