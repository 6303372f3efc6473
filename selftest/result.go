package selftest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vsr/internal/atomicfile"
	"vsr/sr"
	"vsr/sr/cuda"
	"vsr/sr/cuda/kernels"
)

// ShortOptions of Short. The zero value asks about the first GPU and keeps results in the user's cache folder.
type ShortOptions struct {
	Device  int
	Program string        // version of the program: another one checks again
	Dir     string        // folder of the results; empty means vsr/cuda in the user's cache folder
	Limit   time.Duration // how long the checks may take; 0 means 30 s
	Logger  *slog.Logger  // nil discards
}

// Result is what the short checks found out about one GPU with one driver, one set of kernels and one program.
type Result struct {
	Device  string    `json:"device"`
	UUID    string    `json:"uuid"`
	Driver  string    `json:"driver"`
	Kernels string    `json:"kernels"` // SHA-256 of the PTX
	Program string    `json:"program"`
	OK      bool      `json:"ok"`
	Why     string    `json:"why,omitempty"` // the first failure, on one line
	At      time.Time `json:"at"`

	// Process is at work on the checks. A result that keeps it stands for checks that never came to an end.
	Process int `json:"process,omitempty"`
}

// Short returns the result about a GPU: the one that an earlier call has kept, or that of the short checks of Run, which
// take a few seconds. An error means that there is no result: no GPU, or one that has no memory left at present.
//
// A GPU that hangs is given up after Limit. Before the checks a red result is written, so that a GPU or driver that brings
// the process down does so once.
func Short(ctx context.Context, o ShortOptions) (*Result, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	v, file, err := expected(o)
	if err != nil {
		return nil, err
	}
	if old := load(file, v); old != nil {
		o.Logger.Debug("result of an earlier run", "stage", "selftest", "file", file, "ok", old.OK, "at", old.At)
		return old, nil
	}
	marker := *v
	marker.Process, marker.Why = os.Getpid(), "the checks brought the program down"
	if err := marker.save(file); err != nil {
		o.Logger.Debug("result cannot be kept", "stage", "selftest", "error", err)
	}
	r, err := runWithin(ctx, o)
	if err == nil {
		err = r.shortage
	}
	if err != nil {
		_ = os.Remove(file) // nothing was found out: the next run checks again
		return nil, err
	}
	v.OK, v.Why = r.OK(), r.failure()
	if err := v.save(file); err != nil {
		o.Logger.Debug("result cannot be kept", "stage", "selftest", "error", err)
	}
	return v, nil
}

// Keep stores the result of a report that was made for another reason, for Short to find.
func (r *Report) Keep(o ShortOptions) error {
	v, file, err := expected(o)
	if err != nil || r.shortage != nil {
		return err
	}
	v.OK, v.Why = r.OK(), r.failure()
	return v.save(file)
}

// runWithin gives up waiting when the limit is over. The goroutine and its thread stay behind with the hung GPU.
func runWithin(ctx context.Context, o ShortOptions) (*Report, error) {
	limit := o.Limit
	if limit == 0 {
		limit = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type result struct {
		report *Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		r, err := Run(ctx, Options{Device: o.Device, Short: true, Repeats: 2, Logger: o.Logger})
		done <- result{r, err}
	}()
	select {
	case got := <-done:
		if !errors.Is(got.err, context.DeadlineExceeded) {
			return got.report, got.err
		}
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
	}
	return &Report{Checks: []Check{{Name: "short checks", Detail: fmt.Sprintf("not done after %v", limit)}}}, nil
}

// expected describes a result about the device as it is now, and names its file.
func expected(o ShortOptions) (*Result, string, error) {
	all, err := cuda.Devices()
	if err != nil {
		return nil, "", err
	}
	if o.Device < 0 || o.Device >= len(all) {
		return nil, "", fmt.Errorf("cuda: %w: cuda:%d, have %d", sr.ErrNoDevice, o.Device, len(all))
	}
	d := all[o.Device]
	text, _, err := kernels.PTX(d.Major, d.Minor)
	if err != nil {
		return nil, "", fmt.Errorf("selftest: %v: the GPU is too old: %w", d, err)
	}
	sum := sha256.Sum256([]byte(text))
	v := &Result{Device: d.Name, UUID: d.UUID, Driver: d.DriverVersion() + driverBuild(), Kernels: hex.EncodeToString(sum[:]),
		Program: o.Program, At: time.Now().UTC().Truncate(time.Second)}
	dir := o.Dir
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return v, "", nil // nowhere to keep it
		}
		dir = filepath.Join(dir, "vsr", "cuda")
	}
	name := sha256.Sum256([]byte(v.about()))
	return v, filepath.Join(dir, hex.EncodeToString(name[:8])+".json"), nil
}

// about is all that has to be the same for a result to hold.
func (v *Result) about() string {
	return strings.Join([]string{v.UUID, v.Device, v.Driver, v.Kernels, v.Program}, "\n")
}

// driverBuild is the exact version of NVIDIA's kernel driver, of which one CUDA version has many; empty without one.
func driverBuild() string {
	text, err := os.ReadFile("/proc/driver/nvidia/version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return " " + strings.Join(strings.Fields(line), " ")
}

// load reads a result. It returns nothing for a file that is missing, broken, about something else, or being worked on.
func load(file string, want *Result) *Result {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var v Result
	if json.Unmarshal(text, &v) != nil || v.about() != want.about() || v.OK == (v.Why != "") {
		return nil
	}
	if v.Process != 0 && (v.Process == os.Getpid() || syscall.Kill(v.Process, 0) == nil) {
		return nil
	}
	return &v
}

// save writes the result whole or not at all.
func (v *Result) save(file string) error {
	if file == "" {
		return fs.ErrNotExist
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(file, append(text, '\n'))
}
