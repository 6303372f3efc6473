package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"vsr/internal/testmedia"
)

// slowFrames is how many frames a run has that is stopped on its way.
const slowFrames = 400

// slowRun is a clip and the flags of a run that takes some seconds for it.
func slowRun(t *testing.T, args ...string) (out string, line []string) {
	t.Helper()
	in := promising(t, clip(t, "in.mkv", testmedia.Options{Frames: slowFrames}), 1)
	out = filepath.Join(t.TempDir(), "out.mkv")
	return out, append([]string{"run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast"}, args...)
}

func shortRun(t *testing.T, args ...string) (out string, line []string) {
	t.Helper()
	in := clip(t, "in.mkv", testmedia.Options{Frames: 30})
	out = filepath.Join(t.TempDir(), "out.mkv")
	return out, append([]string{"run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast"}, args...)
}

// TestTerminalUnknownTotal reads a pipe, which does not say how long it is.
func TestTerminalUnknownTotal(t *testing.T) {
	data, err := os.ReadFile(clip(t, "in.ts", testmedia.Options{Frames: 60}))
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe.ts")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.mkv")
	term := onATerminal(t, nil, "run", pipe, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast")
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if code := term.code(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	if got := watch(t, out, 2); len(got.PTS) != 60 {
		t.Errorf("%d frames, want 60", len(got.PTS))
	}
}

// TestTerminalSegmentsEndAfterCtrlC stops runs in segments, with one worker and with two, and lets the same command go on.
func TestTerminalSegmentsEndAfterCtrlC(t *testing.T) {
	for _, workers := range []string{"1", "2"} {
		out, line := slowRun(t, "--workers", workers)
		term := onATerminal(t, nil, line...)
		term.works()
		term.press(ctrlC)
		if code := term.code(); code != exitInterrupted {
			t.Fatalf("%s workers: exit code %d", workers, code)
		}
		term.sees("the same command")
		if w := watch(t, out, 2); len(w.PTS) == 0 || len(w.PTS) == slowFrames {
			t.Errorf("%s workers: %d frames are in the output", workers, len(w.PTS))
		}
		if code := onATerminal(t, nil, line...).code(); code != exitOK {
			t.Fatalf("%s workers: the same command gives exit code %d", workers, code)
		}
		if w := watch(t, out, 2); len(w.PTS) != slowFrames {
			t.Errorf("%s workers: %d frames in the end", workers, len(w.PTS))
		}
	}
}

// TestTerminalCtrlCAtTheStart presses Ctrl-C before any frame has come.
func TestTerminalCtrlCAtTheStart(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.ts")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(clip(t, "in.ts", testmedia.Options{Frames: 120}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	term := onATerminal(t, nil, "run", pipe, "-o", filepath.Join(dir, "out.mkv"), "--model", tinyWeights(t, 2))
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	term.sees(" -> ") // the first line: everything is open
	term.press(ctrlC)
	term.sees("Ctrl-C again")
	w.Close()
	if code := term.code(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
	left, _ := os.ReadDir(dir)
	for _, e := range left {
		if e.Name() != "out.mkv" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestTerminalSignals ends a run by kill and by a terminal that closes; both are a first Ctrl-C.
func TestTerminalSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		out, line := slowRun(t, "--no-resume")
		term := onATerminal(t, nil, line...)
		term.works()
		if err := term.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if code := term.code(); code != exitInterrupted {
			t.Fatalf("%s: exit code %d", sig, code)
		}
		if w := watch(t, out, 2); len(w.PTS) == 0 || len(w.PTS) == slowFrames {
			t.Errorf("%s: %d frames are in the output", sig, len(w.PTS))
		}
	}
}

// TestTerminalGoesAway closes the terminal itself, as a lost connection does: the kernel sends SIGHUP and every write fails.
func TestTerminalGoesAway(t *testing.T) {
	out, line := slowRun(t, "--no-resume")
	term := onATerminal(t, nil, line...)
	term.works()
	if err := term.master.Close(); err != nil {
		t.Fatal(err)
	}
	if code := term.code(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
	if w := watch(t, out, 2); len(w.PTS) == 0 {
		t.Error("the output is empty")
	}
}

// TestTerminalThatStands stops the terminal with Ctrl-S: the run must end all the same.
func TestTerminalThatStands(t *testing.T) {
	out, line := slowRun(t)
	term := onATerminal(t, nil, line...)
	term.works()
	term.press("\x13")
	until(t, "the output is whole", func() bool {
		_, err := os.Stat(out)
		return err == nil
	})
	term.press("\x11") // Ctrl-Q: the last lines need a terminal that takes them
	if code := term.code(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
}

// wide finds a line, controls taken away, of more than n characters that the status line has drawn.
func wide(screen string, n int) string {
	plain := regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]").ReplaceAllString(screen, "")
	for _, line := range strings.FieldsFunc(plain, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if strings.Contains(line, "frames") && strings.Contains(line, "fps") && !strings.Contains(line, "checks") && len([]rune(line)) > n {
			return line
		}
	}
	return ""
}

// TestTerminalWidth draws within 40 columns, and within those of a terminal that is made smaller on the way.
func TestTerminalWidth(t *testing.T) {
	_, line := shortRun(t)
	term := onATerminal(t, nil, line...)
	if err := pty.Setsize(term.master, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	if code := term.code(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	_, line = slowRun(t)
	term = onATerminal(t, nil, line...)
	term.works()
	if err := pty.Setsize(term.master, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	before := len(term.screen.String())
	time.Sleep(500 * time.Millisecond) // one line may still be on its way with the old width
	settled := len(term.screen.String())
	until(t, "the line is drawn again", func() bool { return len(term.screen.String()) > settled+200 })
	if got := wide(term.screen.String()[max(settled, before):], 39); got != "" {
		t.Errorf("%q on 40 columns", got)
	}
	term.press(ctrlC)
	if code := term.code(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
}

// TestTerminalPlain has terminals that cannot erase, and people who want no colors.
func TestTerminalPlain(t *testing.T) {
	for _, env := range [][]string{{"TERM=dumb"}, {"TERM="}, {"NO_COLOR=1"}} {
		_, line := shortRun(t)
		term := onATerminal(t, env, line...)
		if code := term.code(); code != exitOK {
			t.Fatalf("%v: exit code %d", env, code)
		}
		screen := term.screen.String()
		if env[0] != "NO_COLOR=1" && strings.Contains(screen, "\x1b") {
			t.Errorf("%v: control sequences: %q", env, screen)
		}
		if regexp.MustCompile("\x1b\\[[0-9;]*m").MatchString(screen) {
			t.Errorf("%v: colors: %q", env, screen)
		}
		if !strings.Contains(screen, "30/30 frames") || !strings.Contains(screen, "checks passed") {
			t.Errorf("%v: the end is not told: %q", env, screen)
		}
	}
}

// TestClosedOutputs gives runs whose standard output or error nobody reads.
func TestClosedOutputs(t *testing.T) {
	for _, which := range []string{"stdout", "stderr"} {
		out, line := slowRun(t, "--progress", "json")
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := command(line...)
		if which == "stdout" {
			p.Stdout = write
		} else {
			p.Stderr = write
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		read.Close() // from now on every write fails with EPIPE
		ended := make(chan error, 1)
		go func() { ended <- p.Wait() }()
		select {
		case err = <-ended:
		case <-time.After(2 * time.Minute):
			_ = p.Process.Kill()
			t.Fatalf("%s: vsr does not end", which)
		}
		if err != nil {
			t.Fatalf("%s: %v", which, err)
		}
		if w := watch(t, out, 2); len(w.PTS) != slowFrames {
			t.Errorf("%s: %d frames", which, len(w.PTS))
		}
	}
}

// TestTerminalOtherCommands runs the commands beside run and train to their end, and to a Ctrl-C.
func TestTerminalOtherCommands(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 20})
	big := filepath.Join(filepath.Dir(in), "big.mkv")
	weights := tinyWeights(t, 2)
	if code := onATerminal(t, nil, "run", in, big, "--model", weights, "--threads", "1", "--preset", "ultrafast").code(); code != exitOK {
		t.Fatalf("run: exit code %d", code)
	}
	for _, line := range [][]string{{"compare", in, big}, {"verify", in, big}, {"model", "list"}, {"model", "inspect", weights},
		{"model", "export", weights, "-o", filepath.Join(filepath.Dir(in), "copy.safetensors")}} {
		code := onATerminal(t, nil, line...).code()
		if code == exitCheck && (line[0] == "compare" || line[0] == "verify") {
			continue // random weights change the colors
		}
		if code != exitOK {
			t.Errorf("vsr %s: exit code %d", strings.Join(line, " "), code)
		}
	}
}

// TestTerminalCtrlCEndsCompare presses it in the middle of a long comparison.
func TestTerminalCtrlCEndsCompare(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 1500})
	term := onATerminal(t, nil, "compare", in, in, "-o", filepath.Join(t.TempDir(), "page.html"))
	term.works()
	term.press(ctrlC)
	if code := term.code(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

// TestTerminalCtrlCEndsLive ends a session the way that a session is ended.
func TestTerminalCtrlCEndsLive(t *testing.T) {
	term := onATerminal(t, nil, "live", "--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1")
	term.sees("open http")
	term.press(ctrlC)
	if code := term.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestTerminalCtrlCWhileCutting stops a training run before its first step.
func TestTerminalCtrlCWhileCutting(t *testing.T) {
	config, out := tinyTraining(t, "100")
	dir := t.TempDir()
	for i := range 40 {
		if err := os.Link(clip(t, "in.mkv", testmedia.Options{Frames: 2}), filepath.Join(dir, string(rune('a'+i%26))+string(rune('a'+i/26))+".mkv")); err != nil {
			t.Fatal(err)
		}
	}
	term := onATerminal(t, nil, "train", "teacher", "--config", config, "--set", "data.images=["+dir+"]")
	term.press(ctrlC)
	if code := term.code(); code != exitInterrupted && code != -1 { // -1: before the signals are watched
		t.Fatalf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(out, "tiny.safetensors")); err == nil {
		t.Error("the run went to its end")
	}
}
