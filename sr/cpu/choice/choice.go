// Package choice finds by measurement which instruction set runs a network fastest on this processor. What a processor lists says little:
// some run bfloat16 products at half the rate of float32 ones.
//
// The first engine of a network shape measures, a fraction of a second, and the choice is kept in the user's cache folder. It is never
// measured again for the same processor, shape and kernels, so that a run that goes on gives the frames that it would have given. The
// number of threads of an engine has no say, so that it does not change frames either.
package choice

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vsr/internal/atomicfile"
	"vsr/internal/conv"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

const (
	// kernels rises when kernels change so much that choices made before may be wrong.
	kernels = 1
	// A candidate must be this much faster than the ones listed after it, which are the better ones by their features: neither noise nor a
	// percent may decide.
	margin        = 0.08
	rounds        = 7
	limit         = time.Second // for all rounds of all candidates; the first two are always whole
	width, height = 128, 96
)

// A Choice is what was measured for one network shape and what follows from it.
type Choice struct {
	CPU       string    `json:"cpu"`
	Shape     string    `json:"shape"` // channels, blocks, scale and what else decides the kernels
	Precision string    `json:"precision"`
	Kernels   int       `json:"kernels"`
	Times     []Time    `json:"times"` // slowest instruction set by its features first
	ISA       string    `json:"isa"`
	At        time.Time `json:"at"`
}

// A Time is that of one frame of 128x96 pixels on one thread, the best of the rounds.
type Time struct {
	ISA string  `json:"isa"`
	MS  float64 `json:"ms"`
}

// A Chooser keeps choices in a folder. The zero value keeps them in vsr/kernels of the user's cache folder.
type Chooser struct {
	Dir    string
	Logger *slog.Logger // gets a line when something was measured; nil discards

	measure func(ctx context.Context, isa string) (time.Duration, error) // of one frame; nil is that of a real engine
}

var memo = struct {
	sync.Mutex
	of map[string]string
}{of: map[string]string{}}

// ISA returns the instruction set for cpu.Options.ISA of weights under a precision (cpu.PrecisionAuto, the default, or
// cpu.PrecisionFP32). It measures if nothing is known yet. Where nothing can be measured or kept, it returns conv.ISA(); so it does
// when there is nothing to choose from and after conv.Use.
func (c Chooser) ISA(ctx context.Context, w *kdsr.Weights, precision string) string {
	precision = cmp.Or(precision, cpu.PrecisionAuto)
	list := candidates(w, precision)
	if all := conv.ISAs(); len(list) < 2 || conv.ISA() != all[len(all)-1] {
		return conv.ISA()
	}
	want := wanted(w, precision)
	file, err := c.file(want)
	if err != nil {
		return conv.ISA()
	}
	memo.Lock() // for the measurement too: two at once would slow each other down
	defer memo.Unlock()
	if isa, ok := memo.of[file]; ok {
		return isa
	}
	isa := c.keptOrMeasured(ctx, file, want, list, w)
	if ctx.Err() == nil {
		memo.of[file] = isa
	}
	return isa
}

func (c Chooser) keptOrMeasured(ctx context.Context, file string, want *Choice, list []string, w *kdsr.Weights) string {
	if kept := load(file, want, list); kept != nil {
		return kept.ISA
	}
	measure, done := c.measure, func() {}
	if measure == nil {
		measure, done = engines(w, want.Precision)
	}
	defer done()
	times, err := race(ctx, list, measure)
	if err == nil && fastest(times) != list[len(list)-1] {
		// A surprise must be one twice: on a busy machine one candidate may have had all the interruptions.
		var again []Time
		if again, err = race(ctx, list, measure); err == nil {
			for i := range times {
				times[i].MS = min(times[i].MS, again[i].MS)
			}
		}
	}
	if err != nil {
		return conv.ISA()
	}
	want.Times, want.ISA, want.At = times, fastest(times), time.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return conv.ISA()
	}
	if err := atomicfile.Create(file, append(text, '\n')); err != nil {
		// Another process may have been first: its choice holds, for this one too. Otherwise what is there is broken.
		if kept := load(file, want, list); kept != nil {
			return kept.ISA
		}
		if atomicfile.WriteBytes(file, append(text, '\n')) != nil {
			return conv.ISA() // a choice that is not kept could be another in the next run
		}
	}
	if c.Logger != nil {
		c.Logger.Info("instruction set measured", "stage", "sr", "isa", want.ISA, "times", fmt.Sprint(times))
	}
	return want.ISA
}

// candidates are the instruction sets that can differ for these weights.
func candidates(w *kdsr.Weights, precision string) []string {
	list := slices.DeleteFunc(conv.ISAs(), func(isa string) bool { return isa == "go" || conv.FramesOf(isa) == nil })
	if precision == cpu.PrecisionFP32 || w.LastExact() > w.Config.N {
		list = slices.DeleteFunc(list, func(isa string) bool { return isa == "avx512bf16" }) // the same kernels as avx512 in float32
	}
	if w.Config.C%16 != 0 {
		return nil // the plain path
	}
	return list
}

// race times every candidate in turns, so that what else the machine does meets all of them, and returns the best of each.
func race(ctx context.Context, list []string, measure func(context.Context, string) (time.Duration, error)) ([]Time, error) {
	best := make([]time.Duration, len(list))
	began := time.Now()
	for round := range rounds {
		if round > 1 && time.Since(began) > limit {
			break
		}
		for i, isa := range list {
			d, err := measure(ctx, isa)
			if err != nil {
				return nil, err
			}
			if round > 0 && (best[i] == 0 || d < best[i]) { // the first round fills caches
				best[i] = d
			}
		}
	}
	times := make([]Time, len(list))
	for i, isa := range list {
		times[i] = Time{isa, float64(best[i].Microseconds()) / 1000}
	}
	return times, nil
}

// fastest is the last instruction set that is not beaten by more than the margin.
func fastest(times []Time) string {
	least := slices.MinFunc(times, func(a, b Time) int { return cmp.Compare(a.MS, b.MS) }).MS
	for _, t := range slices.Backward(times) {
		if t.MS*(1-margin) <= least {
			return t.ISA
		}
	}
	return times[len(times)-1].ISA
}

// engines returns what times one frame of each instruction set, on an engine that it keeps until done.
func engines(w *kdsr.Weights, precision string) (measure func(context.Context, string) (time.Duration, error), done func()) {
	type warm struct {
		e        *cpu.Engine
		dst, src *media.Frame
	}
	open := map[string]warm{}
	measure = func(ctx context.Context, isa string) (time.Duration, error) {
		one, ok := open[isa]
		if !ok {
			e, err := cpu.New(w, cpu.Options{ISA: isa, Precision: precision, NoReuse: true, Threads: 1})
			if err != nil {
				return 0, err
			}
			src := grain()
			one = warm{e, media.NewFrame(src.Format.Scaled(e.Scale())), src}
			open[isa] = one
		}
		k, err := one.e.Modulate(ctx, make([]float32, w.Config.C))
		if err != nil {
			return 0, err
		}
		began, used := time.Now(), processorTime()
		err = one.e.Upscale(ctx, one.dst, one.src, k)
		// Other programs make the first longer than the work, and what else this one does makes the second so.
		return min(time.Since(began), processorTime()-used), err
	}
	return measure, func() {
		for _, one := range open {
			one.e.Close()
		}
	}
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 1 << 62
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// grain is a frame that is not flat.
func grain() *media.Frame {
	f := media.NewFrame(media.Format{Width: width, Height: height, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}})
	state := uint32(1)
	for p := range f.Plane {
		for i := range f.Plane[p] {
			state = state*1664525 + 1013904223
			f.Plane[p][i] = byte(64 + state>>25)
		}
	}
	return f
}

func wanted(w *kdsr.Weights, precision string) *Choice {
	return &Choice{CPU: processor(), Shape: fmt.Sprintf("%+v exact %d", w.Config, w.LastExact()), Precision: precision, Kernels: kernels}
}

// file is where a choice is kept.
func (c Chooser) file(want *Choice) (string, error) {
	dir := c.Dir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "vsr", "kernels")
	}
	sum := sha256.Sum256([]byte(want.about()))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".json"), nil
}

// about is all that must be the same for a choice to hold.
func (c *Choice) about() string {
	return strings.Join([]string{c.CPU, c.Shape, c.Precision, fmt.Sprint(c.Kernels)}, "\n")
}

// load reads a choice. It returns nothing for a file that is missing, broken, about something else or names what this machine cannot run.
func load(file string, want *Choice, list []string) *Choice {
	var c Choice
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &c) != nil || c.about() != want.about() || !slices.Contains(list, c.ISA) {
		return nil
	}
	return &c
}

// Kept returns the choice that ISA keeps for weights under a precision, nil if there is none.
func (c Chooser) Kept(w *kdsr.Weights, precision string) *Choice {
	want := wanted(w, cmp.Or(precision, cpu.PrecisionAuto))
	file, err := c.file(want)
	if err != nil {
		return nil
	}
	return load(file, want, candidates(w, want.Precision))
}

var processor = sync.OnceValue(func() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it, the instruction sets alone say what the processor is
	return processorOf(string(text)) + " " + strings.Join(conv.ISAs(), ",")
})

// processorOf is the model of the first processor of /proc/cpuinfo: its name on x86, part numbers on ARM.
func processorOf(cpuinfo string) string {
	var parts []string
	first, _, _ := strings.Cut(cpuinfo, "\n\n")
	for line := range strings.Lines(first) {
		key, value, ok := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU variant", "CPU revision":
			if ok {
				parts = append(parts, strings.TrimSpace(value))
			}
		}
	}
	return strings.Join(parts, "/")
}
