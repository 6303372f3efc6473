// Package machine describes what this machine and this build can do, for `vsr doctor`. It checks nothing: package selftest does.
package machine

import (
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
	"vsr/sr/cuda"
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
	ISA       string        `json:"isa"`  // instruction set that the CPU engine takes
	ISAs      []string      `json:"isas"` // those that this machine runs
	GPUs      []cuda.Device `json:"gpus"`
	GPUError  string        `json:"gpu_error,omitempty"` // why there is none
	GPUNote   string        `json:"gpu_note"`
	Models    []string      `json:"models"` // built in
}

// Describe looks at the machine. version is the program's.
func Describe(version string) *Report {
	r := &Report{Schema: Schema, Version: version, Go: runtime.Version(), Encoders: encode.Codecs(), Threads: runtime.GOMAXPROCS(0),
		ISA: conv.ISA(), ISAs: conv.ISAs(), GPUNote: cuda.Untested, Models: models.Names()}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		r.Libraries = loadedLibraries(string(maps))
	}
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
	row("CPU", "%d threads, instruction set %s (this machine runs %s)", r.Threads, r.ISA, strings.Join(r.ISAs, ", "))
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

// loadedLibraries finds FFmpeg's libraries and the encoders behind it in a process's memory map.
func loadedLibraries(maps string) (list []string) {
	for _, m := range libraryName.FindAllStringSubmatch(maps, -1) {
		list = append(list, m[1]+" "+m[2])
	}
	slices.Sort(list)
	return slices.Compact(list)
}
