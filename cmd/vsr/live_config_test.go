package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// configs/live.yaml is the manual: it states every key, and each value is the default of the code.
func TestLiveYAMLStatesTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../../configs/live.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var effective bytes.Buffer
	if err := printConfig(&effective, defaultLive()); err != nil {
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
		t.Errorf("configs/live.yaml and the code differ (-code +file):\n%s", diff)
	}
	c := defaultLive()
	if err := parseConfig("live.yaml", text, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}
