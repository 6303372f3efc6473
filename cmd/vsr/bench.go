package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vsr/internal/conv"
	"vsr/sr/cpu"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// benchRequest is one `vsr bench`.
type benchRequest struct {
	model, device, size, precision, isa string
	scale, frames, rounds, threads      int
	clip                                string
	asJSON                              bool

	width, height int // of size
	weights       *kdsr.Weights
}

const benchHelp = `Measures Estimate, Modulate and Upscale on frames made here. --model takes a built-in model, a .safetensors file, or a shape
(nano, fast, base, m, l, gan, with an ending such as -x2 or --scale) with random weights, whose last layer is made small so that
the output is an image.

--run CLIP compares the time of a whole "vsr run" of a clip with that of the network alone.`

func (a *app) benchCommand() *cobra.Command {
	var r benchRequest
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure the network alone, or a whole run beside it", Long: benchHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), &r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.model, "model", "fast", "model, weights `file`, or shape")
	f.StringVar(&r.device, "device", "auto", "auto, cpu or cuda[:N]")
	f.StringVar(&r.size, "size", "640x360", "`WxH` of the input frame")
	f.IntVar(&r.scale, "scale", 0, "2, 3 or 4, for a shape; 0 is 4")
	f.StringVar(&r.precision, "precision", "auto", "auto or fp32")
	f.StringVar(&r.isa, "isa", "", "instruction set of the CPU engine: "+strings.Join(conv.ISAs(), ", ")+"; empty is the best")
	f.IntVar(&r.frames, "frames", 5, "frames to measure (in each round), after one that is not counted")
	f.IntVar(&r.rounds, "rounds", 5, "turns of both sides, with --run")
	f.IntVar(&r.threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	f.StringVar(&r.clip, "run", "", "`clip` to run whole, encoded by x264 veryfast")
	f.BoolVar(&r.asJSON, "json", false, "print JSON")
	return cmd
}

// validate reports the first value that cannot be right, and reads the size.
func (r *benchRequest) validate() error {
	kind, _, err := engines.ParseDevice(r.device)
	if err != nil {
		return err
	}
	if n, _ := fmt.Sscanf(r.size, "%dx%d", &r.width, &r.height); n != 2 || r.width < 1 || r.height < 1 || r.width*r.height > 1<<26 {
		return usageFault("", "--size %q: want WxH", r.size)
	}
	switch {
	case r.frames < 1 || r.frames > 1e6:
		return usageFault("", "--frames %d: want 1 or more", r.frames)
	case r.rounds < 1 || r.rounds > 1e6:
		return usageFault("", "--rounds %d: want 1 or more", r.rounds)
	case r.scale != 0 && (r.scale < 2 || r.scale > 4):
		return usageFault("", "--scale %d: want 2, 3 or 4", r.scale)
	case kind == "cuda" && (r.clip != "" || r.isa != ""):
		return usageFault("", "--run and --isa are for the CPU engine")
	}
	return nil
}

func (r *benchRequest) options() cpu.Options {
	return cpu.Options{Threads: r.threads, Precision: r.precision, ISA: r.isa, NoReuse: true}
}

func (a *app) bench(ctx context.Context, r *benchRequest) error {
	if err := r.validate(); err != nil {
		return err
	}
	var err error
	if r.weights, r.model, err = engines.Shape(r.model, r.scale); err != nil {
		return err
	}
	if kind, _, _ := engines.ParseDevice(r.device); kind == "cuda" {
		return a.benchDevice(ctx, r)
	}
	if r.clip != "" {
		return a.benchRun(ctx, r)
	}
	opts := r.options()
	if err := opts.Validate(); err != nil {
		return fault{exitUsage, err, ""}
	}
	var result cpuBench
	if result.Result, err = cpu.Bench(ctx, r.weights, r.width, r.height, r.frames, opts); err != nil {
		return fault{exitRequest, err, ""}
	}
	result.Model, result.Config = r.model, r.weights.Config
	result.Bottleneck, _ = slowest(result.Stages)
	return a.printCPUBench(result, r.asJSON)
}

// slowest returns the stage that takes the longest.
func slowest(stages map[string]float64) (name string, ms float64) {
	for _, s := range slices.Sorted(maps.Keys(stages)) {
		if stages[s] > ms {
			name, ms = s, stages[s]
		}
	}
	return name, ms
}

// benchDevice measures an engine that is not the CPU's.
func (a *app) benchDevice(ctx context.Context, r *benchRequest) error {
	e, err := engines.New(ctx, r.weights, engines.Options{Device: r.device, Program: versionString(), Logger: a.logger()})
	if err != nil {
		return err
	}
	defer e.Close()
	report := benchReport{Model: r.model, Config: r.weights.Config, Device: e.Device, Width: r.width, Height: r.height, Frames: r.frames}
	if err := report.measure(ctx, e); err != nil {
		return fault{exitDevice, err, ""}
	}
	return a.printBench(report, r.asJSON)
}
