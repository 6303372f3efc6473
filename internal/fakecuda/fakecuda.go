// Package fakecuda builds the emulator of the CUDA engine for tests: a libcuda.so.1 that executes kernels on the processor, either
// from their C++ text or from the committed PTX, and a program that runs every kernel alone. The sources are in src; README.md
// beside this file says what the emulator checks and what it cannot show.
package fakecuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"vsr/internal/atomicfile"
)

// Targets of Build, relative to the directory that it returns.
const (
	Library   = "libcuda.so.1"
	Check     = "check"
	CheckTSan = "check-tsan"
	CheckASan = "check-asan"
)

// Missing returns why the emulator cannot be built here, or nothing.
func Missing() string {
	for _, tool := range []string{"g++", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed"
		}
	}
	flags, err := os.ReadFile("/proc/cpuinfo")
	if runtime.GOARCH == "amd64" && err == nil && !strings.Contains(string(flags), "f16c") {
		return "this processor has no F16C"
	}
	if runtime.GOARCH != "amd64" {
		return "the emulator's build flags are for amd64"
	}
	return ""
}

// Source is the directory of the emulator's sources.
func Source() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "src")
}

// Build makes targets, unless they are up to date, and returns the absolute path of the directory they are in:
// build/emu under the repository's root. Several processes may build at the same time.
func Build(targets ...string) (string, error) {
	src := Source()
	dir := filepath.Join(src, "../../../build/emu")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := atomicfile.LockWait(filepath.Join(dir, ".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	args := []string{"-C", src, "-j2", "BUILD=" + dir}
	for _, t := range targets {
		args = append(args, filepath.Join(dir, t))
	}
	if out, err := exec.Command("make", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("fakecuda: make: %w\n%s", err, out)
	}
	return dir, nil
}
