package cuda

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
	"vsr/sr/cuda/kernels"
)

// TrustOptions of Trust. The zero value asks about the first device and keeps verdicts in the user's cache folder.
type TrustOptions struct {
	Device  int
	Program string        // version of the program: another one checks again
	Dir     string        // folder of the verdicts; empty means vsr/cuda in the user's cache folder
	Limit   time.Duration // how long the checks may take; 0 means 30 s
	Logger  *slog.Logger  // nil discards
}

// Verdict is what the short checks found out about one card with one driver, one set of kernels and one program.
type Verdict struct {
	Device  string    `json:"device"`
	UUID    string    `json:"uuid"`
	Driver  string    `json:"driver"`
	Kernels string    `json:"kernels"` // SHA-256 of the PTX
	Program string    `json:"program"`
	OK      bool      `json:"ok"`
	Why     string    `json:"why,omitempty"` // the first failure, on one line
	At      time.Time `json:"at"`

	// Process is at work on the checks. A verdict that keeps it stands for checks that never came to an end.
	Process int `json:"process,omitempty"`
}

// Trust returns the verdict about a card: the one that an earlier call has kept, or that of the short checks of Verify, which
// take a few seconds. An error means that there is no verdict: no card, or one that has no memory left at present.
//
// A card that hangs is given up after Limit. Before the checks a red verdict is written, so that a card or driver that brings
// the process down does so once.
func Trust(ctx context.Context, o TrustOptions) (*Verdict, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	v, file, err := expected(o)
	if err != nil {
		return nil, err
	}
	if old := load(file, v); old != nil {
		o.Logger.Debug("verdict of an earlier run", "room", "cuda", "file", file, "ok", old.OK, "at", old.At)
		return old, nil
	}
	marker := *v
	marker.Process, marker.Why = os.Getpid(), "the checks brought the program down"
	if err := marker.save(file); err != nil {
		o.Logger.Debug("verdict cannot be kept", "room", "cuda", "error", err)
	}
	r, err := verifyWithin(ctx, o)
	if err == nil {
		err = r.shortage
	}
	if err != nil {
		_ = os.Remove(file) // nothing was found out: the next run checks again
		return nil, err
	}
	v.OK, v.Why = r.OK(), r.failure()
	if err := v.save(file); err != nil {
		o.Logger.Debug("verdict cannot be kept", "room", "cuda", "error", err)
	}
	return v, nil
}

// Keep stores the verdict of a report that was made for another reason, for Trust to find.
func (r *Report) Keep(o TrustOptions) error {
	v, file, err := expected(o)
	if err != nil || r.shortage != nil {
		return err
	}
	v.OK, v.Why = r.OK(), r.failure()
	return v.save(file)
}

// verifyWithin gives up waiting when the limit is over. The goroutine and its thread stay behind with the hung card.
func verifyWithin(ctx context.Context, o TrustOptions) (*Report, error) {
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
		r, err := Verify(ctx, VerifyOptions{Device: o.Device, Short: true, Repeats: 2, Logger: o.Logger})
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

// expected describes a verdict about the device as it is now, and names its file.
func expected(o TrustOptions) (*Verdict, string, error) {
	all, err := Devices()
	if err != nil {
		return nil, "", err
	}
	if o.Device < 0 || o.Device >= len(all) {
		return nil, "", fmt.Errorf("cuda: %w: cuda:%d, have %d", sr.ErrNoDevice, o.Device, len(all))
	}
	d := all[o.Device]
	text, _, err := kernels.PTX(d.Major, d.Minor)
	if err != nil {
		return nil, "", fmt.Errorf("cuda: %v: the card is too old: %w", d, err)
	}
	sum := sha256.Sum256([]byte(text))
	v := &Verdict{Device: d.Name, UUID: d.UUID, Driver: version(d.Driver) + driverBuild(), Kernels: hex.EncodeToString(sum[:]),
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

// about is all that has to be the same for a verdict to hold.
func (v *Verdict) about() string {
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

// load reads a verdict. It returns nothing for a file that is missing, broken, about something else, or being worked on.
func load(file string, want *Verdict) *Verdict {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var v Verdict
	if json.Unmarshal(text, &v) != nil || v.about() != want.about() || v.OK == (v.Why != "") {
		return nil
	}
	if v.Process != 0 && (v.Process == os.Getpid() || syscall.Kill(v.Process, 0) == nil) {
		return nil
	}
	return &v
}

// save writes the verdict whole or not at all.
func (v *Verdict) save(file string) error {
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
