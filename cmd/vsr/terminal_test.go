package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"vsr/internal/testmedia"
	"vsr/sr/kdsr"
)

// ctrlC is what a terminal turns into SIGINT.
const ctrlC = "\x03"

// terminal is vsr in a process of its own on a pseudo-terminal.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	screen notes // all that was written to the terminal, controls included
	ended  chan struct{}
}

// command is vsr in a process of its own.
func command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asVSR+"=1")
	return c
}

// onATerminal runs vsr on a terminal of 100 columns, with env added to the environment.
func onATerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{t: t, cmd: command(args...), ended: make(chan struct{})}
	term.cmd.Env = append(append(term.cmd.Env, "TERM=xterm"), env...)
	var err error
	if term.master, err = pty.StartWithSize(term.cmd, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := term.master.Read(buf) // fails when the other end is closed
			_, _ = term.screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = term.cmd.Wait()
		<-read
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		<-term.ended
		_ = term.master.Close()
		if t.Failed() {
			t.Logf("vsr %s:\n%s", strings.Join(args, " "), term.text())
		}
	})
	return term
}

func (term *terminal) text() string { return strings.ReplaceAll(term.screen.String(), "\r", "\n") }

// press types on the terminal's keyboard.
func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// sees waits until a text is on the terminal.
func (term *terminal) sees(text string) {
	term.t.Helper()
	until(term.t, "the terminal shows "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

// works waits until a run has frames behind it.
func (term *terminal) works() {
	term.t.Helper()
	until(term.t, "frames are done", func() bool { return someFrames.MatchString(term.screen.String()) })
}

var someFrames = regexp.MustCompile(`(^|[^0-9/])[1-9][0-9]*(/[0-9]+)? frames \[`)

// code waits for the end of the process. A minute is for ever: nothing here works longer than a second or two.
func (term *terminal) code() int {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(time.Minute):
		_ = term.cmd.Process.Signal(syscall.SIGQUIT) // Go prints where everything hangs
		time.Sleep(time.Second)
		term.t.Fatal("vsr does not end")
	}
	return term.cmd.ProcessState.ExitCode()
}

// promising changes the duration that a Matroska file states.
func promising(t *testing.T, path string, factor float64) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte{0x44, 0x89, 0x88}) // element Duration, a float of 8 bytes
	if at < 0 {
		t.Fatal("no duration in the file")
	}
	field := data[at+3 : at+11]
	binary.BigEndian.PutUint64(field, math.Float64bits(factor*math.Float64frombits(binary.BigEndian.Uint64(field))))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTerminalRunEndsByItself gives files that hold as many frames as they promise, fewer, and more.
func TestTerminalRunEndsByItself(t *testing.T) {
	for name, factor := range map[string]float64{"right": 1, "fewer": 1.02, "far fewer": 3, "more": 0.5} {
		t.Run(name, func(t *testing.T) {
			in := promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 60}), factor)
			out := filepath.Join(t.TempDir(), "out.mkv")
			term := onATerminal(t, nil, "run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast")
			if code := term.code(); code != exitOK {
				t.Fatalf("exit code %d", code)
			}
			if w := watch(t, out, 2); len(w.PTS) != 60 {
				t.Errorf("%d frames, want 60", len(w.PTS))
			}
		})
	}
}

// TestTerminalCtrlCEndsARun presses Ctrl-C while a pipe gives no more frames, then lets the pipe go on.
func TestTerminalCtrlCEndsARun(t *testing.T) {
	for _, presses := range []int{1, 2} {
		in := promising(t, clip(t, "in.mkv", testmedia.Options{Frames: slowFrames}), 1)
		dir := t.TempDir()
		out := filepath.Join(dir, "out.mkv")
		term := onATerminal(t, nil, "run", in, "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast", "--no-resume")
		term.works()
		term.press(ctrlC)
		term.sees("Ctrl-C again")
		if presses == 2 {
			term.press(ctrlC)
		}
		if code := term.code(); code != exitInterrupted {
			t.Fatalf("%d presses: exit code %d", presses, code)
		}
		left, _ := os.ReadDir(dir)
		if presses == 1 {
			if w := watch(t, out, 2); len(w.PTS) == 0 || len(w.PTS) == slowFrames {
				t.Errorf("%d frames are in the output", len(w.PTS))
			}
		} else if len(left) > 1 {
			t.Errorf("files left: %v", left)
		}
	}
}

// tinyTraining writes a config of a run on synthetic images and returns its path and its run folder.
func tinyTraining(t *testing.T, steps string) (config, out string) {
	t.Helper()
	dir := t.TempDir()
	images := filepath.Join(dir, "images")
	if err := os.Mkdir(images, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.png", "b.png", "c.png"} {
		writeWavyPNG(t, filepath.Join(images, name), len(name)+int(name[0]))
	}
	config, out = filepath.Join(dir, "tiny.yaml"), filepath.Join(dir, "out")
	text := "name: tiny\nmodel: nano\nscale: 2\nshape: {c: 4, n: 1, r: 1}\nout: " + out + "\nthreads: 1\ndata:\n  images: [" + images +
		"]\n  patch: 8\n  batch: 1\noptim: {steps: " + steps + ", schedule: constant, warmup: 3}\nvalidate: {every: 0, size: 32}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, out
}

// TestTerminalCtrlCStopsTraining stops a run with Ctrl-C and compares what a resumed run gives with a run in one segment.
func TestTerminalCtrlCStopsTraining(t *testing.T) {
	const steps = "3000"
	config, out := tinyTraining(t, steps)
	term := onATerminal(t, nil, "train", "teacher", "--config", config)
	term.sees("loss")
	term.press(ctrlC)
	if code := term.code(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
	term.sees("--resume")
	if _, err := os.Stat(filepath.Join(out, "checkpoint.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(out, "tiny.safetensors")); err == nil {
		t.Fatal("the run was not stopped")
	}
	if code := onATerminal(t, nil, "train", "teacher", "--config", config, "--resume").code(); code != exitOK {
		t.Fatalf("resumed: exit code %d", code)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if code := onATerminal(t, nil, "train", "teacher", "--config", config, "--set", "out="+whole).code(); code != exitOK {
		t.Fatalf("in one segment: exit code %d", code)
	}
	hash := func(dir string) string {
		w, err := kdsr.Load(filepath.Join(dir, "tiny.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return w.Hash()
	}
	if hash(out) != hash(whole) {
		t.Error("a stopped and resumed run gives other weights than one in one segment")
	}
}

// TestTerminalKillStopsTraining ends a run with the signals of kill and of a terminal that closes.
func TestTerminalKillStopsTraining(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		config, out := tinyTraining(t, "100000")
		term := onATerminal(t, nil, "train", "teacher", "--config", config)
		term.sees("loss")
		if err := term.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if code := term.code(); code != exitInterrupted {
			t.Fatalf("%s: exit code %d", sig, code)
		}
		if _, err := os.Stat(filepath.Join(out, "checkpoint.safetensors")); err != nil {
			t.Errorf("%s: %v", sig, err)
		}
	}
}

// writeWavyPNG writes an image of 160x160 pixels with edges; kind chooses the pattern.
func writeWavyPNG(t *testing.T, path string, kind int) {
	t.Helper()
	const side = 160
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			v := 128 + 60*math.Sin(float64(x*kind%37)/3) + 60*math.Copysign(1, math.Sin(float64(y*(kind%7+2)-x)/13))
			m.SetNRGBA(x, y, color.NRGBA{uint8(v), uint8(255 - v), uint8(v / 2), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
