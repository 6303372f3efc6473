package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
)

// Each exit code says whose fault it is; the message is one line, with a hint where we know one.
func TestExitCodes(t *testing.T) {
	in, weights := clip(t, "in.mp4", testmedia.Options{Frames: 2}), tinyWeights(t, 2)
	dir := t.TempDir()
	text := filepath.Join(dir, "text.mp4")
	if err := os.WriteFile(text, []byte("this is no video at all\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(config, []byte("scale: 2\nscael: 3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.mp4")
	tests := []struct {
		name string
		args []string
		code int
		say  string
	}{
		{"no input", []string{"run"}, exitUsage, "which file"},
		{"unknown flag", []string{"run", in, "--frobnicate"}, exitUsage, "frobnicate"},
		{"unknown command", []string{"frobnicate"}, exitUsage, "frobnicate"},
		{"input as output", []string{"run", in, in}, exitRequest, "both input and output"},
		{"two inputs", []string{"run", in, in, in}, exitUsage, ""},
		{"scale and height", []string{"run", in, "--scale", "2", "--height", "99"}, exitUsage, "exclude"},
		{"scale 5", []string{"run", in, "--scale", "5"}, exitUsage, "2, 3 and 4 are possible"},
		{"bad time", []string{"run", in, "--start", "1:99"}, exitUsage, "1:99"},
		{"bad device", []string{"run", in, "--device", "gpu"}, exitUsage, "gpu"},
		{"bad codec", []string{"run", in, "--codec", "mpeg9"}, exitUsage, "mpeg9"},
		{"bad config", []string{"run", in, "-c", config}, exitUsage, "bad.yaml:2:"},
		{"no such config", []string{"run", in, "-c", "nowhere.yaml"}, exitUsage, "nowhere.yaml"},
		{"no such input", []string{"run", filepath.Join(dir, "nowhere.mp4")}, exitInput, "nowhere.mp4"},
		{"text as input", []string{"run", text}, exitInput, "text.mp4"},
		{"folder without a folder", []string{"run", dir}, exitUsage, "folder"},
		{"no such model", []string{"run", in, "--model", "grand-x9", "-o", out}, exitRequest, "grand-x9"},
		{"text as model", []string{"run", in, "--model", config + ".safetensors", "-o", out}, exitRequest, ""},
		{"model of another scale", []string{"run", in, "--model", weights, "--scale", "4", "-o", out}, exitRequest, "by 2"},
		{"smaller", []string{"run", in, "--model", weights, "--height", "10", "-o", out}, exitRequest, "height 10"},
		{"no such container", []string{"run", in, "--model", weights, "-o", filepath.Join(dir, "out.xyz")}, exitRequest, "out.xyz"},
		{"no such folder", []string{"run", in, "--model", weights, "-o", filepath.Join(dir, "no/such/out.mp4")}, exitDestination, "no/such"},
		{"import of text", []string{"model", "import", text, "-o", filepath.Join(dir, "w.safetensors")}, exitInput, ""},
		{"import without output", []string{"model", "import", text}, exitUsage, "output"},
		{"help", []string{"help", "run"}, exitOK, ""},
		{"version", []string{"version"}, exitOK, ""},
		{"version as JSON", []string{"version", "--json"}, exitOK, ""},
		{"doctor", []string{"doctor"}, exitOK, ""},
		{"list", []string{"model", "list"}, exitOK, ""},
		{"inspect", []string{"model", "inspect", weights}, exitOK, ""},
		{"completion", []string{"completion", "bash"}, exitOK, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := vsr(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, stderr)
			}
			if tt.code == exitOK {
				if stdout == "" {
					t.Error("nothing on standard output")
				}
				return
			}
			if n := strings.Count(stderr, "vsr: "); n < 1 || strings.Count(stderr, "\n") > 3 {
				t.Errorf("not one line and a hint: %q", stderr)
			}
			if !strings.Contains(stderr, tt.say) {
				t.Errorf("%q does not say %q", stderr, tt.say)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("files left behind: %v", left)
	}
}

// A build without CUDA says so, before anything is written.
func TestCUDAIsNotInThisBuild(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := vsr(t, "run", clip(t, "in.mp4", testmedia.Options{Frames: 2}), "--model", tinyWeights(t, 2), "--device", "cuda:0", "-o", dir+"/out.mp4")
	if code != exitDevice || !strings.Contains(stderr, "hint: ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("files left behind: %v", left)
	}
}
