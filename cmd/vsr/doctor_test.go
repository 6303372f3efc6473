package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/selftest"
	"vsr/sr"
	"vsr/sr/cuda"
)

func TestDoctorDevice(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{}, exitOK},
		{[]string{"--json", "-"}, exitOK},
		{[]string{"--quick"}, exitUsage},
		{[]string{"--device", "cpu"}, exitUsage},
		{[]string{"--device", "tpu:0"}, exitUsage},
		{[]string{"--device", "cuda:99"}, exitDevice},
	} {
		var out bytes.Buffer
		if code := execute(append([]string{"doctor"}, c.args...), &out, &out); code != c.code {
			t.Errorf("doctor %v: exit code %d, want %d", c.args, code, c.code)
		}
	}
}

func TestDeviceReport(t *testing.T) {
	var out bytes.Buffer
	a := &app{cli.Output{Stdout: &out}}
	report := &selftest.Report{Note: cuda.Untested, Checks: []selftest.Check{{Name: "one", OK: true}}}
	file := filepath.Join(t.TempDir(), "report.json")
	if err := a.printReport(report, file); err != nil {
		t.Fatal(err)
	}
	var back selftest.Report
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &back); err != nil || back.Note != cuda.Untested || !back.OK() {
		t.Errorf("file holds %s, error %v", text, err)
	}
	report.Checks = append(report.Checks, selftest.Check{Name: "two", Detail: "race", Hint: "use the CPU"})
	if err := a.printReport(report, ""); err != nil {
		t.Error(err)
	}
	if err := explain(report.Err()); err.Kind != fault.Device || errors.Is(err, sr.ErrNoDevice) {
		t.Errorf("error %v, want a device fault", err)
	}
	for _, want := range []string{cuda.Untested, "FAILED", "two: race", "hint: use the CPU"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}
