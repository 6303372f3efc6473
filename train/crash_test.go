package train

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vsr/internal/atomicfile"
	"vsr/sr/kdsr"
)

const victimFolder = "VSR_TEST_VICTIM_FOLDER"

// crashConfig writes a checkpoint after nearly every step.
func crashConfig(t *testing.T, out string) Config {
	c := tinyConfig(t)
	c.Out, c.Optim.Steps, c.Validate.Every, c.Checkpoint.Minutes = out, 150, 0, 1e-9
	return c
}

// TestVictim is not a test by itself: TestKill runs it in a process of its own and kills that.
func TestVictim(t *testing.T) {
	out := os.Getenv(victimFolder)
	if out == "" {
		t.Skip("only run by TestKill")
	}
	c := crashConfig(t, out)
	_, statErr := os.Stat(filepath.Join(out, "checkpoint.safetensors"))
	if _, err := Run(context.Background(), Teacher, c, Options{Sources: waves, Resume: statErr == nil}); err != nil {
		t.Fatal(err)
	}
}

// TestKill kills a run several times at whatever it is doing. Every rest must go on, and the end must be that of a run in peace.
func TestKill(t *testing.T) {
	out := t.TempDir()
	for i := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
		cmd.Env = append(os.Environ(), victimFolder+"="+out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		for { // wait for a sign of life, then a little longer each time
			if _, err := os.Stat(filepath.Join(out, "checkpoint.safetensors")); err == nil || time.Now().After(deadline) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(20+13*i) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	got, err := Run(context.Background(), Teacher, crashConfig(t, out), Options{Sources: waves, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	w, err := kdsr.Load(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := finish(t, Teacher, crashConfig(t, t.TempDir()), Options{}); w.Hash() != want.Hash() {
		t.Error("the killed run ended with other weights")
	}
}

// TestFullDisk lets a write fail half-way, as on a full disk: the old file stays and nothing is left behind.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "checkpoint.safetensors")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := atomicfile.Write(file, func(f io.Writer) error {
		io.WriteString(f, "half")
		return &os.PathError{Op: "write", Path: file, Err: syscall.ENOSPC}
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(file); !bytes.Equal(b, []byte("old")) {
		t.Errorf("old file is now %q", b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files left, want 1", len(left))
	}
}
