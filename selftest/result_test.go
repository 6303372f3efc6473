//go:build nvidia

package selftest

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vsr/internal/fakecuda"
	"vsr/sr"
)

// resultFile is where the result about the machine as it is now belongs.
func resultFile(t *testing.T, o ShortOptions) string {
	t.Helper()
	_, file, err := expected(o)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func short(t *testing.T, o ShortOptions) *Result {
	t.Helper()
	v, err := Short(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// corrupt makes every later check fail: a graph launch that loses the GPU.
const corrupt = "cuGraphLaunch:1:719"

func TestResultIsKept(t *testing.T) {
	emulated(t, "source")
	o := ShortOptions{Dir: filepath.Join(t.TempDir(), "new"), Program: "1"}
	began := time.Now()
	first := short(t, o)
	t.Logf("short checks on the emulator: %v", time.Since(began))
	if !first.OK || first.Why != "" || first.Process != 0 || first.UUID == "" || len(first.Kernels) != 64 {
		t.Fatalf("result %+v, want a green one", first)
	}
	fakecuda.Leaks(t)
	// A GPU that fails now is not asked again ...
	t.Setenv("VSR_EMU_FAIL", corrupt)
	if again := short(t, o); *again != *first {
		t.Errorf("result %+v, want %+v of the file", again, first)
	}
	// ... unless the driver, the GPU's kernels or the program have changed, or the file is not what it should be.
	changes := map[string]func(o *ShortOptions){
		"program": func(o *ShortOptions) { o.Program = "2" },
		"driver":  func(*ShortOptions) { t.Setenv("VSR_EMU_DRIVER", "12080") },
		"kernels": func(*ShortOptions) { t.Setenv("VSR_EMU_CC", "75") },
		"broken":  func(o *ShortOptions) { writeFile(t, resultFile(t, *o), "{\"ok\": true") },
		"foreign": func(o *ShortOptions) { writeFile(t, resultFile(t, *o), "{\"ok\": true, \"uuid\": \"x\"}") },
		"gone":    func(o *ShortOptions) { os.Remove(resultFile(t, *o)) },
		"at work": func(o *ShortOptions) {
			v := *first
			v.OK, v.Why, v.Process = false, "unfinished", os.Getppid()
			if err := v.save(resultFile(t, *o)); err != nil {
				t.Fatal(err)
			}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		t.Setenv("VSR_EMU_FAIL", "")
		o := ShortOptions{Dir: t.TempDir(), Program: "1"}
		if err := first.save(resultFile(t, o)); err != nil {
			t.Fatal(err)
		}
		changes[name](&o)
		t.Setenv("VSR_EMU_FAIL", corrupt)
		if v := short(t, o); v.OK || !strings.Contains(v.Why, "cuGraphLaunch") || strings.Contains(v.Why, "\n") {
			t.Errorf("%s: result %+v, want that of new checks, which fail", name, v)
		}
		// The red result is kept as well: a GPU that would pass now is not asked.
		t.Setenv("VSR_EMU_FAIL", "")
		if v := short(t, o); v.OK {
			t.Errorf("%s: result %+v, want the red one of the file", name, v)
		}
		t.Setenv("VSR_EMU_DRIVER", "")
		t.Setenv("VSR_EMU_CC", "")
	}
}

// Checks that brought the program down stand as a red result once their process is gone.
func TestResultOfACrash(t *testing.T) {
	emulated(t, "source")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	o := ShortOptions{Dir: t.TempDir()}
	v, file, err := expected(o)
	if err != nil {
		t.Fatal(err)
	}
	v.Process, v.Why = gone.Process.Pid, "the checks brought the program down"
	if err := v.save(file); err != nil {
		t.Fatal(err)
	}
	if got := short(t, o); got.OK || got.Why != v.Why {
		t.Errorf("result %+v, want a red one", got)
	}
	// Doctor's full checks replace it.
	r := &Report{Checks: []Check{{OK: true}}}
	if err := r.Keep(o); err != nil {
		t.Fatal(err)
	}
	if got := short(t, o); !got.OK {
		t.Errorf("result %+v, want a green one", got)
	}
}

// Where nothing was found out about the GPU nothing is kept.
func TestNoResult(t *testing.T) {
	emulated(t, "source")
	for _, c := range []struct{ name, fail, memory string }{
		{"no context", "cuDevicePrimaryCtxRetain:1:2", ""},
		{"memory is taken", "", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("VSR_EMU_FAIL", c.fail)
			t.Setenv("VSR_EMU_MEMORY", c.memory)
			o := ShortOptions{Dir: t.TempDir()}
			if v, err := Short(context.Background(), o); v != nil || err == nil || !strings.Contains(err.Error(), "out of device memory") {
				t.Errorf("result %+v, error %v, want no result for want of memory", v, err)
			}
			if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
				t.Errorf("files are left: %v", left)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Short(ctx, ShortOptions{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after a cancel", err)
	}
	if _, err := Short(context.Background(), ShortOptions{Device: 3}); !errors.Is(err, sr.ErrNoDevice) {
		t.Errorf("device 3: error %v, want %v", err, sr.ErrNoDevice)
	}
}

// Checks that take too long are a red result, and a folder that cannot be written is no obstacle.
func TestResultInTime(t *testing.T) {
	emulated(t, "source")
	o := ShortOptions{Dir: "/proc/nowhere", Limit: time.Microsecond}
	if v := short(t, o); v.OK || !strings.Contains(v.Why, "not done after") {
		t.Errorf("result %+v, want a red one for the time", v)
	}
	o.Limit = 0
	if v := short(t, o); !v.OK {
		t.Errorf("result %+v, want a green one", v)
	}
}
