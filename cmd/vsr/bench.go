package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vsr/internal/conv"
	"vsr/sr/cpu"
	"vsr/upscale/bench"
	"vsr/upscale/view"
)

const benchHelp = `Measures Estimate, Modulate and Upscale on frames made here. --model takes a built-in model, a .safetensors file, or a shape
(nano, fast, base, m, l, gan, with an ending such as -x2 or --scale) with random weights, whose last layer is made small so that
the output is an image.

--run CLIP compares the time of a whole "vsr run" of a clip with that of the network alone.`

func (a *app) benchCommand() *cobra.Command {
	var asJSON bool
	o := bench.Options{CPU: cpu.Options{NoReuse: true}}
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure the network alone, or a whole run beside it", Long: benchHelp, Args: cobra.NoArgs,
		Example: "  vsr bench --model fast-x2 --size 1280x720\n  vsr bench --model base --scale 2 --threads 4 --json\n  vsr bench --model fast-x2 --run clip.mp4",
	}
	f := cmd.Flags()
	f.StringVar(&o.Model, "model", "fast", "model, weights `file`, or shape")
	f.StringVar(&o.Device, "device", "auto", "auto, cpu or cuda[:N]")
	f.StringVar(&o.Size, "size", "640x360", "`WxH` of the input frame")
	f.IntVar(&o.Scale, "scale", 0, "2, 3 or 4, for a shape; 0 is 4")
	f.StringVar(&o.CPU.Precision, "precision", "auto", "auto or fp32")
	f.StringVar(&o.CPU.ISA, "isa", "", "instruction set of the CPU engine: "+strings.Join(conv.ISAs(), ", ")+"; empty is the fastest by measurement")
	f.IntVar(&o.Frames, "frames", 5, "frames to measure (in each round), after one that is not counted")
	f.IntVar(&o.Rounds, "rounds", 5, "with --run: how often the run and the network alone are measured in turn")
	f.IntVar(&o.CPU.Threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	f.StringVar(&o.Clip, "run", "", "`clip` to run whole, encoded by x264 veryfast")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Program, o.Logger, o.Events = versionString(), a.Logger(), view.Tell(&a.Output)
		report, err := bench.Measure(cmd.Context(), o)
		if err != nil {
			return err
		}
		return a.Print(report, asJSON)
	}
	return cmd
}
