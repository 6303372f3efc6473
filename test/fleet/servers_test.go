package fleet

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// bin holds vsr, temporal and versitygw, as `make test-fleet` builds them.
var bin = flag.String("bin", "../../build/test-fleet", "folder of the programs")

// program returns the path of one of them. Only `make test-fleet` runs these tests, so one that is missing is an error.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(*bin, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("make test-fleet builds it: %v", err)
	}
	return path
}

// process is a program that runs. Its log is shown when the test fails.
type process struct {
	cmd  *exec.Cmd
	name string
	log  lockedBuffer
	done chan struct{}
	err  error // once done is closed
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program(t, name), args...), name: name + " " + strings.Join(args, " "), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, tail(p.log.String(), 4000))
		}
	})
	return p
}

func tail(s string, n int) string { return s[max(len(s)-n, 0):] }

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// wait waits for the end and returns the exit code.
func (p *process) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Fatalf("%s has not ended after %s:\n%s", p.name, limit, tail(p.log.String(), 4000))
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// vsr runs the program to its end and returns what it printed.
func vsr(t *testing.T, want int, args ...string) string {
	t.Helper()
	cmd := exec.Command(program(t, "vsr"), args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != want {
		t.Fatalf("vsr %s: exit code %d, want %d, %v:\n%s\n%s", strings.Join(args, " "), code, want, err, out.String(), log.String())
	}
	return out.String() + log.String()
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(l.Addr())
	}
	return addr.Port
}

// server is a Temporal server with its jobs in a file.
type server struct {
	*process
	address string
	args    []string
}

func startServer(t *testing.T) *server {
	t.Helper()
	port := freePort(t)
	s := &server{address: fmt.Sprintf("127.0.0.1:%d", port)}
	s.args = []string{"server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(port), "--db-filename", filepath.Join(t.TempDir(), "temporal.db")}
	s.restart(t)
	return s
}

// restart starts the server on the file that it had, and waits until it answers.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.process = start(t, "temporal", s.args...)
	for range 600 {
		if c, err := s.dial(t.Context()); err == nil {
			c.Close()
			return
		}
		if !s.alive() {
			t.Fatalf("the server has ended:\n%s", s.log.String())
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("the server does not answer")
}

func (s *server) dial(ctx context.Context) (client.Client, error) {
	return client.DialContext(ctx, client.Options{HostPort: s.address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
}

// cpu is how much processor time a process has used.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // in ticks of a hundredth of a second
}
