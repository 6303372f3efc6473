package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

func TestBarFits(t *testing.T) {
	for width := range 120 {
		for _, total := range []int64{0, 7, 1000} {
			for _, done := range []int64{-1, 0, 3, 7, 2000} {
				s := Bar(width, "7/1000 frames", done, total, "12.5 fps, 1m3s left")
				if n := utf8.RuneCountInString(s); n > width {
					t.Fatalf("%d characters in %d: %q", n, width, s)
				}
			}
		}
	}
	if got := Bar(40, "1/2", 1, 2, "x"); got != "1/2 [================>---------------] x" {
		t.Errorf("half a bar: %q", got)
	}
	if got := Bar(20, "1/2", 1, 2, "x"); got != "1/2 [======>-----] x" {
		t.Errorf("half a small bar: %q", got)
	}
	if got := Bar(10, "1/2 frames", 1, 2, "x"); got != "1/2 frames" {
		t.Errorf("no place for a bar: %q", got)
	}
}

// screen opens a pseudo-terminal and collects what is written to it.
func screen(t *testing.T, cols uint16) (tty *os.File, text func() string) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { tty.Close(); master.Close() })
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 20, Cols: cols}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var b bytes.Buffer
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			mu.Lock()
			b.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return tty, func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 6000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestStatusOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, text := screen(t, 30)
	s := NewStatus(tty, func(width int) string { return strings.Repeat("x", width+50) })
	waitFor(t, "the line", func() bool { return strings.Contains(text(), "xxx") })
	io.WriteString(s, "a line above\n")
	waitFor(t, "the line above", func() bool { return strings.Contains(text(), "a line above") })
	s.Close()
	s.Close()
	waitFor(t, "the end", func() bool { return strings.HasSuffix(text(), "\n") })
	if strings.Contains(text(), strings.Repeat("x", 30)) {
		t.Errorf("the line fills the last column: %q", text())
	}
	if strings.Contains(text(), "m") {
		t.Errorf("colours: %q", text())
	}
}

func TestStatusOnADumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	tty, text := screen(t, 80)
	s := NewStatus(tty, func(int) string { return "done so far" })
	io.WriteString(s, "a line above\n")
	waitFor(t, "the line above", func() bool { return strings.Contains(text(), "a line above") })
	s.Close()
	waitFor(t, "the last line", func() bool { return strings.HasSuffix(text(), "\n") && strings.Contains(text(), "done so far") })
	if strings.ContainsAny(text(), "\x1b") {
		t.Errorf("control sequences: %q", text())
	}
}

// deaf takes no text, as a terminal that Ctrl-S has stopped.
type deaf struct{ release chan struct{} }

func (d deaf) Write(p []byte) (int, error) {
	<-d.release
	return len(p), nil
}

func TestADeafTerminalHoldsNothing(t *testing.T) {
	d := deaf{make(chan struct{})}
	s := NewStatus(d, func(int) string { return "line" })
	ended := make(chan struct{})
	go func() {
		for range 1000 {
			io.WriteString(s, "text\n")
		}
		s.Close()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the status line holds its user")
	}
	close(d.release)
	<-s.done
}

func TestWatch(t *testing.T) {
	aborted := errors.New("aborted")
	var calls []string
	ctx, s := Watch(context.Background(), aborted, func() { calls = append(calls, "first") }, func() { calls = append(calls, "second") })
	hit := func(sig syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	if s.Stopped() || ctx.Err() != nil {
		t.Fatal("stopped before any signal")
	}
	if signal.Ignored(syscall.SIGHUP) { // the choice of nohup stands
		hit(syscall.SIGINT)
	} else {
		hit(syscall.SIGHUP)
	}
	waitFor(t, "the first signal", s.Stopped)
	if ctx.Err() != nil {
		t.Fatal("the first signal ends the context")
	}
	hit(syscall.SIGTERM)
	waitFor(t, "the second signal", func() bool { return ctx.Err() != nil })
	if context.Cause(ctx) != aborted {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	s.End()
	s.End()
	if strings.Join(calls, " ") != "first second" {
		t.Errorf("calls %v", calls)
	}
}
