package selftest

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"vsr/internal/fault"
	"vsr/sr/cuda"
)

// Options of Run. The zero value checks the first GPU in full.
type Options struct {
	Device  int
	Repeats int // how often each result must come out the same; 0 means 20, and 2 on an emulated GPU
	// Short leaves out the larger networks and the timing: about a second on a GPU.
	Short  bool
	Logger *slog.Logger
}

// Report is what Run found out about a GPU.
type Report struct {
	Schema   int           `json:"schema_version"`
	Note     string        `json:"note"` // cuda.Untested, or that the GPU is emulated
	Device   cuda.Device   `json:"device"`
	Emulated bool          `json:"emulated"`
	JITLog   string        `json:"jit_log"`
	Kernels  []cuda.Kernel `json:"kernels"`
	Checks   []Check       `json:"checks"`
	Speeds   []Speed       `json:"speeds"`

	shortage error // the first failure for want of memory, which says nothing about the GPU
}

// Schema is the version of a Report's JSON. It rises when a key changes its meaning or goes.
const Schema = 1

// Check is one question and its answer.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do when it is not ok
}

// Speed is one timing. Peak is what the GPU could do on paper, tensor cores with single-precision sums; 0 if unknown.
type Speed struct {
	Name   string  `json:"name"`
	FPS    float64 `json:"fps"`
	TFLOPS float64 `json:"tflops"`
	Peak   float64 `json:"peak_tflops"`
}

// OK tells whether every check passed.
func (r *Report) OK() bool {
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return len(r.Checks) > 0
}

// Err is nil if every check passed, else an error of kind fault.Device.
func (r *Report) Err() error {
	if r.OK() {
		return nil
	}
	return fault.New(fault.Device, "use --device cpu, and report the GPU with this output", "the GPU does not pass the checks above")
}

// failure is the first failed check, on one line, or empty.
func (r *Report) failure() string {
	for _, c := range r.Checks {
		if !c.OK {
			return strings.Join(strings.FieldsFunc(c.Name+": "+c.Detail, func(r rune) bool { return r < ' ' }), "; ")
		}
	}
	if len(r.Checks) == 0 {
		return "nothing was checked"
	}
	return ""
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "device\t%v, driver for CUDA %s\n", r.Device, r.Device.DriverVersion())
	fmt.Fprintf(w, "note\t%s\n", r.Note)
	if r.JITLog != "" {
		fmt.Fprintf(w, "compiler\t%s\n", strings.ReplaceAll(r.JITLog, "\n", " | "))
	}
	for _, k := range r.Kernels {
		fmt.Fprintf(w, "kernel\t%s\t%d registers\t%d B shared\t%d B local\tup to %d threads\n",
			k.Name, k.Registers, k.Shared, k.Local, k.Threads)
	}
	for _, c := range r.Checks {
		word := "ok"
		if !c.OK {
			word = "FAILED"
		}
		fmt.Fprintf(w, "%s\t%s: %s\n", word, c.Name, c.Detail)
		if !c.OK && c.Hint != "" {
			fmt.Fprintf(w, "\thint: %s\n", c.Hint)
		}
	}
	for _, s := range r.Speeds {
		share := ""
		if s.Peak > 0 {
			share = fmt.Sprintf(", %.0f %% of %.0f TFLOP/s on paper", 100*s.TFLOPS/s.Peak, s.Peak)
		}
		fmt.Fprintf(w, "speed\t%s: %.1f frames a second, %.2f TFLOP/s%s\n", s.Name, s.FPS, s.TFLOPS, share)
	}
	return w.Flush()
}
