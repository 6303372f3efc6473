package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"vsr/internal/testmedia"
	"vsr/sr/kdsr"
	"vsr/train"
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

// promising changes the duration that a Matroska or FLV file states.
func promising(t *testing.T, path string, factor float64) string {
	t.Helper()
	key := []byte{0x44, 0x89, 0x88} // element Duration, a float of 8 bytes
	if filepath.Ext(path) == ".flv" {
		key = []byte("duration\x00") // of onMetaData, a number
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, key)
	if at < 0 {
		t.Fatal("no duration in the file")
	}
	field := data[at+len(key):][:8]
	binary.BigEndian.PutUint64(field, math.Float64bits(factor*math.Float64frombits(binary.BigEndian.Uint64(field))))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// flv is an FLV file, which vsr reads and does not write, that promises more frames than it holds.
func flv(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(clipFolder + "derived/lq_240p24_flv1_mp3.flv")
	if err != nil {
		t.Skip("no FLV file here: ", err)
	}
	path := filepath.Join(t.TempDir(), "in.flv")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return promising(t, path, 1.1)
}

// cut leaves away the end of a file, as a broken download does.
func cut(t *testing.T, path string, share float64) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:int(share*float64(len(data)))], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTerminalRunEndsByItself gives files that hold as many frames as they promise, fewer, and more: those that a progress bar with a total
// once waited for, for ever.
func TestTerminalRunEndsByItself(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     func(t *testing.T) string
		args   []string
		frames int // in the output; 0 is fewer than promised, but some
	}{
		{"right", func(t *testing.T) string { return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 60}), 1) }, nil, 60},
		{"288 of 290", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 288}), 290.0/288)
		}, nil, 288},
		{"96 of 97", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 96}), 97.0/96)
		}, nil, 96},
		{"72 of 73", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 72}), 73.0/72)
		}, nil, 72},
		{"far fewer", func(t *testing.T) string { return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 60}), 3) }, nil, 60},
		{"more", func(t *testing.T) string { return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 60}), 0.5) }, nil, 60},
		{"FLV", flv, []string{"--start", "2"}, 0},
		{"truncated FLV", func(t *testing.T) string { return cut(t, flv(t), 0.6) }, nil, 0},
		{"truncated MP4", func(t *testing.T) string { return cut(t, clip(t, "in.mp4", testmedia.Options{Frames: 96}), 0.6) }, nil, 0},
		{"segments", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 288}), 290.0/288)
		}, nil, 288},
		{"workers", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 288}), 290.0/288)
		}, []string{"--workers", "2"}, 288},
		{"in one go", func(t *testing.T) string {
			return promising(t, clip(t, "in.mkv", testmedia.Options{Frames: 96}), 97.0/96)
		}, []string{"--no-resume"}, 96},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.mkv")
			line := append([]string{"run", c.in(t), "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast"}, c.args...)
			term := onATerminal(t, nil, line...)
			if code := term.code(); code != exitOK {
				t.Fatalf("exit code %d", code)
			}
			switch n := len(watch(t, out, 2).PTS); {
			case c.frames > 0 && n != c.frames:
				t.Errorf("%d frames, want %d", n, c.frames)
			case c.frames == 0 && (n == 0 || n >= 96):
				t.Errorf("%d frames of a file that is cut", n)
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

// interruptAt in the environment is the step at which a training run in the test binary gets the signal of Ctrl-C.
const interruptAt = "VSR_TEST_INTERRUPT_AT"

func interruptTrainingAt(text string) {
	step, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	adjustTraining = func(o *train.Options) {
		show := o.Show
		o.Show = func(p train.Progress) {
			show(p)
			if p.File == "" && p.Done == step {
				_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
				time.Sleep(time.Second) // the next step begins after the signal has been seen
			}
		}
	}
}

// TestTerminalCtrlCStopsTraining stops a run with Ctrl-C at the first step that is seen and at step 30, and compares what the resumed run
// gives with a run in one go.
func TestTerminalCtrlCStopsTraining(t *testing.T) {
	const steps = 60
	run := func(env []string, args ...string) *terminal {
		return onATerminal(t, env, append([]string{"train", "teacher", "--config"}, args...)...)
	}
	hash := func(dir string) string {
		w, err := kdsr.Load(filepath.Join(dir, "tiny.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return w.Hash()
	}
	config, whole := tinyTraining(t, strconv.Itoa(steps))
	if code := run(nil, config).code(); code != exitOK {
		t.Fatalf("in one go: exit code %d", code)
	}
	for _, step := range []int{1, 30, 59} {
		out := filepath.Join(t.TempDir(), "out")
		term := run([]string{interruptAt + "=" + strconv.Itoa(step)}, config, "--set", "out="+out)
		if code := term.code(); code != exitInterrupted {
			t.Fatalf("step %d: exit code %d", step, code)
		}
		term.sees("--resume")
		checkpoint, err := os.ReadFile(filepath.Join(out, "checkpoint.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"step":"%d"`, step); !bytes.Contains(checkpoint, []byte(want)) {
			t.Errorf("the checkpoint has not %s", want)
		}
		if _, err := os.Stat(filepath.Join(out, "tiny.safetensors")); err == nil {
			t.Fatal("the run was not stopped")
		}
		if code := run(nil, config, "--set", "out="+out, "--resume").code(); code != exitOK {
			t.Fatalf("step %d, resumed: exit code %d", step, code)
		}
		if hash(out) != hash(whole) {
			t.Errorf("a run stopped at step %d and resumed gives other weights than one in one go", step)
		}
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
