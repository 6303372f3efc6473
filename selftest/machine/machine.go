// Package machine describes what this machine and this build can do, for `vsr doctor`. It checks nothing: package selftest does.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"vsr/encode"
	"vsr/internal/conv"
	"vsr/models"
	"vsr/sr"
	"vsr/sr/cpu/choice"
	"vsr/sr/cuda"
	"vsr/sr/engines"
)

// Schema is the version of a Report's JSON. It rises when a key changes its meaning or goes.
const Schema = 1

// Report is what was found.
type Report struct {
	Schema    int           `json:"schema_version"`
	Version   string        `json:"version"` // of the program
	Go        string        `json:"go"`
	Libraries []string      `json:"libraries"` // FFmpeg's and the encoders' behind it, name and version
	Encoders  []string      `json:"encoders"`
	Threads   int           `json:"threads"`
	ISA       string        `json:"isa"` // the best that this machine lists
	Kernels   []Kernels     `json:"kernels"`
	ISAs      []string      `json:"isas"` // those that this machine runs
	GPUs      []cuda.Device `json:"gpus"`
	GPUError  string        `json:"gpu_error,omitempty"` // why there is none
	GPUNote   string        `json:"gpu_note"`
	Models    []string      `json:"models"` // built in
}

// Kernels is the instruction set that the CPU engine takes for a built-in model, because it was the fastest.
type Kernels struct {
	Model string        `json:"model"`
	ISA   string        `json:"isa"`
	Times []choice.Time `json:"times"` // of a small frame; empty where there is nothing to choose from
}

// String is one line, as "fast-x2 takes avx512 (avx2 9.1 ms, avx512 4.5 ms, avx512bf16 6.0 ms)".
func (k Kernels) String() string {
	var times []string
	for _, t := range k.Times {
		times = append(times, fmt.Sprintf("%s %.1f ms", t.ISA, t.MS))
	}
	if len(times) == 0 {
		return k.Model + " takes " + k.ISA
	}
	return fmt.Sprintf("%s takes %s (%s)", k.Model, k.ISA, strings.Join(times, ", "))
}

// chosen asks for every built-in model, which measures what was not measured yet.
func chosen(ctx context.Context) (list []Kernels) {
	for _, name := range models.Names() {
		w, err := engines.Weights(name)
		if err != nil {
			continue
		}
		one := Kernels{Model: name, ISA: choice.Chooser{}.ISA(ctx, w, "")}
		if kept := (choice.Chooser{}).Kept(w, ""); kept != nil {
			one.Times = kept.Times
		}
		list = append(list, one)
	}
	return list
}

// Describe looks at the machine. version is the program's.
func Describe(ctx context.Context, version string) *Report {
	r := &Report{Schema: Schema, Version: version, Go: runtime.Version(), Encoders: encode.Codecs(), Threads: runtime.GOMAXPROCS(0),
		ISA: conv.ISA(), ISAs: conv.ISAs(), GPUNote: cuda.Untested, Models: models.Names(), Libraries: Libraries(), Kernels: chosen(ctx)}
	gpus, err := cuda.Devices()
	r.GPUs = gpus
	switch {
	case errors.Is(err, sr.ErrNotBuilt):
		r.GPUError = "not in this build"
	case err != nil:
		r.GPUError = fmt.Sprintf("no device: %v", err)
	case len(gpus) == 0:
		r.GPUError = "no device"
	}
	return r
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("vsr", "%s, %s", r.Version, r.Go)
	row("FFmpeg", "%s", orUnknown(r.Libraries))
	row("encoders", "%s", strings.Join(r.Encoders, ", "))
	row("CPU", "%d threads, this machine runs %s", r.Threads, strings.Join(r.ISAs, ", "))
	for _, k := range r.Kernels {
		row("", "%s", k)
	}
	if r.GPUError != "" {
		row("CUDA", "%s", r.GPUError)
	}
	for _, d := range r.GPUs {
		row("CUDA", "%v", d)
	}
	row("", "%s", r.GPUNote)
	if len(r.Models) == 0 {
		row("models", "none built in: vsr run uses a bicubic stand-in unless --model names a file")
	} else {
		row("models", "%s", strings.Join(r.Models, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(to, r.Summary())
	return err
}

// Summary is one line: that vsr is ready, and on what, or what is missing.
func (r *Report) Summary() string {
	var missing []string
	if len(r.Models) == 0 {
		missing = append(missing, "built-in models")
	}
	if len(r.Libraries) > 0 && !slices.ContainsFunc(r.Libraries, func(l string) bool { return strings.HasPrefix(l, "x264 ") }) {
		missing = append(missing, "the encoder x264 in this FFmpeg")
	}
	if len(missing) > 0 {
		return "missing: " + strings.Join(missing, ", ")
	}
	on := "on the CPU"
	if len(r.GPUs) > 0 {
		on += "; vsr doctor --device cuda:0 checks the GPU"
	}
	return "ready: vsr clip.mp4 upscales " + on
}

func orUnknown(list []string) string {
	if len(list) == 0 {
		return "unknown"
	}
	return strings.Join(list, ", ")
}

var libraryName = regexp.MustCompile(`/lib((?:av|sw)[a-z]+|x26[45]|SvtAv1Enc|vpx)\.so\.([0-9.]+)`)

// Libraries are FFmpeg's and the encoders' behind it, as this process has loaded them: name and version. It is empty where that cannot be
// seen.
func Libraries() []string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	return loadedLibraries(string(maps))
}

// loadedLibraries finds FFmpeg's libraries and the encoders behind it in a process's memory map.
func loadedLibraries(maps string) (list []string) {
	for _, m := range libraryName.FindAllStringSubmatch(maps, -1) {
		list = append(list, m[1]+" "+m[2])
	}
	slices.Sort(list)
	return slices.Compact(list)
}
