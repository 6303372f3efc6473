package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"vsr/internal/fault"
	"vsr/sr/cpu"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

// Options says what Measure measures. Size, Frames, Rounds and Model must be given.
type Options struct {
	Model   string      // built-in model, weights file, or a shape with random weights
	Scale   int         // of a shape: 2, 3 or 4; 0 is 4
	Device  string      // auto, cpu or cuda:N
	Size    string      // WxH of the input frame
	Clip    string      // video to upscale whole, beside the network alone; empty measures the network only
	CPU     cpu.Options // of the CPU engine
	Frames  int         // of each measurement of the network alone
	Rounds  int         // turns of both sides, with Clip
	Program string      // version of the calling program, for reports
	Logger  *slog.Logger
	Events  func(upscale.Event) // of the runs; nil drops them

	width, height int // of Size
	weights       *kdsr.Weights
}

// Report is a *CPUReport, *EngineReport or *RunReport.
type Report interface {
	Print(w io.Writer) error
}

// validate reports the first value that cannot be right, and reads the size. cuda tells whether a GPU is measured.
func (o *Options) validate() (cuda bool, err error) {
	kind, _, err := engines.ParseDevice(o.Device)
	if err != nil {
		return false, err
	}
	wrong := ""
	if n, _ := fmt.Sscanf(o.Size, "%dx%d", &o.width, &o.height); n != 2 || o.width < 1 || o.height < 1 || o.width*o.height > 1<<26 {
		wrong = fmt.Sprintf("--size %q: want WxH", o.Size)
	}
	switch {
	case o.Frames < 1 || o.Frames > 1e6:
		wrong = fmt.Sprintf("--frames %d: want 1 or more", o.Frames)
	case o.Rounds < 1 || o.Rounds > 1e6:
		wrong = fmt.Sprintf("--rounds %d: want 1 or more", o.Rounds)
	case o.Scale != 0 && (o.Scale < 2 || o.Scale > 4):
		wrong = fmt.Sprintf("--scale %d: want 2, 3 or 4", o.Scale)
	case o.Clip != "" && o.CPU.ISA != "":
		wrong = "--isa does not go with --run"
	case kind == "cuda" && (o.Clip != "" || o.CPU.ISA != ""):
		wrong = "--run and --isa are for the CPU engine"
	}
	if wrong != "" {
		return false, fault.New(fault.Usage, "", "%s", wrong)
	}
	if err := o.CPU.Validate(); err != nil {
		return false, &fault.Error{Kind: fault.Usage, Err: err}
	}
	return kind == "cuda", nil
}

// Measure measures the network alone on frames made here, or a whole run beside it. Errors are *fault.Error.
func Measure(ctx context.Context, o Options) (Report, error) {
	cuda, err := o.validate()
	if err != nil {
		return nil, err
	}
	if o.weights, o.Model, err = engines.Shape(o.Model, o.Scale); err != nil {
		return nil, err
	}
	switch {
	case cuda:
		return onDevice(ctx, o)
	case o.Clip != "":
		return run(ctx, o)
	}
	return onCPU(ctx, o)
}

// onDevice measures an engine that is not the CPU's.
func onDevice(ctx context.Context, o Options) (*EngineReport, error) {
	e, err := engines.New(ctx, o.weights, engines.Options{Device: o.Device, Program: o.Program, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	b := &EngineReport{Model: o.Model, Config: o.weights.Config, Device: e.Device, Width: o.width, Height: o.height, Frames: o.Frames}
	if err := b.measure(ctx, e); err != nil {
		return nil, &fault.Error{Kind: fault.Device, Err: err}
	}
	return b, nil
}
