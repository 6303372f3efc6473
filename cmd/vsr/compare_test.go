package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
	"vsr/verify/html"
)

// compared is what the test reads of --json.
type compared struct {
	OK     bool
	Page   string
	Scenes []html.Scene
	Frames []struct {
		Frame       int
		Consistency float64 `json:"consistency_psnr"`
	}
}

func TestCompare(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 40, Cuts: []int{20}, Tone: 440})
	dir := t.TempDir()
	out, strip := filepath.Join(dir, "out.mkv"), filepath.Join(dir, "strip.png")
	if code, _, stderr := vsr(t, "run", in, "-o", out, "--model", "nano-x2", "--threads", "1", "--preset", "ultrafast", "--progress", "none",
		"--report", filepath.Join(dir, "out.json")); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := vsr(t, "compare", in, out, "--strip", strip, "--json")
	var r compared
	if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, stderr)
	}
	if !r.OK || len(r.Frames) != 40 || r.Frames[39].Frame != 39 || len(r.Scenes) != 2 || r.Scenes[0].Frames != 20 || r.Scenes[1].First != 20 || r.Scenes[1].Frames != 20 || len(r.Scenes[0].Vector) == 0 {
		t.Errorf("%+v", r)
	}
	page, err := os.ReadFile(filepath.Join(dir, "out.compare.html"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(page), "<img "); n != 2*(3+3+1) { // three moments of two scenes, and the worst frame
		t.Errorf("%d images on the page", n)
	}
	for _, want := range []string{"Scene 2", `class="vector"`, "values, length", "96x64 to 192x128", "all checks passed", "nano-x2"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	worst := r.Frames[0]
	for _, f := range r.Frames {
		if f.Consistency < worst.Consistency {
			worst = f
		}
	}
	_, last, _ := strings.Cut(string(page), "differs most")
	if want := fmt.Sprintf("frame %d, %.1f dB", worst.Frame, worst.Consistency); !strings.Contains(last, want) {
		t.Errorf("the worst frame is not shown: %s", want)
	}
	f, err := os.Open(strip)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := png.DecodeConfig(f); err != nil || m.Height != 3*270+2*4 {
		t.Errorf("strip %+v, %v", m, err)
	}
	only(t, dir, "out.compare.html", "out.json", "out.mkv", "strip.png")
}

// Without a report the scenes are found again; an output that lost something gives a page and exit code 7.
func TestCompareOfABadOutput(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 40, Cuts: []int{20}})
	bad := clip(t, "bad.mp4", testmedia.Options{Frames: 30, Cuts: []int{20}})
	page := filepath.Join(t.TempDir(), "page.html")
	code, _, stderr := vsr(t, "compare", in, bad, "-o", page)
	if code != exitCheck || !strings.Contains(stderr, "frames") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"failed: frames", "40 to 30", "Scene 2", "report was not found"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(text), `class="vector"`) {
		t.Error("a vector is shown that nobody knows")
	}
}

func TestCompareRefuses(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 2})
	dir := t.TempDir()
	page, wrong := filepath.Join(dir, "p.html"), filepath.Join(dir, "wrong.json")
	for path, text := range map[string]string{page: "mine", wrong: "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{in, in, "-o", page}, exitDestination, "-y replaces"},
		{[]string{in, in, "-o", filepath.Join(dir, "x.mp4")}, exitUsage, ".html"},
		{[]string{in, in, "--strip", filepath.Join(dir, "x.jpg")}, exitUsage, ".png"},
		{[]string{in, in, "-o", filepath.Join(dir, "none", "x.html")}, exitDestination, "no such folder"},
		{[]string{in, in, "--report", wrong, "-o", filepath.Join(dir, "x.html")}, exitUsage, "no report"},
		{[]string{in, filepath.Join(dir, "none.mp4")}, exitInput, "o such file"},
		{[]string{in}, exitUsage, "hint: vsr help compare"},
	} {
		code, _, stderr := vsr(t, append([]string{"compare"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.say) {
			t.Errorf("%v: exit code %d, want %d, and %q in: %s", c.args, code, c.code, c.say, stderr)
		}
	}
	if text, _ := os.ReadFile(page); string(text) != "mine" {
		t.Error("the file was touched")
	}
	if code, _, stderr := vsr(t, "compare", in, in, "-o", page, "-y"); code != 0 {
		t.Errorf("with -y: exit code %d, %s", code, stderr)
	}
}
