package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// minutes is the length of the clip in TestLongClip: go test ./cmd/vsr -run TestLongClip -minutes 30 -timeout 3h -v
var minutes = flag.Int("minutes", 0, "length of the clip in TestLongClip; 0 skips it")

// longSize is the size of that clip. A small one shows what grows with the number of frames in a fraction of the time.
var longSize = flag.String("long-size", "320x180", "size of the clip in TestLongClip")

// packetBytes is what a packet of a video costs in the join, at its most: FFmpeg's MP4 muxer keeps 64 bytes of each until it writes the
// index (MOVIentry), and the demuxer of the source 24 (AVIndexEntry) and 8 for the order of frames (MOVCtts).
const packetBytes = 64 + 24 + 8

// A long clip comes out whole, with sound and frame together at its end, and memory stays flat.
func TestLongClip(t *testing.T) {
	if *minutes == 0 {
		t.Skip("only with -minutes")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out.mp4")
	seconds := *minutes * 60
	if b, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%s:r=24:d=%d", *longSize, seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:beep_factor=4:sample_rate=48000:d=%d", seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", in).CombinedOutput(); err != nil {
		t.Skipf("ffmpeg: %v: %s", err, b)
	}
	c, stderr := child(t, "run", in, "-o", out, "--model", "nano-x2", "--preset", "ultrafast", "--progress", "none")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	var resident []int // kB
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			running = false
		case <-time.After(100 * time.Millisecond): // the join of a small video is short
			if n := residentOf(c.Process.Pid); n > 0 {
				resident = append(resident, n)
			}
		}
	}
	for _, stream := range []string{"v:0", "a:0"} {
		if a, b := lastTime(t, in, stream), lastTime(t, out, stream); a != b || a == "" {
			t.Errorf("stream %s ends at %s s, was %s s", stream, b, a)
		}
	}
	if code, stdout, stderr := vsr(t, "verify", in, out, "--quick"); code != 0 {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
	half, packets := len(resident)/2, packetsOf(t, in)
	first, second, index := highestOf(resident[:half]), highestOf(resident[half:]), packets*packetBytes/1024
	t.Logf("%d minutes: at most %d MiB in the first half of the run, %d MiB in the second; %d packets, whose index takes %d MiB", *minutes, first/1024, second/1024, packets, index/1024)
	if second-index > first+first/20 {
		t.Errorf("memory grows by more than 5 %% and the index: %d to %d kB", first, second)
	}
}

// packetsOf counts the packets of all streams, by ffprobe.
func packetsOf(t *testing.T, path string) (n int) {
	t.Helper()
	b, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(b)) {
		one, err := strconv.Atoi(strings.Trim(line, ","))
		if err != nil {
			t.Fatal(err)
		}
		n += one
	}
	return n
}

func highestOf(list []int) (top int) {
	for _, n := range list {
		top = max(top, n)
	}
	return top
}

// residentOf is the resident memory of a process in kB, 0 when it is gone.
func residentOf(pid int) (kB int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fmt.Sscan(rest, &kB)
	return kB
}

// lastTime is the presentation time of a stream's last packet, by ffprobe.
func lastTime(t *testing.T, path, stream string) string {
	t.Helper()
	b, err := exec.Command("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, line := range strings.Fields(string(b)) {
		if line = strings.Trim(line, ","); len(line) > len(last) || len(line) == len(last) && line > last {
			last = line
		}
	}
	return last
}
