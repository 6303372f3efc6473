package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

// benchRequest is one `vsr bench`.
type benchRequest struct {
	model, device, size, precision string
	frames, threads                int
	asJSON                         bool
}

// cpuBench is what `vsr bench --json` prints for the CPU engine.
type cpuBench struct {
	Model  string      `json:"model"`
	Config kdsr.Config `json:"config"`
	cpu.Result
}

// benchReport is what it prints for the others. Times are the medians of all frames, in milliseconds.
type benchReport struct {
	Model    string      `json:"model"`
	Config   kdsr.Config `json:"config"`
	Device   string      `json:"device"`
	Width    int         `json:"width"`
	Height   int         `json:"height"`
	Frames   int         `json:"frames"`
	Estimate float64     `json:"estimate_ms"`
	Modulate float64     `json:"modulate_ms"`
	Upscale  float64     `json:"upscale_ms"`
	FPS      float64     `json:"fps"`    // of Upscale alone, which is what a frame within a scene pays
	GMACs    float64     `json:"gmac_s"` // multiply-adds a second of Upscale, counted as if no layer were collapsed
}

func (a *app) benchCommand() *cobra.Command {
	var r benchRequest
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure the network alone, without decoding and encoding", Args: cobra.NoArgs,
		Long: "Measures Estimate, Modulate and Upscale on a synthetic frame. --model takes a name, a file, or a shape with random weights:\n" +
			"nano-x4, fast-x2, base-x3, m-x4, l-x4, gan-x4.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.model, "model", "fast-x4", "model, weights `file`, or shape")
	f.StringVar(&r.device, "device", "auto", "auto, cpu or cuda[:N]")
	f.StringVar(&r.size, "size", "640x360", "`WxH` of the input frame")
	f.StringVar(&r.precision, "precision", "auto", "auto or fp32")
	f.IntVar(&r.frames, "frames", 5, "frames to measure, after one that is not counted")
	f.IntVar(&r.threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	f.BoolVar(&r.asJSON, "json", false, "print JSON")
	return cmd
}

// benchWeights opens a model, or makes random weights for the name of a shape.
func benchWeights(name string) (*kdsr.Weights, error) {
	w, err := openModel(name)
	if err == nil {
		return w, nil
	}
	var preset string
	var scale int
	for _, p := range []string{"nano", "fast", "base", "m", "l", "gan"} {
		if n, _ := fmt.Sscanf(name, p+"-x%d", &scale); n == 1 {
			preset = p
		}
	}
	if preset == "" {
		return nil, err
	}
	c, err := kdsr.Preset(preset, scale)
	if err != nil {
		return nil, fault{exitUsage, err, ""}
	}
	return kdsr.RandomWeights(c, 1)
}

func (a *app) bench(ctx context.Context, r benchRequest) error {
	var width, height int
	if n, _ := fmt.Sscanf(r.size, "%dx%d", &width, &height); n != 2 || width < 1 || height < 1 || width*height > 1<<26 {
		return usageFault("", "--size %q: want WxH", r.size)
	}
	if r.frames < 1 {
		return usageFault("", "--frames %d: want 1 or more", r.frames)
	}
	if _, _, err := parseDevice(r.device); err != nil {
		return err
	}
	w, err := benchWeights(r.model)
	if err != nil {
		return err
	}
	if kind, _, _ := parseDevice(r.device); kind != "cuda" {
		result, err := cpu.Bench(ctx, w, width, height, r.frames, cpu.Options{Threads: r.threads, Precision: r.precision})
		if err != nil {
			return fault{exitRequest, err, ""}
		}
		return a.printCPUBench(cpuBench{r.model, w.Config, result}, r.asJSON)
	}
	e := &engine{Name: r.model}
	if err := e.start(w, engineOptions{Device: r.device, Threads: r.threads, Precision: r.precision, Logger: a.logger()}); err != nil {
		return err
	}
	defer e.Close()
	report := benchReport{Model: r.model, Config: w.Config, Device: e.Device, Width: width, Height: height, Frames: r.frames}
	if err := report.measure(ctx, e); err != nil {
		return fault{exitDevice, err, ""}
	}
	return a.printBench(report, r.asJSON)
}

// measure runs the three verbs on frames that all differ, so that nothing can be reused.
func (b *benchReport) measure(ctx context.Context, e sr.Engine) error {
	format := media.Format{Width: b.Width, Height: b.Height, Layout: media.YUV420, Depth: 8}
	src, dst := media.NewFrame(format), media.NewFrame(format.Scaled(e.Scale()))
	var estimate, modulate, upscale []time.Duration
	for i := range b.Frames + 1 {
		paint(src, i)
		began := time.Now()
		v, err := e.Estimate(ctx, src)
		if err != nil {
			return err
		}
		estimated := time.Now()
		d, err := e.Modulate(ctx, v)
		if err != nil {
			return err
		}
		modulated := time.Now()
		err = e.Upscale(ctx, dst, src, d)
		done := time.Now()
		if cerr := d.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		if i > 0 {
			estimate, modulate, upscale = append(estimate, estimated.Sub(began)), append(modulate, modulated.Sub(estimated)), append(upscale, done.Sub(modulated))
		}
	}
	b.Estimate, b.Modulate, b.Upscale = median(estimate), median(modulate), median(upscale)
	b.FPS = 1000 / b.Upscale
	macs, err := b.Config.MACs(b.Width, b.Height)
	b.GMACs = float64(macs.Upscale) / 1e6 / b.Upscale
	return err
}

// paint fills a frame with a pattern that depends on n.
func paint(f *media.Frame, n int) {
	for p := range f.Planes() {
		_, rows := f.PlaneSize(p)
		for y := range rows {
			for x, row := 0, f.Row(p, y); x < len(row); x++ {
				row[x] = byte(64 + (x*(p+3)+y*5+n*11)%128)
			}
		}
	}
}

// median returns the middle value in milliseconds.
func median(d []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[len(sorted)/2]) / float64(time.Millisecond)
}

func (a *app) printBench(b benchReport, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(b)
	}
	w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on %s, %dx%d, median of %d frames\n", b.Model, b.Device, b.Width, b.Height, b.Frames)
	fmt.Fprintf(w, "estimate\t%.2f ms\tonce a scene\n", b.Estimate)
	fmt.Fprintf(w, "modulate\t%.2f ms\tonce a scene\n", b.Modulate)
	fmt.Fprintf(w, "upscale\t%.2f ms\teach frame: %.1f fps, %.1f G multiply-adds a second\n", b.Upscale, b.FPS, b.GMACs)
	return w.Flush()
}

func (a *app) printCPUBench(b cpuBench, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(b)
	}
	w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on cpu (%s, %s, %d threads), %dx%d, median of %d frames\n", b.Model, b.ISA, b.Precision, b.Threads, b.Width, b.Height, b.Frames)
	fmt.Fprintf(w, "estimate\t%.2f ms\tonce a scene\n", b.Estimate)
	fmt.Fprintf(w, "modulate\t%.2f ms\tonce a scene\n", b.Modulate)
	fmt.Fprintf(w, "upscale\t%.2f ms\teach frame: %.1f fps, best %.2f ms\n", b.MS, b.FPS, b.Best)
	for _, name := range slices.Sorted(maps.Keys(b.Stages)) {
		fmt.Fprintf(w, "  %s\t%.2f ms\t\n", name, b.Stages[name])
	}
	fmt.Fprintf(w, "work\t%.0f GFLOP/s\t%.2f of the peak measured now (%.0f fp32, %.0f bf16)\n", b.GFLOPS, b.ShareOfPeak, b.PeakFP32, b.PeakBF16)
	fmt.Fprintf(w, "limit\t%.2f ms\t%.2f of it reached\n", b.Limit, b.ShareOfLimit)
	return w.Flush()
}
