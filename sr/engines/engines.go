// Package engines chooses the network and the device that a program asked for: it is the one place where model names, weights files
// and the words "auto", "cpu" and "cuda:N" become an sr.Engine.
//
// Errors are *fault.Error: of kind Usage for a device that is none, Request for a model that cannot be had, Device for a device that
// is missing or fails.
package engines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vsr/internal/fault"
	"vsr/models"
	"vsr/selftest"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/cpu/choice"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

// Options says which network is asked for, on what. The zero value is the built-in model for Factor on the best device.
type Options struct {
	Model  string  // name of a built-in model or a .safetensors file; empty chooses the best built-in one for Factor
	Device string  // auto, cpu, cuda or cuda:N; empty is auto
	Factor float64 // how much larger the frames are to become, in each direction
	Fast   bool    // with an empty Model: a smaller network, several times faster
	// Sharpness, 0 to 1, goes from the model to the sharp variant that was trained on from it: NAME-sharp, or FILE-sharp.safetensors beside a file.
	Sharpness float64
	Threads   int    // of the CPU engine; 0 is all cores
	Precision string // of the CPU engine: auto or fp32; empty is auto
	ISA       string // instruction set of the CPU engine; empty is the one that was measured to be the fastest (package choice)
	Program   string // version of the program, to which a GPU's self-test belongs
	// CheckLimit is how long auto may check a GPU that it does not know; 0 is 30 s.
	CheckLimit time.Duration
	Logger     *slog.Logger
}

// Engine is an engine with what a report says about it.
type Engine struct {
	sr.Engine
	Name   string // of the model
	Hash   string // of its weights
	Device string // in words, with instruction set, precision and threads on a CPU
	// Probes and Bounds read the network's degradation vectors; nil where its weights do not have them.
	Probes *kdsr.Probes
	Bounds *kdsr.IDRBounds
	// Fallback is true when no weights are built in and bicubic interpolation takes their place.
	Fallback bool
	// Notice says why Device auto did not choose a GPU that is there; mostly empty.
	Notice string
}

// FallbackNotice tells a user what Engine.Fallback means.
const FallbackNotice = "no weights are built in: this run uses a bicubic stand-in, not the KDSR network"

// Saved implements sr.Saver, for engines that do.
func (e *Engine) Saved() (reused float64, exact int64) {
	if s, ok := e.Engine.(sr.Saver); ok {
		return s.Saved()
	}
	return 0, 0
}

// Open loads the model and makes an engine of it. The caller closes it. Cancelling ctx interrupts the self-test of a GPU.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if _, _, err := ParseDevice(o.Device); err != nil {
		return nil, err
	}
	name := o.Model
	if name == "" {
		name = defaultModel(o.Factor, o.Fast, o.Sharpness > 0, models.Names())
	}
	if name == "" {
		return openFallback(o)
	}
	w, err := Weights(name)
	if err == nil && o.Sharpness != 0 {
		w, err = sharpened(w, name, o.Sharpness)
	}
	if err != nil {
		return nil, err
	}
	o.Model = name
	return New(ctx, w, o)
}

// sharpened goes from a model towards its sharp variant.
func sharpened(w *kdsr.Weights, name string, sharpness float64) (*kdsr.Weights, error) {
	file, isFile := strings.CutSuffix(name, ".safetensors")
	other := file + sharpSuffix
	if isFile {
		other += ".safetensors"
	} else if !slices.Contains(models.Names(), other) {
		hint := "no built-in model has one"
		for _, n := range models.Names() {
			if base, ok := strings.CutSuffix(n, sharpSuffix); ok {
				hint = "--model " + base + " has one"
			}
		}
		return nil, fault.New(fault.Request, hint, "model %s has no sharp variant", name)
	}
	sharp, err := Weights(other)
	if err != nil {
		return nil, err
	}
	if w, err = kdsr.Blend(w, sharp, sharpness); err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	return w, nil
}

// sharpSuffix ends the name of a sharp variant.
const sharpSuffix = "-sharp"

// New makes an engine of weights. Options.Model and Factor are not used.
func New(ctx context.Context, w *kdsr.Weights, o Options) (*Engine, error) {
	kind, index, err := ParseDevice(o.Device)
	if err != nil {
		return nil, err
	}
	e := &Engine{Name: cmp.Or(w.Meta[kdsr.MetaName], o.Model), Hash: w.Hash()}
	if e.Probes, err = w.Probes(); err == nil {
		e.Bounds, err = w.IDRBounds()
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	switch kind {
	case "cuda":
		err = e.startGPU(w, o, index)
	case "cpu":
		err = e.startCPU(ctx, w, o)
	default:
		err = e.startAuto(ctx, w, o)
	}
	if err != nil {
		return nil, err
	}
	e.log(o.Logger)
	return e, nil
}

// PrintModels lists the built-in models for people.
func PrintModels(out io.Writer) error {
	names := models.Names()
	if len(names) == 0 {
		_, err := fmt.Fprintln(out, "no model is built in; vsr run falls back on a bicubic stand-in, or takes a file with --model")
		return err
	}
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSCALE\tSHAPE\tTRAINED FOR")
	for _, name := range names {
		m, err := Weights(name)
		if err != nil {
			return fmt.Errorf("built-in model %s: %w", name, err)
		}
		fmt.Fprintf(w, "%s\tx%d\tC%d N%d R%d\t%s\n", name, m.Config.Scale, m.Config.C, m.Config.N, m.Config.R, m.Meta[kdsr.MetaDegradation])
	}
	return w.Flush()
}

// BuiltIn is the name of the first built-in model of a size (nano, fast, base) and scale that is trained for real material, empty if
// there is none.
func BuiltIn(size string, scale int) (string, error) {
	shape, err := kdsr.Preset(size, scale)
	if err != nil {
		return "", &fault.Error{Kind: fault.Usage, Err: err, Hint: "--model nano, fast or base; --scale 2, 3 or 4"}
	}
	for _, name := range models.Names() {
		if w, err := Weights(name); err == nil && w.Config == shape {
			return name, nil
		}
	}
	return "", nil
}

// Weights reads a model by name or file: a file if it ends in .safetensors or holds a path separator, else a built-in model.
func Weights(name string) (*kdsr.Weights, error) {
	if strings.HasSuffix(name, ".safetensors") || strings.ContainsRune(name, filepath.Separator) {
		w, err := kdsr.Load(name)
		if err != nil {
			hint := ""
			if errors.Is(err, fs.ErrNotExist) {
				hint = "vsr model list shows the built-in models"
			}
			return nil, &fault.Error{Kind: fault.Request, Err: err, Hint: hint}
		}
		return w, nil
	}
	f, err := models.Open(name)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err, Hint: fault.DidYouMean(name, models.Names(), "vsr model list; a file's name ends in .safetensors")}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("model %s cannot be read at an offset", name)
	}
	return kdsr.Read(at, info.Size())
}

func (e *Engine) log(log *slog.Logger) {
	if log != nil {
		log.Info("engine", "stage", "sr", "model", e.Name, "device", e.Device, "note", cuda.Untested)
	}
}

func (e *Engine) startGPU(w *kdsr.Weights, o Options, index int) (err error) {
	if e.Engine, err = cuda.New(w, cuda.Options{Device: index, Logger: o.Logger}); err != nil {
		return DeviceError(err)
	}
	e.Device = fmt.Sprintf("cuda:%d", index)
	return nil
}

// DeviceError returns err as an error of kind fault.Device with what may help when a GPU is missing or fails.
func DeviceError(err error) error {
	hint := cuda.Hint(err)
	switch {
	case errors.Is(err, sr.ErrNotBuilt):
		hint = "build with `make build`, or use --device cpu"
	case errors.Is(err, sr.ErrNoDevice) && hint == "":
		hint = "vsr doctor lists the devices; --device cpu runs everywhere"
	}
	return &fault.Error{Kind: fault.Device, Err: err, Hint: hint}
}

func (e *Engine) startCPU(ctx context.Context, w *kdsr.Weights, o Options) error {
	isa := o.ISA
	if isa == "" {
		isa = choice.Chooser{Logger: o.Logger}.ISA(ctx, w, o.Precision)
	}
	c, err := cpu.New(w, cpu.Options{Threads: o.Threads, Precision: o.Precision, ISA: isa, Logger: o.Logger})
	if err != nil {
		return &fault.Error{Kind: fault.Request, Err: err}
	}
	e.Engine = c
	e.Device = fmt.Sprintf("cpu (%s, %s, %d threads)", c.ISA(), c.Precision(), c.Threads())
	return nil
}

// startAuto takes the first GPU if it passed the self-test, and the CPU otherwise. A machine without a GPU gets a line in the log;
// a GPU that is not used is worth a notice.
func (e *Engine) startAuto(ctx context.Context, w *kdsr.Weights, o Options) error {
	why := selfTested(ctx, o)
	if why == nil {
		if why = e.startGPU(w, o, 0); why == nil {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := e.startCPU(ctx, w, o); err != nil {
		return err
	}
	line := fault.Line(why)
	if errors.Is(why, sr.ErrNotBuilt) || errors.Is(why, sr.ErrNoDevice) && !errors.Is(why, cuda.ErrDriver) {
		if o.Logger != nil {
			o.Logger.Info("the CPU is used", "stage", "sr", "why", line)
		}
		return nil
	}
	e.Notice = "the CPU is used, not the GPU: " + line
	return nil
}

// selfTested returns nil if the first GPU passed the self-test with this driver and program.
func selfTested(ctx context.Context, o Options) error {
	v, err := selftest.Short(ctx, selftest.ShortOptions{Program: o.Program, Limit: o.CheckLimit, Logger: o.Logger})
	if err == nil && !v.OK {
		err = fmt.Errorf("it failed the checks of %s: %s; vsr doctor --device cuda:0 checks it again", v.At.Format("2006-01-02"), v.Why)
	}
	return err
}

// openFallback is the engine of a program without weights. It runs on the CPU whatever device was asked for.
func openFallback(o Options) (*Engine, error) {
	return Plain(max(2, min(4, int(math.Ceil(o.Factor)))), o.Logger)
}

// Plain is an engine that resamples by a scale of 2, 3 or 4, without a network.
func Plain(scale int, log *slog.Logger) (*Engine, error) {
	b, err := sr.NewBicubic(scale)
	if err != nil {
		return nil, err
	}
	e := &Engine{Engine: b, Name: "bicubic", Device: "cpu", Fallback: true}
	e.log(log)
	return e, nil
}

// sizes are the built-in models' sizes, best first.
var sizes = []string{"base", "fast", "nano"}

// gainsLittle are models that are so little better than the next smaller one that a default of four times the time would serve nobody: their
// cards have the figures.
var gainsLittle = []string{"base-x4"}

// defaultModel picks among the built-in models of the least scale that reaches factor, or of the largest one, the best or, with fast,
// the first that is not the best; with sharp the best that has a sharp variant, where one has. Empty means none.
func defaultModel(factor float64, fast, sharp bool, names []string) string {
	if sharp {
		var some []string
		for _, n := range names {
			if slices.Contains(names, n+sharpSuffix) {
				some = append(some, n)
			}
		}
		if len(some) > 0 {
			return defaultModel(factor, fast, false, some)
		}
	}
	order := sizes
	if fast {
		order = []string{"fast", "nano", "base"}
	}
	little := func(name string) bool {
		_, scale, _ := strings.Cut(name, "-")
		return slices.Contains(gainsLittle, name) && (slices.Contains(names, "fast-"+scale) || slices.Contains(names, "nano-"+scale))
	}
	best := ""
	for _, scale := range []int{4, 3, 2} {
		if best != "" && float64(scale) < factor {
			break
		}
		for _, size := range order {
			if name := fmt.Sprintf("%s-x%d", size, scale); slices.Contains(names, name) && !little(name) {
				best = name
				break
			}
		}
	}
	return best
}

// ParseDevice splits auto, cpu, cuda and cuda:N into kind and index. The empty string is of kind "".
func ParseDevice(s string) (kind string, index int, err error) {
	bad := fault.New(fault.Usage, "", "--device %q: want auto, cpu, cuda or cuda:N", s)
	kind, number, numbered := strings.Cut(s, ":")
	switch kind {
	case "", "auto", "cpu":
		if numbered {
			return "", 0, bad
		}
		return kind, 0, nil
	case "cuda":
		if numbered {
			if index, err = strconv.Atoi(number); err != nil || index < 0 {
				return "", 0, bad
			}
		}
		return kind, index, nil
	}
	return "", 0, bad
}
