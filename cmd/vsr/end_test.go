package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vsr/internal/testmedia"
	"vsr/upscale"
)

// holdVariable makes a run in a process of its own wait where it begins its end: "join 2 FILE" waits at the join until two signals have
// come and FILE is there.
const holdVariable = "VSR_TEST_HOLD"

// hold obeys holdVariable.
func hold() {
	field := strings.Fields(os.Getenv(holdVariable))
	if len(field) != 3 {
		return
	}
	phase, file := upscale.Phase(field[0]), field[2]
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt)
	presses, _ := strconv.Atoi(field[1])
	adjust = func(o *upscale.Options) {
		tell := o.Events
		o.Events = func(e upscale.Event) {
			tell(e)
			if p, ok := e.(upscale.Progress); !ok || p.Phase != phase {
				return
			}
			tell(upscale.Note("holding at " + string(phase)))
			for range presses {
				<-signals
			}
			for range 6000 { // as until does
				if _, err := os.Stat(file); err == nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

// TestTerminalCtrlCWhileTheEndIsWritten presses Ctrl-C once and twice while segments are joined and while the output is checked. Once:
// nothing is left to cut, so the run comes to its end. Twice: it stops at once, and the same command does the rest without a frame to
// compute.
func TestTerminalCtrlCWhileTheEndIsWritten(t *testing.T) {
	const frames = 140 // two segments
	in, weights := clip(t, "in.mkv", testmedia.Options{Frames: frames}), tinyWeights(t, 2)
	for _, c := range []struct {
		workers, phase string
		presses        int
	}{{"1", "join", 1}, {"1", "join", 2}, {"1", "verify", 1}, {"1", "verify", 2}, {"2", "join", 2}} {
		name := fmt.Sprintf("%+v", c)
		out, file := filepath.Join(t.TempDir(), "out.mkv"), filepath.Join(t.TempDir(), "go")
		line := []string{"run", in, "-o", out, "--model", weights, "--threads", "1", "--preset", "ultrafast", "--workers", c.workers}
		term := onATerminal(t, []string{fmt.Sprintf("%s=%s %d %s", holdVariable, c.phase, c.presses, file)}, line...)
		term.sees("holding at " + c.phase)
		term.pressAtTheEnd(c.presses, file)
		if code, want := term.code(), map[int]int{1: exitOK, 2: exitInterrupted}[c.presses]; code != want {
			t.Fatalf("%s: exit code %d, want %d", name, code, want)
		}
		_, err := os.Stat(out)
		if made := err == nil; made != (c.presses == 1 || c.phase == "verify") {
			t.Errorf("%s: output is there: %v", name, made)
		}
		if c.presses == 2 {
			term.sees("the same command")
			term = onATerminal(t, nil, line...)
			if code := term.code(); code != exitOK {
				t.Fatalf("%s: the same command gives exit code %d", name, code)
			}
		}
		if w := watch(t, out, 2); len(w.PTS) != frames {
			t.Errorf("%s: %d frames in the end", name, len(w.PTS))
		}
		only(t, filepath.Dir(out), "out.mkv")
	}
}

// pressAtTheEnd presses Ctrl-C on a run that holds, and then lets it go on.
func (term *terminal) pressAtTheEnd(presses int, file string) {
	term.t.Helper()
	term.press(ctrlC)
	term.sees("Ctrl-C again")
	if presses == 2 {
		term.press(ctrlC)
		term.sees("stopping at once")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		term.t.Fatal(err)
	}
}

// TestTerminalCtrlCAtTheEndInOneGo does so for a run without segments: twice at the check, the output stays.
func TestTerminalCtrlCAtTheEndInOneGo(t *testing.T) {
	for presses := 1; presses <= 2; presses++ {
		out, line := shortRun(t, "--no-resume")
		file := filepath.Join(t.TempDir(), "go")
		term := onATerminal(t, []string{holdVariable + "=verify " + strconv.Itoa(presses) + " " + file}, line...)
		term.sees("holding at verify")
		term.pressAtTheEnd(presses, file)
		if code, want := term.code(), map[int]int{1: exitOK, 2: exitInterrupted}[presses]; code != want {
			t.Fatalf("%d presses: exit code %d, want %d", presses, code, want)
		}
		if presses == 2 && !strings.Contains(term.text(), "complete and not checked") {
			t.Errorf("what became of the output is not told: %s", term.text())
		}
		if w := watch(t, out, 2); len(w.PTS) != 30 {
			t.Errorf("%d presses: %d frames", presses, len(w.PTS))
		}
		only(t, filepath.Dir(out), "out.mkv")
	}
}

// TestTerminalEndsWithItsLastLine is the watchdog: after its last line nothing holds a command. The limit is one of hanging, generous for
// busy machines.
func TestTerminalEndsWithItsLastLine(t *testing.T) {
	dir := t.TempDir()
	plan := filepath.Join(dir, "p.json")
	out, segments := slowRun(t)
	_, workers := slowRun(t, "--workers", "2")
	_, once := shortRun(t, "--no-resume")
	in, weights := segments[1], segments[5]
	config, _ := tinyTraining(t, "40")
	page := filepath.Join(dir, "page.html")
	for _, c := range []struct {
		last string // of the line
		args []string
	}{
		{"checks passed", once}, {"checks passed", segments}, {"checks passed", workers},
		{"checks", []string{"verify", in, out, "--quick"}},
		{"scene", []string{"scenes", in}},
		{"segments in", []string{"plan", in, "-o", plan, "--video", filepath.Join(dir, "planned.mkv"), "--model", weights}},
		{"tiny.safetensors", []string{"train", "teacher", "--config", config}},
		{page, []string{"compare", in, in, "-o", page}},
		{"nano-x2", []string{"model", "list"}},
		{"", []string{"model", "export", weights, "-o", filepath.Join(dir, "copy.safetensors")}},
		{"no such file", []string{"run", filepath.Join(dir, "none.mkv")}},
		{"hint: ", []string{"run", in, "--scale", "9"}},
	} {
		term := onATerminal(t, nil, c.args...)
		seen := func() bool { return strings.Contains(strings.ToLower(term.screen.String()), strings.ToLower(c.last)) }
		for !seen() {
			select {
			case <-term.ended:
				if !seen() {
					t.Errorf("vsr %s: no line with %q", strings.Join(c.args, " "), c.last)
				}
			case <-time.After(10 * time.Millisecond):
				continue
			}
			break
		}
		select {
		case <-term.ended:
		case <-time.After(20 * time.Second):
			_ = term.cmd.Process.Signal(syscall.SIGQUIT)
			time.Sleep(time.Second)
			t.Errorf("vsr %s: still there after its last line", strings.Join(c.args, " "))
		}
	}
}
