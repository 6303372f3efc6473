package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every broken clip ends with its exit code, in one line, within 500 MiB. What can be read of it comes out.
func TestBrokenClips(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		say  string
	}{
		{"derived/broken_empty.mp4", nil, exitInput, "vsr: "},
		{"derived/broken_no_moov.mp4", nil, exitInput, "without its index (moov)"},
		{"derived/broken_text.mp4", nil, exitInput, "vsr: "},
		{"native/audio_only_two_aac_tracks.mp4", nil, exitInput, "no video stream"},
		// How many frames are marked depends on how the decoder's threads meet; what is in them does not.
		{"derived/broken_bitflips.ts", nil, exitOK, "the input is damaged: 0 packets or frames did not decode, "},
		{"derived/broken_bitflips.ts", []string{"--strict"}, exitInput, "vsr: "},
		{"derived/broken_bitflips.ts", []string{"--workers", "2"}, exitOK, "note: the input is damaged"},
		{"derived/broken_truncated_faststart.mp4", nil, exitOK, "it ends too early: 59 frames of its index are missing"},
		{"derived/broken_truncated_faststart.mp4", []string{"--strict"}, exitInput, "59 packets of its index are missing"},
		{"derived/broken_truncated_faststart.mp4", []string{"--strict", "--duration", "1"}, exitOK, ""},
	} {
		in := clipFolder + c.name
		if _, err := os.Stat(in); err != nil {
			t.Skip(err)
		}
		name := filepath.Base(c.name) + strings.Join(c.args, "")
		dir := t.TempDir()
		out := filepath.Join(dir, "out.mkv")
		p, stderr := child(t, append([]string{"run", in, "-o", out, "--model", "nano-x2", "--preset", "ultrafast", "--progress", "none"}, c.args...)...)
		began := time.Now()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		hang := time.AfterFunc(2*time.Minute, func() { p.Process.Kill() }) // a guard, not a measurement
		p.Wait()
		hang.Stop()
		if code := p.ProcessState.ExitCode(); code != c.code || !strings.Contains(stderr.String(), c.say) {
			t.Errorf("%s: exit code %d, want %d, and %q in: %s", name, code, c.code, c.say, stderr)
		}
		if c.code != exitOK {
			if n := strings.Count(stderr.String(), "vsr: "); n != 1 {
				t.Errorf("%s: %d messages: %s", name, n, stderr)
			}
			only(t, dir)
		}
		peak := p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss / 1024
		if peak > 500 {
			t.Errorf("%s: %d MiB", name, peak)
		}
		t.Logf("%s: exit code %d in %v with %d MiB", name, p.ProcessState.ExitCode(), time.Since(began).Round(10*time.Millisecond), peak)
	}
}
