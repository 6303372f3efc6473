package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"vsr/internal/fault"
)

// DevOptions configures Dev.
type DevOptions struct {
	Temporal string // the program temporal; empty is looked for on the PATH
	Port     int    // of the server on 127.0.0.1; 0 is 7233
	Database string // SQLite file that keeps jobs over restarts; empty is in the worker's scratch folder
	Log      io.Writer
	// Begun is told the addresses of the server and of its web page.
	Begun func(server, page string)
}

// devPages is how far the port of the web page is from that of the server.
const devPages = 1000

// Dev runs Temporal's development server and one worker, on this machine alone, until ctx ends.
func Dev(ctx context.Context, d DevOptions, o WorkerOptions) error {
	program, err := exec.LookPath(orText(d.Temporal, "temporal"))
	if err != nil {
		return fault.New(fault.Request, "https://docs.temporal.io/cli has it; --temporal names it", "the program temporal is not there: %w", err)
	}
	scratch := orText(o.Scratch, filepath.Join(os.TempDir(), "vsr-fleet"))
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return &fault.Error{Kind: fault.Output, Err: err, Hint: "--scratch names another folder"}
	}
	port := d.Port
	if port == 0 {
		port = 7233
	}
	o.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server := exec.Command(program, "server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(port), "--ui-port", strconv.Itoa(port+devPages),
		"--db-filename", orText(d.Database, filepath.Join(scratch, "temporal.db")), "--log-level", "warn")
	server.Stdout, server.Stderr = d.Log, d.Log
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us: the server ends after the worker
	if err := server.Start(); err != nil {
		return fault.New(fault.Request, "--temporal names the program", "temporal: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = server.Process.Kill()
			<-ended
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := waitFor(ctx, o.Connection, ended); err != nil {
		return err
	}
	if d.Begun != nil {
		d.Begun(o.Address, fmt.Sprintf("http://127.0.0.1:%d", port+devPages))
	}
	return RunWorker(ctx, o)
}

// waitFor waits until the server answers.
func waitFor(ctx context.Context, o Connection, ended chan error) error {
	for {
		c, err := o.dial(ctx, "")
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fault.New(fault.Output, "another may be running: --port", "temporal has ended: %w", errors.Join(err))
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}
