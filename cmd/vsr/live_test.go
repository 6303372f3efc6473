package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/internal/cli/args"
	"vsr/live"
)

// configs/live.yaml is the manual: it states every key, and each value is the default of the code.
func TestLiveYAMLStatesTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../../configs/live.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var effective bytes.Buffer
	if err := args.PrintConfig(&effective, live.Defaults()); err != nil {
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
	c := live.Defaults()
	if err := args.ParseConfig("live.yaml", text, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}

func TestLiveRefusesBadConfigurations(t *testing.T) {
	for want, args := range map[string][]string{
		"token":   {"live", "--listen", "0.0.0.0:0"},
		"scale":   {"live", "--scale", "5"},
		"codec":   {"live", "--codec", "av1"},
		".mkv":    {"live", "--record", "x.avi"},
		"belong":  {"live", "--tls-cert", "x"},
		"no such": {"live", "--token-file", "/nonexistent"},
	} {
		var out, errs bytes.Buffer
		if code := execute(args, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: code %d, %q", args, code, errs.String())
		}
	}
}

// TestRecordingSurvivesAKill records in a process of its own, kills it with SIGKILL and plays what is left.
func TestRecordingSurvivesAKill(t *testing.T) {
	for _, ext := range []string{".mkv", ".mp4"} {
		path := filepath.Join(t.TempDir(), "rec"+ext)
		p := startVSR(t, "live", "--listen", freeAddress(t, "tcp"), "--source", "lavfi:testsrc2=size=160x90:rate=30", "--record", path)
		until(t, "some seconds are on disk", func() bool {
			st, err := os.Stat(path)
			return err == nil && st.Size() > 150_000
		})
		p.kill()
		src, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			t.Fatalf("%s after kill -9: %v", ext, err)
		}
		n := 0
		for {
			u, err := src.Next(context.Background())
			if err != nil {
				break
			}
			if u.Frame != nil {
				n++
			}
			u.Release()
		}
		src.Close()
		if n < 15 {
			t.Errorf("%s after kill -9: %d frames can be played", ext, n)
		}
		t.Logf("%s: %d frames", ext, n)
	}
}
