// Command against measures the CPU engine beside another one: ONNX Runtime with the same weights and the same degradation, or this
// engine with other threads. Both sides get the same 8-bit RGB images, in turns.
//
//	make onnxruntime && go run ./tools/bench/against -model fast -size 320x180 -against onnxruntime
//	go run ./tools/bench/against -model fast -threads 2 -against threads=1 -json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"vsr/sr/cpu"
	"vsr/sr/cpu/choice"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// request is one comparison.
type request struct {
	model, precision, isa, against, library string
	frames, rounds, threads                 int
	width, height                           int
	weights                                 *kdsr.Weights
}

func (r *request) options() cpu.Options {
	return cpu.Options{Threads: r.threads, Precision: r.precision, ISA: r.isa, NoReuse: true}
}

// result is what -json prints: our engine alone, and the comparison.
type result struct {
	Model  string      `json:"model"`
	Config kdsr.Config `json:"config"`
	cpu.Result
	*comparison
}

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "against:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var r request
	f := flag.NewFlagSet("against", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&r.model, "model", "fast", "model, weights `file`, or shape")
	size := f.String("size", "640x360", "`WxH` of the input frame")
	scale := f.Int("scale", 0, "2, 3 or 4, for a shape; 0 is 4")
	f.StringVar(&r.precision, "precision", "auto", "auto or fp32")
	f.StringVar(&r.isa, "isa", "", "instruction set of the CPU engine; empty is the one that was measured to be the fastest")
	f.IntVar(&r.frames, "frames", 5, "frames to measure in each round, after one that is not counted")
	f.IntVar(&r.rounds, "rounds", 5, "turns of both sides")
	f.IntVar(&r.threads, "threads", 0, "threads of both sides; 0 is all cores")
	f.StringVar(&r.against, "against", "onnxruntime", "onnxruntime, or threads=`N`")
	f.StringVar(&r.library, "onnxruntime", "", "`file` of the shared library; empty looks in the usual places")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if n, _ := fmt.Sscanf(*size, "%dx%d", &r.width, &r.height); n != 2 || r.width < 1 || r.height < 1 || r.width*r.height > 1<<26 {
		return fmt.Errorf("-size %q: want WxH", *size)
	}
	if r.frames < 1 || r.rounds < 1 {
		return fmt.Errorf("-frames %d, -rounds %d: want 1 or more", r.frames, r.rounds)
	}
	if err := r.options().Validate(); err != nil {
		return err
	}
	var err error
	if r.weights, r.model, err = engines.Shape(r.model, *scale); err != nil {
		return err
	}
	if r.isa == "" {
		r.isa = choice.Chooser{}.ISA(ctx, r.weights, r.precision)
	}
	if note := disturbed(); note != "" {
		fmt.Fprintln(stderr, "note:", note)
	}
	out := result{Model: r.model, Config: r.weights.Config}
	if out.comparison, err = r.compare(ctx); err != nil { // first, because the other side may be missing
		return err
	}
	if out.Result, err = cpu.Bench(ctx, r.weights, r.width, r.height, r.frames, r.options()); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(stdout).Encode(out)
	}
	fmt.Fprintf(stdout, "%s on cpu (%s, %s, %d threads), %dx%d\n", out.Model, out.ISA, out.Precision, out.Threads, out.Width, out.Height)
	out.print(stdout)
	return nil
}
