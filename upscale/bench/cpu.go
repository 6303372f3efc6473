package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"vsr/internal/fault"
	"vsr/sr/cpu"
	"vsr/sr/cpu/choice"
	"vsr/sr/kdsr"
)

// CPUReport is what `vsr bench --json` prints for the CPU engine.
type CPUReport struct {
	Model  string      `json:"model"`
	Config kdsr.Config `json:"config"`
	cpu.Result
	Bottleneck string `json:"bottleneck"` // the stage that takes the longest
}

// onCPU measures the CPU engine and its stages.
func onCPU(ctx context.Context, o Options) (*CPUReport, error) {
	b := &CPUReport{Model: o.Model, Config: o.weights.Config}
	o.chooseISA(ctx)
	var err error
	if b.Result, err = cpu.Bench(ctx, o.weights, o.width, o.height, o.Frames, o.CPU); err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	most := 0.0
	for _, s := range slices.Sorted(maps.Keys(b.Stages)) {
		if b.Stages[s] > most {
			b.Bottleneck, most = s, b.Stages[s]
		}
	}
	return b, nil
}

// chooseISA takes the instruction set that a run would take, unless one is asked for.
func (o *Options) chooseISA(ctx context.Context) {
	if o.CPU.ISA == "" {
		o.CPU.ISA = choice.Chooser{Logger: o.Logger}.ISA(ctx, o.weights, o.CPU.Precision)
	}
}

// Print writes the report for people.
func (b *CPUReport) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on cpu (%s, %s, %d threads), %dx%d, median of %d frames\n", b.Model, b.ISA, b.Precision, b.Threads, b.Width, b.Height, b.Frames)
	fmt.Fprintf(w, "estimate\t%.2f ms\tonce a scene\n", b.Estimate)
	fmt.Fprintf(w, "modulate\t%.2f ms\tonce a scene\n", b.Modulate)
	fmt.Fprintf(w, "upscale\t%.2f ms\teach frame: %.1f fps, best %.2f ms\n", b.MS, b.FPS, b.Best)
	sum := 0.0
	for _, ms := range b.Stages {
		sum += ms
	}
	for _, name := range slices.Sorted(maps.Keys(b.Stages)) {
		fmt.Fprintf(w, "  %s\t%.2f ms\t%.0f %%\n", name, b.Stages[name], 100*b.Stages[name]/sum)
	}
	fmt.Fprintf(w, "bottleneck\t%s\t\n", b.Bottleneck)
	fmt.Fprintf(w, "work\t%.0f GFLOP/s\t%.2f of the peak measured now (%.0f fp32, %.0f bf16)\n", b.GFLOPS, b.ShareOfPeak, b.PeakFP32, b.PeakBF16)
	fmt.Fprintf(w, "limit\t%.2f ms\t%.2f of it reached: products at their peak, the rest at the float32 peak, transforms at one vector a cycle\n", b.Limit, b.ShareOfLimit)
	fmt.Fprintf(w, "processor\t%.2f ms\tof all threads a frame: %.2f of the limit if no thread ever waited\n", b.CPU, b.CPUShareOfLimit)
	return w.Flush()
}
