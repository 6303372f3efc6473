package choice

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vsr/internal/conv"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

func TestFastest(t *testing.T) {
	for _, c := range []struct {
		ms   [3]float64
		want string
	}{
		{[3]float64{30, 20, 10}, "avx512bf16"},
		{[3]float64{30, 20, 25}, "avx512"}, // bfloat16 at half rate
		{[3]float64{30, 20, 20.5}, "avx512bf16"},
		{[3]float64{30, 20, 22}, "avx512"},
		{[3]float64{10, 20, 30}, "avx2"}, // wide vectors that lower the clock
		{[3]float64{10, 10.2, 30}, "avx512"},
	} {
		times := []Time{{"avx2", c.ms[0]}, {"avx512", c.ms[1]}, {"avx512bf16", c.ms[2]}}
		if got := fastest(times); got != c.want {
			t.Errorf("%v: %s, want %s", c.ms, got, c.want)
		}
	}
}

func TestRaceTakesTurnsAndTheBest(t *testing.T) {
	var order []string
	calls := map[string]int{}
	times, err := race(t.Context(), []string{"a", "b"}, func(_ context.Context, isa string) (time.Duration, error) {
		order = append(order, isa)
		calls[isa]++
		if calls[isa] == 1 {
			return time.Microsecond, nil // the first round does not count
		}
		return time.Duration(10-calls[isa]) * time.Millisecond, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Time{{"a", 10 - rounds}, {"b", 10 - rounds}}; !slices.Equal(times, want) {
		t.Errorf("times %v, want %v", times, want)
	}
	if !slices.Equal(order[:4], []string{"a", "b", "a", "b"}) {
		t.Errorf("order %v", order)
	}
}

func weights(t *testing.T, c int) *kdsr.Weights {
	t.Helper()
	cfg, err := kdsr.Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	cfg.C = c
	w, err := kdsr.RandomWeights(cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// chooser pretends that the first candidate is by far the fastest, and counts.
func chooser(t *testing.T, dir string, calls *int) Chooser {
	t.Helper()
	list := candidates(weights(t, 16), cpu.PrecisionAuto)
	if len(list) < 2 {
		t.Skip("this processor has one instruction set only")
	}
	return Chooser{Dir: dir, measure: func(_ context.Context, isa string) (time.Duration, error) {
		*calls++
		if isa == list[0] {
			return time.Millisecond, nil
		}
		return time.Second, nil
	}}
}

// A choice is made once, kept, and holds in the next process, which the cleared memo stands for. A broken file is made anew.
func TestChoiceIsKept(t *testing.T) {
	dir, calls := t.TempDir(), 0
	c, w := chooser(t, dir, &calls), weights(t, 16)
	want := candidates(w, cpu.PrecisionAuto)[0]
	forget := func() { clear(memo.of) }
	if got := c.ISA(t.Context(), w, ""); got != want || calls == 0 {
		t.Fatalf("%s after %d measurements, want %s", got, calls, want)
	}
	measured := calls
	forget()
	if got := c.ISA(t.Context(), w, cpu.PrecisionAuto); got != want || calls != measured {
		t.Errorf("the second time %s after %d more measurements", got, calls-measured)
	}
	if kept := c.Kept(w, ""); kept == nil || kept.ISA != want || kept.CPU != processor() {
		t.Fatalf("kept %+v", kept)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, text := range []string{"{", `{"cpu":"another"}`} {
		if err := os.WriteFile(files[0], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		forget()
		measured = calls
		if got := c.ISA(t.Context(), w, ""); got != want || calls == measured {
			t.Errorf("with %q kept: %s after %d measurements", text, got, calls-measured)
		}
		if c.Kept(w, "") == nil {
			t.Errorf("with %q kept, nothing is kept then", text)
		}
	}
	other := weights(t, 32)
	measured = calls
	if c.ISA(t.Context(), other, ""); calls == measured {
		t.Error("another shape was not measured")
	}
}

// Another process that was first has chosen for this one too.
func TestFirstChoiceHolds(t *testing.T) {
	dir, calls := t.TempDir(), 0
	c, w := chooser(t, dir, &calls), weights(t, 16)
	clear(memo.of)
	list := candidates(w, cpu.PrecisionAuto)
	slow := c
	slow.measure = func(ctx context.Context, isa string) (time.Duration, error) {
		if calls == 0 { // in the middle of this measurement the other process keeps its own
			want := wanted(w, cpu.PrecisionAuto)
			file, _ := c.file(want)
			c.keptOrMeasured(ctx, file, want, list, w)
		}
		if isa == list[0] {
			return time.Second, nil
		}
		return time.Millisecond, nil
	}
	if got := slow.ISA(t.Context(), w, ""); got != list[0] {
		t.Errorf("%s, want %s of the process that was first", got, list[0])
	}
}

func TestNothingToChoose(t *testing.T) {
	calls := 0
	c := chooser(t, t.TempDir(), &calls)
	clear(memo.of)
	if got := c.ISA(t.Context(), weights(t, 24), ""); got != conv.ISA() || calls != 0 {
		t.Errorf("plain path: %s after %d measurements", got, calls)
	}
	if slices.Contains(candidates(weights(t, 16), cpu.PrecisionFP32), "avx512bf16") {
		t.Error("bfloat16 in float32")
	}
	best := conv.ISA()
	if err := conv.Use("go"); err != nil {
		t.Fatal(err)
	}
	defer conv.Use(best)
	if got := c.ISA(t.Context(), weights(t, 16), ""); got != "go" || calls != 0 {
		t.Errorf("after Use(go): %s after %d measurements", got, calls)
	}
}

// A measurement that fails or is cancelled decides nothing.
func TestFailedMeasurement(t *testing.T) {
	calls := 0
	dir := t.TempDir()
	c := chooser(t, dir, &calls)
	clear(memo.of)
	c.measure = func(context.Context, string) (time.Duration, error) { return 0, errors.New("no memory") }
	if got := c.ISA(t.Context(), weights(t, 16), ""); got != conv.ISA() {
		t.Errorf("%s, want %s", got, conv.ISA())
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A choice that cannot be kept is not used: the next run could choose otherwise and give other frames.
func TestChoiceThatCannotBeKept(t *testing.T) {
	calls := 0
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := chooser(t, filepath.Join(file, "below"), &calls)
	clear(memo.of)
	if got := c.ISA(t.Context(), weights(t, 16), ""); got != conv.ISA() || calls == 0 {
		t.Errorf("%s after %d measurements, want %s", got, calls, conv.ISA())
	}
}

// The engines that are measured run, and what comes out is one of the candidates.
func TestRealMeasurement(t *testing.T) {
	clear(memo.of)
	w := weights(t, 16)
	c := Chooser{Dir: t.TempDir()}
	list := candidates(w, cpu.PrecisionAuto)
	if len(list) < 2 {
		t.Skip("this processor has one instruction set only")
	}
	isa := c.ISA(t.Context(), w, "")
	kept := c.Kept(w, "")
	if kept == nil || kept.ISA != isa || !slices.Contains(list, isa) || len(kept.Times) != len(list) {
		t.Fatalf("%s, kept %+v", isa, kept)
	}
	for _, one := range kept.Times {
		if one.MS <= 0 {
			t.Errorf("%s took %g ms", one.ISA, one.MS)
		}
	}
}

func TestProcessorOf(t *testing.T) {
	x86 := "processor\t: 0\nvendor_id\t: X\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Fast CPU\nstepping\t: 2\nflags\t\t: fpu\n\nprocessor\t: 1\nmodel\t: 3\n"
	if got := processorOf(x86); got != "6/207/Fast CPU/2" {
		t.Errorf("x86: %q", got)
	}
	arm := "processor\t: 0\nBogoMIPS\t: 50\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
	if got := processorOf(arm); got != "0x41/0xd0c" {
		t.Errorf("ARM: %q", got)
	}
}
