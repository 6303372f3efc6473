//go:build nvidia

package cuda

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

	"vsr/sr"
	"vsr/sr/cuda/emu"
)

// verdictFile is where the verdict about the machine as it is now belongs.
func verdictFile(t *testing.T, o TrustOptions) string {
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

func trust(t *testing.T, o TrustOptions) *Verdict {
	t.Helper()
	v, err := Trust(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// corrupt makes every later check fail: a graph launch that loses the card.
const corrupt = "cuGraphLaunch:1:719"

func TestVerdictIsKept(t *testing.T) {
	emulated(t, "source")
	o := TrustOptions{Dir: filepath.Join(t.TempDir(), "new"), Program: "1"}
	began := time.Now()
	first := trust(t, o)
	t.Logf("short checks on the emulator: %v", time.Since(began))
	if !first.OK || first.Why != "" || first.Process != 0 || first.UUID == "" || len(first.Kernels) != 64 {
		t.Fatalf("verdict %+v, want a green one", first)
	}
	emu.Leaks(t)
	// A card that fails now is not asked again ...
	t.Setenv("VSR_EMU_FAIL", corrupt)
	if again := trust(t, o); *again != *first {
		t.Errorf("verdict %+v, want %+v of the file", again, first)
	}
	// ... unless the driver, the card's kernels or the program have changed, or the file is not what it should be.
	changes := map[string]func(o *TrustOptions){
		"program": func(o *TrustOptions) { o.Program = "2" },
		"driver":  func(*TrustOptions) { t.Setenv("VSR_EMU_DRIVER", "12080") },
		"kernels": func(*TrustOptions) { t.Setenv("VSR_EMU_CC", "75") },
		"broken":  func(o *TrustOptions) { writeFile(t, verdictFile(t, *o), "{\"ok\": true") },
		"foreign": func(o *TrustOptions) { writeFile(t, verdictFile(t, *o), "{\"ok\": true, \"uuid\": \"x\"}") },
		"gone":    func(o *TrustOptions) { os.Remove(verdictFile(t, *o)) },
		"at work": func(o *TrustOptions) {
			v := *first
			v.OK, v.Why, v.Process = false, "unfinished", os.Getppid()
			if err := v.save(verdictFile(t, *o)); err != nil {
				t.Fatal(err)
			}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		t.Setenv("VSR_EMU_FAIL", "")
		o := TrustOptions{Dir: t.TempDir(), Program: "1"}
		if err := first.save(verdictFile(t, o)); err != nil {
			t.Fatal(err)
		}
		changes[name](&o)
		t.Setenv("VSR_EMU_FAIL", corrupt)
		if v := trust(t, o); v.OK || !strings.Contains(v.Why, "cuGraphLaunch") || strings.Contains(v.Why, "\n") {
			t.Errorf("%s: verdict %+v, want that of new checks, which fail", name, v)
		}
		// The red verdict is kept as well: a card that would pass now is not asked.
		t.Setenv("VSR_EMU_FAIL", "")
		if v := trust(t, o); v.OK {
			t.Errorf("%s: verdict %+v, want the red one of the file", name, v)
		}
		t.Setenv("VSR_EMU_DRIVER", "")
		t.Setenv("VSR_EMU_CC", "")
	}
}

// Checks that brought the program down stand as a red verdict once their process is gone.
func TestVerdictOfACrash(t *testing.T) {
	emulated(t, "source")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	o := TrustOptions{Dir: t.TempDir()}
	v, file, err := expected(o)
	if err != nil {
		t.Fatal(err)
	}
	v.Process, v.Why = gone.Process.Pid, "the checks brought the program down"
	if err := v.save(file); err != nil {
		t.Fatal(err)
	}
	if got := trust(t, o); got.OK || got.Why != v.Why {
		t.Errorf("verdict %+v, want a red one", got)
	}
	// Doctor's full checks replace it.
	r := &Report{Checks: []Check{{OK: true}}}
	if err := r.Keep(o); err != nil {
		t.Fatal(err)
	}
	if got := trust(t, o); !got.OK {
		t.Errorf("verdict %+v, want a green one", got)
	}
}

// Where nothing was found out about the card nothing is kept.
func TestNoVerdict(t *testing.T) {
	emulated(t, "source")
	for _, c := range []struct{ name, fail, memory string }{
		{"no context", "cuDevicePrimaryCtxRetain:1:2", ""},
		{"memory is taken", "", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("VSR_EMU_FAIL", c.fail)
			t.Setenv("VSR_EMU_MEMORY", c.memory)
			o := TrustOptions{Dir: t.TempDir()}
			if v, err := Trust(context.Background(), o); v != nil || err == nil || !strings.Contains(err.Error(), "out of device memory") {
				t.Errorf("verdict %+v, error %v, want no verdict for want of memory", v, err)
			}
			if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
				t.Errorf("files are left: %v", left)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Trust(ctx, TrustOptions{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after a cancel", err)
	}
	if _, err := Trust(context.Background(), TrustOptions{Device: 3}); !errors.Is(err, sr.ErrNoDevice) {
		t.Errorf("device 3: error %v, want %v", err, sr.ErrNoDevice)
	}
}

// Checks that take too long are a red verdict, and a folder that cannot be written is no obstacle.
func TestVerdictInTime(t *testing.T) {
	emulated(t, "source")
	o := TrustOptions{Dir: "/proc/nowhere", Limit: time.Microsecond}
	if v := trust(t, o); v.OK || !strings.Contains(v.Why, "not done after") {
		t.Errorf("verdict %+v, want a red one for the time", v)
	}
	o.Limit = 0
	if v := trust(t, o); !v.OK {
		t.Errorf("verdict %+v, want a green one", v)
	}
}
