package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vsr/internal/av"
	"vsr/internal/testmedia"
	"vsr/verify"
)

// damage is a way to lose something, by FFmpeg's own program.
type damage struct {
	name string
	args []string // between input and output
	want string   // part of a failed check's name
}

var damages = []damage{
	{"last frames", []string{"-frames:v", "20", "-c", "copy"}, "frames"},
	{"sound", []string{"-an", "-c", "copy"}, "stream 1"},
	{"late sound", []string{"-c", "copy", "-bsf:a", "setts=ts=TS+4410"}, "times"},
	{"times", []string{"-c", "copy", "-bsf:v", "setts=ts=TS+gte(N\\,10)*256"}, "frame times"},
	{"matrix", []string{"-c:a", "copy", "-c:v", "libx264", "-crf", "5", "-colorspace", "smpte170m"}, "colour tags"},
	{"rotation", []string{"-c", "copy", "-metadata:s:v", "rotate=90"}, "rotation"},
	{"aspect", []string{"-c", "copy", "-aspect", "2:1"}, "pixel aspect"},
	{"frame", []string{"-c:a", "copy", "-vf", "vflip,negate"}, "same frame"},
}

// A good output passes; whatever is taken from it is named, with exit code 7.
func TestVerifyCatchesEveryLoss(t *testing.T) {
	same := testmedia.Options{Frames: 24, Cuts: []int{12}, Tone: 440}
	in, out := clip(t, "in.mp4", same), clip(t, "out.mp4", same)
	dir := t.TempDir()
	for _, args := range [][]string{{"verify", in, out, "--json"}, {"verify", in, out, "--json", "--quick"}, {"verify", in, out, "--json", "--ref", out}} {
		code, stdout, stderr := vsr(t, args...)
		var r verify.Report
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		if code != 0 || !r.OK || len(r.Checks) < 8 {
			t.Errorf("%v: exit code %d: %s%s", args, code, stdout, stderr)
		}
		checkVMAF(t, r, slices.Contains(args, "--ref"))
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			bad := filepath.Join(dir, strings.ReplaceAll(d.name, " ", "-")+".mp4")
			args := append(append([]string{"-v", "error", "-y", "-i", out}, d.args...), bad)
			if b, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
				t.Fatalf("ffmpeg %v: %v: %s", args, err, b)
			}
			code, stdout, _ := vsr(t, "verify", in, bad, "--json")
			var r verify.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil {
				t.Fatalf("%v: %s", err, stdout)
			}
			if code != exitCheck || !slices.ContainsFunc(r.Failures(), func(n string) bool { return strings.Contains(n, d.want) }) {
				t.Errorf("exit code %d, failures %v, want one about %s", code, r.Failures(), d.want)
			}
		})
	}
}

// checkVMAF wants a number where this FFmpeg has libvmaf, the reason where it has not, and nothing without a reference.
func checkVMAF(t *testing.T, r verify.Report, ref bool) {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c verify.Check) bool { return c.Name == "VMAF" })
	switch {
	case !ref || i < 0:
		if ref != (i >= 0) {
			t.Errorf("a word about VMAF belongs to a reference: %+v", r.Checks)
		}
	case av.HasFilter("libvmaf"):
		if c := r.Checks[i]; !c.OK || r.FrameQuality.VMAF < 90 || r.FrameQuality.WorstVMAF > r.FrameQuality.VMAF || r.FrameQuality.WorstVMAF < 90 {
			t.Errorf("a video against itself: %+v, %+v", c, r.FrameQuality)
		}
	default:
		if c := r.Checks[i]; c.OK || !strings.Contains(c.Detail, "libvmaf") || r.FrameQuality.VMAF != 0 {
			t.Errorf("%+v, %+v", c, r.FrameQuality)
		}
	}
}
