package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vsr/internal/conv"
	"vsr/sr/cpu"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/upscale/bench"
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
	case r.clip != "" && r.isa != "":
		return usageFault("", "--isa does not go with --run")
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
	opts := r.options()
	if err := opts.Validate(); err != nil {
		return fault{exitUsage, err, ""}
	}
	if r.clip != "" {
		report, err := bench.Run(ctx, bench.RunOptions{Clip: r.clip, Model: r.model, Weights: r.weights, CPU: opts, Frames: r.frames, Rounds: r.rounds,
			Program: versionString(), Logger: a.logger(), OnUpdate: a.tellEvent})
		if err != nil {
			return err
		}
		return a.printBench(report, r.asJSON)
	}
	report, err := bench.CPU(ctx, r.model, r.weights, r.width, r.height, r.frames, opts)
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	return a.printBench(&report, r.asJSON)
}

// benchDevice measures an engine that is not the CPU's.
func (a *app) benchDevice(ctx context.Context, r *benchRequest) error {
	e, err := engines.New(ctx, r.weights, engines.Options{Device: r.device, Program: versionString(), Logger: a.logger()})
	if err != nil {
		return err
	}
	defer e.Close()
	report := bench.EngineReport{Model: r.model, Config: r.weights.Config, Device: e.Device, Width: r.width, Height: r.height, Frames: r.frames}
	if err := report.Measure(ctx, e); err != nil {
		return fault{exitDevice, err, ""}
	}
	return a.printBench(&report, r.asJSON)
}

// printBench prints a report as text or JSON.
func (a *app) printBench(report interface{ Print(io.Writer) error }, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(report)
	}
	return report.Print(a.stdout)
}
