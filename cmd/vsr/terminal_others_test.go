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

// otherCommands are lines of the commands beside run that end by themselves, and the files that they make.
func otherCommands(t *testing.T) (lines map[string][]string, made map[string]string) {
	t.Helper()
	in, dir := clip(t, "in.mkv", testmedia.Options{Frames: 40}), t.TempDir()
	config, out := tinyTraining(t, "40")
	made = map[string]string{"train": filepath.Join(out, "tiny.safetensors"), "compare": filepath.Join(dir, "page.html"), "export": filepath.Join(dir, "copy.safetensors")}
	return map[string][]string{
		"train":   {"train", "teacher", "--config", config},
		"compare": {"compare", in, in, "-o", made["compare"]},
		"list":    {"model", "list"},
		"export":  {"model", "export", tinyWeights(t, 2), "-o", made["export"]},
	}, made
}

// TestTerminalOthersPlain runs them on terminals that cannot erase, for people who want no colors, and on 40 columns.
func TestTerminalOthersPlain(t *testing.T) {
	colors := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, env := range []string{"TERM=dumb", "TERM=", "NO_COLOR=1", "COLUMNS=40"} {
		lines, _ := otherCommands(t)
		for name, line := range lines {
			if env != "COLUMNS=40" && name == "train" && env != "TERM=dumb" {
				continue // one of the two is enough of what takes a second
			}
			term := onATerminal(t, []string{env}, line...)
			if env == "COLUMNS=40" {
				if err := pty.Setsize(term.master, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
					t.Fatal(err)
				}
			}
			if code := term.code(); code != exitOK {
				t.Fatalf("%s: vsr %s: exit code %d", env, name, code)
			}
			screen := term.screen.String()
			if env[:4] == "TERM" && strings.Contains(screen, "\x1b") {
				t.Errorf("%s: vsr %s: control sequences: %q", env, name, screen)
			}
			if colors.MatchString(screen) && env != "COLUMNS=40" {
				t.Errorf("%s: vsr %s: colors: %q", env, name, screen)
			}
		}
	}
}

// TestTerminalOthersEndBySignal ends a training run, a session and a comparison by kill and by a terminal that closes.
func TestTerminalOthersEndBySignal(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 3000})
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		for _, c := range []struct {
			sees string
			code int
			line []string
		}{
			{"open http", exitOK, []string{"live", "--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1"}},
			{"frames [", exitInterrupted, []string{"compare", in, in, "-o", filepath.Join(t.TempDir(), "page.html")}},
		} {
			term := onATerminal(t, nil, c.line...)
			term.sees(c.sees)
			if err := term.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := term.code(); code != c.code {
				t.Errorf("%s: vsr %s: exit code %d, want %d", sig, c.line[0], code, c.code)
			}
		}
	}
}

// TestTerminalTwiceStopsTraining presses Ctrl-C twice while a step is held: the run stops at once, without a checkpoint of that step.
func TestTerminalTwiceStopsTraining(t *testing.T) {
	config, out := tinyTraining(t, "100000")
	term := onATerminal(t, nil, "train", "teacher", "--config", config)
	term.sees("loss")
	term.press(ctrlC)
	term.press(ctrlC)
	if code := term.code(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(out, "tiny.safetensors")); err == nil {
		t.Error("the run went to its end")
	}
	// Whichever came first, the folder is one that a run can go on from, or begin in.
	args := []string{"train", "teacher", "--config", config, "--set", "optim.steps=3"}
	if _, err := os.Stat(filepath.Join(out, "checkpoint.safetensors")); err == nil {
		return // step 3 is behind it
	}
	if code := onATerminal(t, nil, args...).code(); code != exitOK {
		t.Errorf("again: exit code %d", code)
	}
}

// TestClosedOutputsOfOthers lets nobody read standard output or error: what is made is made all the same.
func TestClosedOutputsOfOthers(t *testing.T) {
	for _, which := range []string{"stdout", "stderr"} {
		lines, made := otherCommands(t)
		for name, line := range lines {
			if name == "list" {
				continue // it makes no file
			}
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
			case <-ended: // its code may tell of the lost reader
			case <-time.After(2 * time.Minute):
				_ = p.Process.Kill()
				t.Fatalf("vsr %s without %s does not end", name, which)
			}
			if _, err := os.Stat(made[name]); err != nil {
				t.Errorf("vsr %s without %s: %v", name, which, err)
			}
		}
	}
}
