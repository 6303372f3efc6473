package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vsr/internal/testmedia"
)

// notes is a writer that tells when a text has been written.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// until polls for a condition; a minute is for ever.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 6000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

// half runs vsr on a pipe that has given half of a clip, calls then once the output is begun, and closes the pipe.
func half(t *testing.T, ctx context.Context, then func(stderr *notes)) (code int, dir string, stderr string) {
	t.Helper()
	data, err := os.ReadFile(clip(t, "in.ts", testmedia.Options{Frames: 120}))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	pipe := filepath.Join(t.TempDir(), "pipe.ts")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var outs, errs notes
	done := make(chan int)
	args := []string{"run", pipe, "-o", filepath.Join(dir, "out.mkv"), "--model", tinyWeights(t, 2), "--threads", "1", "--preset", "ultrafast", "--progress", "json"}
	go func() { done <- executeContext(ctx, args, &outs, &errs) }()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	begun := regexp.MustCompile(`"frame":[1-9]`)
	until(t, "frames are in the output", func() bool { return begun.MatchString(outs.String()) })
	then(&errs)
	w.Close()
	return <-done, dir, errs.String()
}

func TestFirstInterruptLeavesAPlayableFile(t *testing.T) {
	code, dir, stderr := half(t, t.Context(), func(stderr *notes) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		until(t, "the signal is heard", func() bool { return strings.Contains(stderr.String(), "finishing") })
	})
	if code != exitInterrupted {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	w := watch(t, filepath.Join(dir, "out.mkv"), 2)
	if len(w.PTS) == 0 || len(w.PTS) > 60 {
		t.Errorf("%d frames are in the output", len(w.PTS))
	}
	for i, n := range w.Numbers {
		if n != i {
			t.Fatalf("frame %d shows number %d", i, n)
		}
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	code, dir, stderr := half(t, ctx, func(*notes) { cancel(errAborted) })
	if code != exitInterrupted {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}
