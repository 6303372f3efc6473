package cpu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"vsr/internal/conv"
	"vsr/media"
	"vsr/sr/kdsr"
)

// Result is what Bench measures. Times are medians over the frames, in milliseconds.
type Result struct {
	Width     int    `json:"width"` // of the small frame
	Height    int    `json:"height"`
	Frames    int    `json:"frames"`
	ISA       string `json:"isa"`
	Precision string `json:"precision"`
	Threads   int    `json:"threads"`

	FPS      float64            `json:"fps"` // 1000/MS
	MS       float64            `json:"ms"`  // one Upscale: YUV to YUV
	Best     float64            `json:"best_ms"`
	Stages   map[string]float64 `json:"stages_ms"` // the parts of MS, mean
	CPU      float64            `json:"cpu_ms"`    // processor time of one Upscale, all threads together, mean: other programs change it little
	Estimate float64            `json:"estimate_ms"`
	Modulate float64            `json:"modulate_ms"`

	GFLOPS   float64 `json:"gflops"`    // multiplications and additions of the direct convolutions, over MS
	PeakFP32 float64 `json:"peak_fp32"` // of this machine, measured around the frames, GFLOP/s
	PeakBF16 float64 `json:"peak_bf16"` // 0 where there is none
	// ShareOfPeak is GFLOPS over the peak of the type that the products are computed in. Winograd needs a quarter of
	// the multiplications, so it may exceed 1.
	ShareOfPeak float64 `json:"share_of_peak"`
	Clock       float64 `json:"clock_ghz"`
	// Limit is the time in milliseconds that the work would take if products ran at their peak, depthwise and first
	// convolutions at the float32 peak, and the 244 vector operations of the Winograd transforms for each tile of 4x4
	// pixels and vector of channels at one a cycle. ShareOfLimit is Limit over MS. The share can exceed 1 on a CPU that
	// does several vector operations a cycle; color conversion is in MS and not in Limit.
	Limit        float64 `json:"limit_ms"`
	ShareOfLimit float64 `json:"share_of_limit"`
	// CPUShareOfLimit is the same with the processor time over the number of threads in place of MS: what there would be if no
	// thread ever waited for its core or for another thread.
	CPUShareOfLimit float64 `json:"cpu_share_of_limit"`
}

// Bench upscales frames of noise, 8-bit 4:2:0, of width x height pixels, and says how long it takes.
func Bench(ctx context.Context, w *kdsr.Weights, width, height, frames int, opts Options) (Result, error) {
	if width < 1 || height < 1 || frames < 1 {
		return Result{}, fmt.Errorf("cpu: bench of %d frames of %dx%d", frames, width, height)
	}
	opts.NoReuse = true // the frames differ in one sample
	e, err := New(w, opts)
	if err != nil {
		return Result{}, err
	}
	defer e.Close()
	f := media.Format{Width: width, Height: height, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}}
	src, dst := noise(f), media.NewFrame(f.Scaled(e.Scale()))
	d, err := e.Estimate(ctx, src)
	if err != nil {
		return Result{}, err
	}
	k, err := e.Modulate(ctx, d)
	if err != nil {
		return Result{}, err
	}
	if err := e.Upscale(ctx, dst, src, k); err != nil { // makes the plan
		return Result{}, err
	}
	r := Result{Width: width, Height: height, Frames: frames, ISA: e.ISA(), Precision: e.Precision(), Threads: e.Threads()}
	fp32, bf16 := conv.PeakOf(e.ISA(), e.Threads())
	if err := e.time(ctx, &r, dst, src, k); err != nil {
		return Result{}, err
	}
	again, againBF16 := conv.PeakOf(e.ISA(), e.Threads())
	r.PeakFP32, r.PeakBF16, r.Clock = max(fp32, again), max(bf16, againBF16), conv.Clock()
	return r, e.rate(&r)
}

func noise(f media.Format) *media.Frame {
	rng := rand.New(rand.NewPCG(1, 2))
	fr := media.NewFrame(f)
	for p := range colorPlanes(f) {
		for i := range fr.Plane[p] {
			fr.Plane[p][i] = byte(64 + rng.IntN(128))
		}
	}
	return fr
}

// time fills in the times.
func (e *Engine) time(ctx context.Context, r *Result, dst, src *media.Frame, k interface{ Close() error }) error {
	before := e.stages
	times := make([]time.Duration, r.Frames)
	used := processorTime()
	for i := range times {
		began := time.Now()
		if err := e.Upscale(ctx, dst, src, k); err != nil {
			return err
		}
		times[i] = time.Since(began)
	}
	r.CPU = ms(processorTime()-used) / float64(r.Frames)
	slices.Sort(times)
	r.MS, r.Best = ms(times[len(times)/2]), ms(times[0])
	r.FPS = 1000 / r.MS
	r.Stages = map[string]float64{}
	for s := range StageEstimate {
		r.Stages[s.String()] = ms(e.stages[s]-before[s]) / float64(r.Frames)
	}
	began := time.Now()
	d, err := e.Estimate(ctx, src)
	if err != nil {
		return err
	}
	r.Estimate = ms(time.Since(began))
	began = time.Now()
	_, err = e.Modulate(ctx, d)
	r.Modulate = ms(time.Since(began))
	return err
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// rate relates the times to the machine's peak.
func (e *Engine) rate(r *Result) error {
	macs, err := e.w.Config.CollapsedMACs(r.Width, r.Height)
	if err != nil {
		return err
	}
	r.GFLOPS = 2 * float64(macs) / r.MS / 1e6
	if r.PeakFP32 == 0 {
		return nil
	}
	products, lanes := r.PeakFP32, 4.0
	if r.Precision == PrecisionAuto && r.PeakBF16 > 0 {
		products = r.PeakBF16
	}
	switch r.ISA {
	case "avx2":
		lanes = 8
	case "avx512", "avx512bf16":
		lanes = 16
	}
	nodes, err := recordUpscale(e.w.Config)
	if err != nil {
		return err
	}
	px := float64(r.Width * r.Height)
	var product, direct, transform float64 // multiply-adds, multiply-adds, vector operations
	for _, n := range nodes {
		in, out := 0.0, float64(n.c)
		if n.x != nil {
			in = float64(n.x.c)
		}
		official := e.w.Config.Tail == kdsr.TailOfficial
		switch {
		case n.op == opConv && n.x.c == 3 || n.op != opConv && n.op != opBlock:
			if n.op == opConv {
				direct += px * 27 * out
			}
		case official && stageOf(n.name) == StageTail && n.name != "G.body.1":
			if n.name == "G.tail.1" {
				product += px * 25 * in * float64(3*e.Scale()*e.Scale())
			}
		default:
			if n.op == opBlock {
				direct += px * 9 * in
			}
			product += px * 9 * in * out / 4
			transform += px / 16 * (144*in + 100*out) / lanes
		}
	}
	r.Limit = (2*product/products + 2*direct/r.PeakFP32 + transform/(r.Clock*float64(r.Threads))) / 1e6
	r.ShareOfPeak, r.ShareOfLimit = r.GFLOPS/products, r.Limit/r.MS
	r.CPUShareOfLimit = r.Limit * float64(r.Threads) / r.CPU
	return nil
}
