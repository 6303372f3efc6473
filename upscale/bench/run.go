package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

// RunReport is what `vsr bench --run CLIP --json` prints: a whole run beside the network alone.
type RunReport struct {
	Model     string      `json:"model"`
	Config    kdsr.Config `json:"config"`
	Clip      string      `json:"clip"`
	Width     int         `json:"width"`
	Height    int         `json:"height"`
	ISA       string      `json:"isa"`
	Precision string      `json:"precision"`
	Threads   int         `json:"threads"`
	Rounds    int         `json:"rounds"`
	Frames    int64       `json:"frames"`
	Repeated  int64       `json:"repeated"` // frames that cost the network nothing, because they equal the one before
	// Times are medians over the rounds, in milliseconds. NetworkMS is the frames, less what was reused, times FrameMS, the mean
	// of a measurement before each run and one after it; Estimate and Modulate are not in it.
	// EncodeMS is the processor time that x264 veryfast by itself takes for the frames of the output, over the threads: what the
	// run pays besides the network if nothing else costs anything and no core ever waits. Floor is what Ratio would be then.
	EncodeMS   float64 `json:"encode_ms"`
	Floor      float64 `json:"floor"`
	WallMS     float64 `json:"wall_ms"` // from opening the input to the output under its name
	FrameMS    float64 `json:"frame_ms"`
	NetworkMS  float64 `json:"network_ms"`
	Ratio      float64 `json:"ratio"` // WallMS over NetworkMS: the median over the rounds
	LeastRatio float64 `json:"least_ratio"`
	MostRatio  float64 `json:"most_ratio"`
	Bottleneck string  `json:"bottleneck"` // the stage that was busy the longest in the last run
	// PeakRSS is the most memory in bytes that the program has had, with the measurements of the network alone in it.
	PeakRSS int64 `json:"peak_rss_bytes"`

	computed float64 // frames, those not counted that were reused, as parts
}

// run upscales a clip whole, encoded by x264 veryfast into a temporary file, and measures the network alone before and after it.
func run(ctx context.Context, o Options) (*RunReport, error) {
	source, err := decode.Open(ctx, o.Clip, decode.Options{})
	if err != nil {
		if e := upscale.Classify(err); e.Kind != upscale.Internal {
			return nil, e
		}
		return nil, &fault.Error{Kind: fault.Input, Err: err}
	}
	format := source.Info().Format
	source.Close()
	dir, err := os.MkdirTemp("", "vsr-bench-*")
	if err != nil {
		return nil, upscale.OutputError(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "model.safetensors")
	if err := o.weights.Save(file, kdsr.F32); err != nil {
		return nil, upscale.OutputError(err)
	}
	b := &RunReport{Model: o.Model, Config: o.weights.Config, Clip: filepath.Base(o.Clip), Width: format.Width, Height: format.Height, Rounds: o.Rounds}
	return b, b.measure(ctx, &o, format, dir)
}

// measure fills in the figures.
func (b *RunReport) measure(ctx context.Context, o *Options, format media.Format, dir string) error {
	o.chooseISA(ctx)
	network := func() (cpu.Result, error) {
		return cpu.Bench(ctx, o.weights, format.Width, format.Height, o.Frames, o.CPU)
	}
	before, err := network()
	if err != nil {
		return fault.New(fault.Request, "", "%w", err)
	}
	var walls, frames []time.Duration
	var ratios []float64
	for range o.Rounds {
		done, wall, err := o.once(ctx, dir)
		if err != nil {
			return err
		}
		after, err := network()
		if err != nil {
			return err
		}
		frame := time.Duration((before.MS + after.MS) / 2 * float64(time.Millisecond))
		computed := float64(done.Frames.Out) * (1 - done.Frames.Reused)
		if computed < 1 {
			return fault.New(fault.Request, "", "%s has no frame for the network", o.Clip)
		}
		walls, frames = append(walls, wall), append(frames, frame)
		ratios = append(ratios, float64(wall)/float64(frame)/computed)
		b.ISA, b.Precision, b.Threads = after.ISA, after.Precision, after.Threads
		b.Frames, b.Repeated, b.Bottleneck = done.Frames.Out, done.Frames.Repeated, done.Bottleneck
		b.PeakRSS, before = done.PeakRSS, after
		b.computed = computed
	}
	slices.Sort(ratios)
	b.WallMS, b.FrameMS = median(walls), median(frames)
	b.NetworkMS = b.FrameMS * b.computed
	b.Ratio, b.LeastRatio, b.MostRatio = ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1]
	if b.EncodeMS, err = encodeAlone(ctx, filepath.Join(dir, "out.mkv"), b.Frames); err != nil {
		return err
	}
	b.EncodeMS /= float64(b.Threads)
	b.Floor = (b.NetworkMS + b.EncodeMS) / b.NetworkMS
	return nil
}

// encodeAlone encodes the first frames of a file as a run does, from memory, and returns the milliseconds of processor time for n
// frames.
func encodeAlone(ctx context.Context, path string, n int64) (float64, error) {
	const most = 256 << 20 // bytes of frames
	source, err := decode.Open(ctx, path, decode.Options{})
	if err != nil {
		return 0, err
	}
	defer source.Close()
	var units []media.Unit
	info, size := source.Info(), 0
	for size < most {
		u, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if u.Frame == nil {
			u.Release()
			continue
		}
		own := media.NewFrame(u.Frame.Format) // a pool would run out
		for p := range own.Planes() {
			_, h := own.PlaneSize(p)
			for y := range h {
				size += copy(own.Row(p, y), u.Frame.Row(p, y))
			}
		}
		own.CopyProps(u.Frame)
		u.Release()
		units = append(units, media.Unit{Frame: own})
	}
	if len(units) == 0 {
		return 0, errors.New("bench: the output holds no frame")
	}
	before := processorTime()
	sink, err := encode.CreateFile(path, info, encode.Options{Codec: "x264", Preset: "veryfast"}, encode.FileOptions{Overwrite: true})
	if err != nil {
		return 0, err
	}
	for _, u := range units {
		if err := sink.Write(ctx, u); err != nil {
			return 0, errors.Join(err, sink.Close())
		}
	}
	if err := sink.Close(); err != nil {
		return 0, err
	}
	return float64(processorTime()-before) / 1e6 / float64(len(units)) * float64(n), nil
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// once is one `vsr run`; it returns its report and how long it took.
func (o *Options) once(ctx context.Context, dir string) (upscale.Report, time.Duration, error) {
	run := upscale.Defaults()
	run.Output, run.Replace, run.Program, run.Logger, run.Events = filepath.Join(dir, "out.mkv"), true, o.Program, o.Logger, o.Events
	run.Model, run.Device, run.Threads, run.Precision = filepath.Join(dir, "model.safetensors"), "cpu", o.CPU.Threads, o.CPU.Precision
	run.ISA = o.CPU.ISA
	run.Encode.Codec, run.Encode.Preset = "x264", "veryfast"
	debug.FreeOSMemory() // what the measurement before has left is not the run's
	began := time.Now()
	job, err := upscale.Open(ctx, o.Clip, run)
	if err != nil {
		return upscale.Report{}, 0, err
	}
	done, err := job.Run(ctx)
	return done, time.Since(began), err
}

// Print writes the report for people.
func (b *RunReport) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on cpu (%s, %s, %d threads), run of %s, %dx%d, %d rounds\n", b.Model, b.ISA, b.Precision, b.Threads, b.Clip, b.Width, b.Height, b.Rounds)
	fmt.Fprintf(w, "whole run\t%.0f ms\t%d frames, %d of them repeated; the %s stage was the busiest\n", b.WallMS, b.Frames, b.Repeated, b.Bottleneck)
	fmt.Fprintf(w, "network\t%.0f ms\t%.2f ms a frame\n", b.NetworkMS, b.FrameMS)
	fmt.Fprintf(w, "ratio\t%.2f\t%.2f to %.2f over the rounds\n", b.Ratio, b.LeastRatio, b.MostRatio)
	fmt.Fprintf(w, "encode\t%.0f ms\tx264 veryfast alone: the ratio cannot be below %.2f on these cores\n", b.EncodeMS, b.Floor)
	fmt.Fprintf(w, "memory\t%.2f GiB\tat most\n", float64(b.PeakRSS)/(1<<30))
	return w.Flush()
}
