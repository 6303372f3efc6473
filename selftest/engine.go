package selftest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"vsr/internal/quality"
	"vsr/media"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

// Run checks a GPU against the CPU engine: what the driver made of the kernels, every kernel at odd sizes inside small
// networks with guarded memory, results that must be the same bits every time, and how fast it is. An error means that the GPU
// cannot be opened; what else goes wrong is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	all, err := cuda.Devices()
	if err != nil {
		return nil, err
	}
	if o.Device < 0 || o.Device >= len(all) {
		return nil, fmt.Errorf("cuda: %w: cuda:%d, have %d", sr.ErrNoDevice, o.Device, len(all))
	}
	r := &Report{Schema: Schema, Note: cuda.Untested, Device: all[o.Device]}
	if r.Emulated = strings.HasPrefix(r.Device.Name, "FAKE"); r.Emulated {
		r.Note = "This is an emulated GPU. " + cuda.Untested
	}
	if o.Repeats == 0 {
		if o.Repeats = 20; r.Emulated {
			o.Repeats = 2
		}
	}
	if err := r.resources(o); err != nil {
		return nil, err
	}
	for _, n := range networks(o.Short) {
		r.compare(ctx, o, n)
	}
	if !o.Short {
		r.surfaces(ctx, o)
		r.time(ctx, o)
	}
	return r, ctx.Err()
}

// resources reads what the driver's compiler made of every kernel.
func (r *Report) resources(o Options) (err error) {
	if r.JITLog, r.Kernels, err = cuda.Kernels(o.Device, o.Logger); err != nil {
		return err
	}
	check := Check{Name: "kernels compile without spilling", OK: true, Detail: fmt.Sprintf("%d kernels", len(r.Kernels)),
		Hint: "report this GPU and driver; the engine works, but slower than it could"}
	for _, k := range r.Kernels {
		if k.Local > 0 || k.Threads < k.Launched {
			if check.OK {
				check.OK, check.Detail = false, ""
			}
			check.Detail += fmt.Sprintf("%s has %d bytes of local memory and %d threads; ", k.Name, k.Local, k.Threads)
		}
	}
	r.Checks = append(r.Checks, check)
	return nil
}

// network is a small network with random weights, and the frame that it is tried on.
type network struct {
	config kdsr.Config
	format media.Format
}

// networks use every kernel: all channel numbers, scales, both tails, and every layout of frames, at sizes that no tile divides.
func networks(short bool) []network {
	ours := func(c, s int) kdsr.Config {
		return kdsr.Config{C: c, N: 2, R: 1, Scale: s, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}
	}
	official := func(c, s int) kdsr.Config {
		return kdsr.Config{C: c, N: 2, R: 1, Scale: s, Tail: kdsr.TailOfficial, Skip: kdsr.SkipNone, Stem: 1}
	}
	format := func(w, h int, l media.Layout, depth int) media.Format {
		return media.Format{Width: w, Height: h, Layout: l, Depth: depth,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
	}
	list := []network{
		{ours(32, 2), format(37, 21, media.YUV420, 8)},
		{official(64, 4), format(21, 13, media.YUV420, 8)},
		{ours(16, 3), format(19, 35, media.YUV422, 10)},
	}
	if short {
		return list
	}
	return append(list,
		network{ours(16, 4), format(33, 9, media.YUV444, 8)},
		network{official(32, 3), format(17, 11, media.Gray, 8)},
		network{official(16, 2), format(5, 7, media.YUV420, 10)},
		network{official(128, 4), format(19, 9, media.YUV420, 8)},
	)
}

// compare runs a network on the GPU and on the CPU.
func (r *Report) compare(ctx context.Context, o Options, n network) {
	c := n.config
	check := Check{Name: fmt.Sprintf("%d channels, scale %d, %s tail, %v, against the CPU engine", c.C, c.Scale, c.Tail, n.format),
		Hint: "use --device cpu, and report this GPU, the driver and this report: the kernels are wrong on it"}
	detail, err := compareOne(ctx, o, n)
	check.OK, check.Detail = err == nil, detail
	if err != nil {
		check.Detail, check.Hint = err.Error(), cmp.Or(cuda.Hint(err), check.Hint)
		r.noteShortage(err)
	}
	o.Logger.Debug("verified", "stage", "selftest", "check", check.Name, "ok", check.OK)
	r.Checks = append(r.Checks, check)
}

func (r *Report) noteShortage(err error) {
	if r.shortage == nil && errors.Is(err, cuda.ErrNoMemory) {
		r.shortage = err
	}
}

func compareOne(ctx context.Context, o Options, n network) (string, error) {
	w, err := kdsr.RandomWeights(n.config, 11)
	if err != nil {
		return "", err
	}
	gpu, err := cuda.New(w, cuda.Options{Device: o.Device, Logger: o.Logger, Guarded: true})
	if err != nil {
		return "", err
	}
	defer gpu.Close()
	host, err := cpu.New(w, cpu.Options{ISA: "go", Threads: 1})
	if err != nil {
		return "", err
	}
	defer host.Close()
	src := noise(n.format)
	want, vector, err := upscaleOnce(ctx, host, src)
	if err != nil {
		return "", err
	}
	var first *media.Frame
	for i := range o.Repeats {
		got, v, err := upscaleOnce(ctx, gpu, src)
		if err != nil {
			return "", err
		}
		if first == nil {
			first = got
			if err := closeVectors(v, vector); err != nil {
				return "", err
			}
		}
		if !equal(first, got) {
			return "", fmt.Errorf("run %d gives other bits than the first: a race in a kernel, or a faulty GPU", i+1)
		}
	}
	levels, psnr := quality.CompareFrames(first, want)
	if unit := 1 << (n.format.Depth - 8); levels > 2*unit || psnr < 50 {
		return "", fmt.Errorf("differs by %d levels, PSNR %.1f dB", levels, psnr)
	}
	if err := gpu.Close(); err != nil {
		return "", err
	}
	if d := cuda.Damaged(gpu); d > 0 {
		return "", fmt.Errorf("kernels wrote beside %d buffers", d)
	}
	return fmt.Sprintf("largest difference %d levels, PSNR %.1f dB, %d runs the same", levels, min(psnr, 100), o.Repeats), nil
}

func closeVectors(got, want []float32) error {
	top := 0.0
	for _, v := range want {
		top = max(top, math.Abs(float64(v)))
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 5e-3*top) {
			return fmt.Errorf("estimate differs: value %d is %g, want %g", i, got[i], want[i])
		}
	}
	return nil
}

func upscaleOnce(ctx context.Context, e sr.Engine, src *media.Frame) (*media.Frame, []float32, error) {
	v, err := e.Estimate(ctx, src)
	if err != nil {
		return nil, nil, err
	}
	d, err := e.Modulate(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	dst := media.NewFrame(src.Format.Scaled(e.Scale()))
	if err := e.Upscale(ctx, dst, src, d); err != nil {
		return nil, nil, err
	}
	return dst, v, d.Close()
}

// noise is a frame of random samples.
func noise(f media.Format) *media.Frame {
	rng := rand.New(rand.NewPCG(3, uint64(f.Width)))
	fr := media.NewFrame(f)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			row := fr.Row(p, y)
			for i := range row {
				row[i] = byte(rng.Uint32())
				if f.Depth > 8 && i%2 == 1 {
					row[i] &= 1<<(f.Depth-8) - 1
				}
			}
		}
	}
	return fr
}

func equal(a, b *media.Frame) bool {
	for p := range a.Planes() {
		_, h := a.PlaneSize(p)
		for y := range h {
			if !bytes.Equal(a.Row(p, y), b.Row(p, y)) {
				return false
			}
		}
	}
	return true
}

// time measures whole frames, one after the other, from planes to planes: what a run can reach.
func (r *Report) time(ctx context.Context, o Options) {
	sizes := []struct{ w, h, frames int }{{320, 180, 200}, {960, 540, 100}}
	if r.Emulated {
		sizes = sizes[:1]
		sizes[0].w, sizes[0].h, sizes[0].frames = 16, 9, 3
	}
	for _, name := range []string{"fast", "base"} {
		c, err := kdsr.Preset(name, 4)
		if err != nil {
			continue
		}
		for _, s := range sizes {
			sp := Speed{Name: fmt.Sprintf("%s x4, %dx%d", name, s.w, s.h)}
			if sp.FPS, err = measure(ctx, o, c, s.w, s.h, s.frames); err != nil {
				r.Checks = append(r.Checks, Check{Name: "timing of " + sp.Name, Detail: err.Error()})
				continue
			}
			macs, err := c.CollapsedMACs(s.w, s.h)
			if err != nil {
				continue
			}
			sp.TFLOPS = 2 * float64(macs) * sp.FPS / 1e12
			if !r.Emulated {
				sp.Peak = peak(r.Device)
			}
			r.Speeds = append(r.Speeds, sp)
		}
	}
}

func measure(ctx context.Context, o Options, c kdsr.Config, width, height, frames int) (float64, error) {
	w, err := kdsr.RandomWeights(c, 1)
	if err != nil {
		return 0, err
	}
	e, err := cuda.New(w, cuda.Options{Device: o.Device, Logger: o.Logger})
	if err != nil {
		return 0, err
	}
	defer e.Close()
	src := noise(media.Format{Width: width, Height: height, Layout: media.YUV420, Depth: 8})
	dst := media.NewFrame(src.Format.Scaled(c.Scale))
	d, err := e.Modulate(ctx, make([]float32, c.C))
	if err != nil {
		return 0, err
	}
	if err := e.Upscale(ctx, dst, src, d); err != nil { // makes the plan
		return 0, err
	}
	began := time.Now()
	for range frames {
		if err := e.Upscale(ctx, dst, src, d); err != nil {
			return 0, err
		}
	}
	return float64(frames) / time.Since(began).Seconds(), nil
}

// peak is the paper rate of the tensor cores in TFLOP/s, half precision with single-precision sums, at the driver's clock.
// GeForce GPUs run these sums at half the rate of the same generation's data-centre chips.
func peak(d cuda.Device) float64 {
	perClock := map[int]float64{75: 512, 80: 2048, 86: 512, 87: 512, 89: 512, 90: 4096, 100: 8192, 120: 512}
	rate := perClock[10*d.Major+d.Minor]
	return rate * float64(d.SMs) * float64(d.ClockKHz) * 1e3 / 1e12
}
