package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"text/tabwriter"
	"time"

	"vsr/decode"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

// runBench is what `vsr bench --run CLIP --json` prints: a whole run beside the network alone.
type runBench struct {
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
	// Times are medians over the rounds, in milliseconds. NetworkMS is the frames that are not repeated times FrameMS, the mean
	// of a measurement before each run and one after it; Estimate and Modulate are not in it.
	WallMS     float64 `json:"wall_ms"` // from opening the input to the output under its name
	FrameMS    float64 `json:"frame_ms"`
	NetworkMS  float64 `json:"network_ms"`
	Ratio      float64 `json:"ratio"` // WallMS over NetworkMS: the median over the rounds
	LeastRatio float64 `json:"least_ratio"`
	MostRatio  float64 `json:"most_ratio"`
	Bottleneck string  `json:"bottleneck"` // the room that was busy the longest in the last run
	// PeakRSS is the most memory in bytes that the program has had, with the measurements of the network alone in it.
	PeakRSS int64 `json:"peak_rss_bytes"`
}

// benchRun runs a clip whole, encoded by x264 veryfast into a temporary file, and the network alone before and after it.
func (a *app) benchRun(ctx context.Context, r *benchRequest) error {
	if r.isa != "" {
		return usageFault("", "--isa does not go with --run")
	}
	source, err := decode.Open(ctx, r.clip, decode.Options{})
	if err != nil {
		return openFault(err)
	}
	format := source.Info().Format
	source.Close()
	dir, err := os.MkdirTemp("", "vsr-bench-*")
	if err != nil {
		return destinationFault(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "model.safetensors")
	if err := r.weights.Save(file, kdsr.F32); err != nil {
		return destinationFault(err)
	}
	b := runBench{Model: r.model, Config: r.weights.Config, Clip: filepath.Base(r.clip), Width: format.Width, Height: format.Height, Rounds: r.rounds}
	if err := a.measureRun(ctx, r, &b, format, dir); err != nil {
		return err
	}
	return a.printRunBench(b, r.asJSON)
}

// measureRun fills in the figures.
func (a *app) measureRun(ctx context.Context, r *benchRequest, b *runBench, format media.Format, dir string) error {
	network := func() (cpu.Result, error) {
		return cpu.Bench(ctx, r.weights, format.Width, format.Height, r.frames, r.options())
	}
	before, err := network()
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	var walls, frames []time.Duration
	var ratios []float64
	for range r.rounds {
		done, wall, err := a.runOnce(ctx, r, dir)
		if err != nil {
			return err
		}
		after, err := network()
		if err != nil {
			return err
		}
		frame := time.Duration((before.MS + after.MS) / 2 * float64(time.Millisecond))
		computed := done.Frames.Out - done.Frames.Repeated
		if computed < 1 {
			return requestFault("", "%s has no frame for the network", r.clip)
		}
		walls, frames = append(walls, wall), append(frames, frame)
		ratios = append(ratios, float64(wall)/float64(frame)/float64(computed))
		b.ISA, b.Precision, b.Threads = after.ISA, after.Precision, after.Threads
		b.Frames, b.Repeated, b.Bottleneck = done.Frames.Out, done.Frames.Repeated, done.Bottleneck
		b.PeakRSS, before = done.PeakRSS, after
	}
	slices.Sort(ratios)
	b.WallMS, b.FrameMS = median(walls), median(frames)
	b.NetworkMS = b.FrameMS * float64(b.Frames-b.Repeated)
	b.Ratio, b.LeastRatio, b.MostRatio = ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1]
	return nil
}

// runOnce is one `vsr run`; it returns its report and how long it took.
func (a *app) runOnce(ctx context.Context, r *benchRequest, dir string) (report, time.Duration, error) {
	var done report
	path := filepath.Join(dir, "report.json")
	run := runRequest{runConfig: defaultRun(), in: r.clip, out: filepath.Join(dir, "out.mkv"), replace: true}
	run.Model, run.Device, run.Threads, run.Precision = filepath.Join(dir, "model.safetensors"), "cpu", r.threads, r.precision
	run.Encode.Codec, run.Encode.Preset, run.Progress, run.Report = "x264", "veryfast", progressNone, path
	if err := run.validate(); err != nil {
		return done, 0, err
	}
	debug.FreeOSMemory() // what the measurement before has left is not the run's
	began := time.Now()
	if err := a.run(ctx, run); err != nil {
		return done, 0, err
	}
	took := time.Since(began)
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &done)
	}
	return done, took, err
}

func (a *app) printRunBench(b runBench, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(b)
	}
	w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on cpu (%s, %s, %d threads), run of %s, %dx%d, %d rounds\n", b.Model, b.ISA, b.Precision, b.Threads, b.Clip, b.Width, b.Height, b.Rounds)
	fmt.Fprintf(w, "whole run\t%.0f ms\t%d frames, %d of them repeated; the %s room was the busiest\n", b.WallMS, b.Frames, b.Repeated, b.Bottleneck)
	fmt.Fprintf(w, "network\t%.0f ms\t%.2f ms a frame\n", b.NetworkMS, b.FrameMS)
	fmt.Fprintf(w, "ratio\t%.2f\t%.2f to %.2f over the rounds\n", b.Ratio, b.LeastRatio, b.MostRatio)
	fmt.Fprintf(w, "memory\t%.2f GiB\tat most\n", float64(b.PeakRSS)/(1<<30))
	return w.Flush()
}
