package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/upscale"
)

// kills is how often TestKilledRunGoesOn kills the program:
// go test ./cmd/vsr -run Killed -kills 20 -killed-frames 720
var (
	kills        = flag.Int("kills", 2, "kills in TestKilledRunGoesOn")
	killedFrames = flag.Int("killed-frames", 120, "length of the clip in TestKilledRunGoesOn")
)

// keepVariable makes a child keep every frame that it has computed, as slow machines do.
const keepVariable = "VSR_TEST_KEEP"

// TestProgram is not a test: it is the program, when this test binary is started by child.
func TestProgram(t *testing.T) {
	text := os.Getenv("VSR_TEST_ARGS")
	if text == "" {
		t.Skip("only for child")
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	boundMemory()
	if os.Getenv(keepVariable) != "" {
		adjust = func(o *upscale.Options) { o.KeepAfter = 1 }
	}
	os.Exit(execute(args, os.Stdout, os.Stderr))
}

// child prepares a process that runs a command line.
func child(t *testing.T, args ...string) (c *exec.Cmd, stderr *notes) {
	t.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	c, stderr = exec.Command(os.Args[0], "-test.run=^TestProgram$"), &notes{}
	c.Env = append(os.Environ(), "VSR_TEST_ARGS="+string(text))
	c.Stderr = stderr
	return c, stderr
}

// shortPieces writes a configuration with segments of 16 to 40 frames.
func shortPieces(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte("segment_min: 16\nsegment_max: 40\nprogress: none\nthreads: 1\nrepeatable: true\nencode: {preset: veryfast}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// everything lists all that a file holds: each frame's time, duration and hash, and the packets of all other streams.
func everything(t *testing.T, path string) (frames, packets []string) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return frames, packets
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := u.Packet; p != nil {
			packets = append(packets, fmt.Sprint(p.Track, p.PTS, p.DTS, p.Duration, p.Data))
			continue
		}
		frames = append(frames, fmt.Sprintf("%d +%d %x", u.Frame.PTS, u.Frame.Duration, encode.Sum(u.Frame)))
		u.Release()
	}
}

func equalFiles(t *testing.T, whole, resumed string) {
	t.Helper()
	f1, p1 := everything(t, whole)
	f2, p2 := everything(t, resumed)
	if diff := cmp.Diff(f1, f2); diff != "" {
		t.Errorf("frames (-whole +resumed):\n%s", diff)
	}
	if diff := cmp.Diff(p1, p2); diff != "" {
		t.Errorf("packets of other streams differ: %d and %d", len(p1), len(p2))
	}
}

func longClip(t *testing.T, frames int) string {
	var cuts []int
	for n := 23; n < frames; n += 31 {
		cuts = append(cuts, n)
	}
	return clip(t, "in.mp4", testmedia.Options{Frames: frames, Cuts: cuts, Tone: 440, Drop: func(n int) bool { return n%11 == 7 }})
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Killed at random moments, the same command goes on each time, and in the end the file is that of an uninterrupted run.
func TestKilledRunGoesOn(t *testing.T) { killed(t) }

// So do several workers, and what they make is what one makes.
func TestKilledWorkersGoOn(t *testing.T) { killed(t, "--workers", "3") }

func killed(t *testing.T, more ...string) {
	in, weights, config := longClip(t, *killedFrames), tinyWeights(t, 2), shortPieces(t)
	dir := t.TempDir()
	whole, out := filepath.Join(t.TempDir(), "out.mkv"), filepath.Join(dir, "out.mkv")
	args := func(out string) []string {
		return append([]string{"run", in, "-o", out, "--model", weights, "-c", config}, more...)
	}
	c, stderr := child(t, "run", in, "-o", whole, "--model", weights, "-c", config)
	began := time.Now()
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	takes := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	resumed := 0
	for i := range *kills {
		c, stderr := child(t, args(out)...)
		if i%2 == 1 {
			c.Env = append(c.Env, keepVariable+"=1")
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Float64() * float64(takes)))
		c.Process.Kill()
		c.Wait()
		if strings.Contains(stderr.String(), "resuming") {
			resumed++
		}
		if _, err := os.Stat(out); err == nil { // it was done before the kill
			equalFiles(t, whole, out)
			os.Remove(out)
		}
	}
	c, stderr = child(t, args(out)...)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	t.Logf("%d kills, %d of the runs after them went on in the middle; the last said: %s", *kills, resumed, strings.TrimSpace(stderr.String()))
	equalFiles(t, whole, out)
	left, _ := filepath.Glob(upscale.WorkDir(out))
	if len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := exec.LookPath("ffprobe"); err == nil {
		b, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", out).Output()
		frames, _ := everything(t, in)
		if err != nil || strings.Trim(string(b), ",\n ") != fmt.Sprint(len(frames)) {
			t.Errorf("ffprobe counts %q frames, want %d (%v)", b, len(frames), err)
		}
	}
}

// waitForPiece waits until a segment is committed.
func waitForPiece(t *testing.T, out string) {
	until(t, "a segment is committed", func() bool {
		list, _ := filepath.Glob(filepath.Join(upscale.WorkDir(out), "*.done"))
		return len(list) > 0
	})
}

// The first Ctrl-C leaves a file that plays, and the same command goes on behind it and replaces it.
func TestInterruptedRunGoesOn(t *testing.T) { interruptedRun(t) }

func TestInterruptedWorkersGoOn(t *testing.T) { interruptedRun(t, "--workers", "3") }

func interruptedRun(t *testing.T, more ...string) {
	in, weights, config := longClip(t, 150), tinyWeights(t, 2), shortPieces(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.mkv")
	args := append([]string{"run", in, "-o", out, "--model", weights, "-c", config}, more...)
	c, stderr := child(t, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitForPiece(t, out)
	c.Process.Signal(syscall.SIGINT)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	part, _ := everything(t, out)
	all, _ := everything(t, in)
	if len(part) == 0 || len(part) > len(all) {
		t.Errorf("%d of %d frames", len(part), len(all))
	}
	if !strings.Contains(stderr.String(), "the same command continues") {
		t.Errorf("not said: %s", stderr)
	}
	if code, _, stderr := vsr(t, "run", in, "-o", out, "--model", weights, "-c", config, "--crf", "30"); code != exitRequest {
		t.Errorf("other settings over the same work folder: exit code %d, %s", code, stderr)
	}
	code, _, text := vsr(t, args...)
	if code != 0 || !strings.Contains(text, "resuming") {
		t.Fatalf("exit code %d: %s", code, text)
	}
	whole := filepath.Join(t.TempDir(), "out.mkv")
	if code, _, stderr := vsr(t, "run", in, "-o", whole, "--model", weights, "-c", config); code != 0 {
		t.Fatal(stderr)
	}
	equalFiles(t, whole, out)
	only(t, dir, "out.mkv")
}

// A disk that is full gives one line and exit code 6; with space again the same command continues.
func TestFullDiskGoesOn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=160k"); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	in, weights, config := longClip(t, 150), tinyWeights(t, 2), shortPieces(t)
	out := filepath.Join(disk, "out.mkv")
	args := []string{"run", in, "-o", out, "--model", weights, "-c", config}
	code, _, stderr := vsr(t, args...)
	if code != exitDestination || !strings.Contains(strings.ToLower(stderr), "no space left") || strings.Count(stderr, "vsr: ") != 1 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if !strings.Contains(stderr, "the same command continues") {
		t.Fatalf("nothing is kept: %s", stderr)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr = vsr(t, args...); code != 0 || !strings.Contains(stderr, "resuming: ") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	whole := filepath.Join(t.TempDir(), "out.mkv")
	if code, _, stderr := vsr(t, "run", in, "-o", whole, "--model", weights, "-c", config); code != 0 {
		t.Fatal(stderr)
	}
	equalFiles(t, whole, out)
	only(t, disk, "out.mkv")
}

// A work folder, or the whole folder of the output, that is taken away under a run gives one line.
func TestLostFolder(t *testing.T) {
	for name, lost := range map[string]func(out string) string{"work": upscale.WorkDir, "output": filepath.Dir} {
		for _, workers := range []string{"1", "2"} {
			in, weights, config := longClip(t, 150), tinyWeights(t, 2), shortPieces(t)
			out := filepath.Join(t.TempDir(), "to", "out.mkv")
			if err := os.Mkdir(filepath.Dir(out), 0o755); err != nil {
				t.Fatal(err)
			}
			c, stderr := child(t, "run", in, "-o", out, "--model", weights, "-c", config, "--workers", workers)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			waitForPiece(t, out)
			for range 3 { // the run may make a file at the same moment
				if os.RemoveAll(lost(out)) == nil {
					break
				}
			}
			c.Wait()
			if code := c.ProcessState.ExitCode(); code != exitDestination || strings.Count(stderr.String(), "vsr: ") != 1 {
				t.Errorf("%s folder, %s workers: exit code %d: %s", name, workers, code, stderr)
			}
		}
	}
}
