// Command sliders shows what the sliders of vsr run do to the first frames of some videos: a table of fine structure for --deblur, of
// noise in flat places for --denoise, and of steps at the coder's blocks for --decompress.
//
//	go run ./tools/bench/sliders -model nano-x2 clip.mp4 other.webm
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/internal/quality"
	"vsr/media"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// positions of a slider.
var positions = []float64{-1, -0.5, 0, 0.5, 1}

func main() {
	model := flag.String("model", "nano-x2", "built-in model or .safetensors file")
	frames := flag.Int("frames", 3, "frames of each video")
	threads := flag.Int("threads", 0, "0 is all cores")
	flag.Parse()
	if err := run(context.Background(), *model, *frames, *threads, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sliders:", err)
		os.Exit(1)
	}
}

// measure is what one slider is about.
type measure struct {
	name string
	set  func(*kdsr.Sliders, float64)
	of   func(luma, ref []float32, w, h, scale int) float64
}

var measures = []measure{
	{"deblur: fine structure", func(s *kdsr.Sliders, v float64) { s.Deblur = v },
		func(luma, _ []float32, w, h, _ int) float64 { return quality.Detail(luma, w, h) }},
	{"denoise: noise in flat places", func(s *kdsr.Sliders, v float64) { s.Denoise = v },
		func(luma, ref []float32, w, h, _ int) float64 { return quality.FlatNoise(luma, ref, w, h) }},
	{"decompress: steps at blocks", func(s *kdsr.Sliders, v float64) { s.Decompress = v },
		func(luma, _ []float32, w, h, scale int) float64 {
			v, _ := quality.Blockiness(luma, w, h, 8*scale)
			return v
		}},
}

func run(ctx context.Context, model string, frames, threads int, clips []string) error {
	if len(clips) == 0 {
		return errors.New("name some videos")
	}
	e, err := engines.Open(ctx, engines.Options{Model: model, Device: "cpu", Threads: threads})
	if err != nil {
		return err
	}
	defer e.Close()
	if e.Probes == nil {
		return fmt.Errorf("the weights of %s have no probes", model)
	}
	fmt.Printf("| %s | clip | -1 | -0.5 | 0 | 0.5 | 1 |\n|---|---|---|---|---|---|---|\n", e.Name)
	for _, clip := range clips {
		list, err := read(ctx, clip, frames)
		if err != nil {
			return fmt.Errorf("%s: %w", clip, err)
		}
		for _, m := range measures {
			fmt.Printf("| %s | %s |", m.name, filepath.Base(clip))
			for _, at := range positions {
				v, err := m.at(ctx, e, list, at)
				if err != nil {
					return fmt.Errorf("%s: %w", clip, err)
				}
				fmt.Printf(" %.3f |", v)
			}
			fmt.Println()
		}
	}
	return nil
}

// at is the mean over frames with the slider at a position.
func (m measure) at(ctx context.Context, e *engines.Engine, frames []*media.Frame, at float64) (float64, error) {
	v, err := e.Estimate(ctx, frames[0])
	if err != nil {
		return 0, err
	}
	var s kdsr.Sliders
	m.set(&s, at)
	e.Probes.Steer(v, s, e.Bounds)
	kernels, err := e.Modulate(ctx, v)
	if err != nil {
		return 0, err
	}
	defer kernels.Close()
	sum := 0.0
	for _, f := range frames {
		out := media.NewFrame(f.Format.Scaled(e.Scale()))
		if err := e.Upscale(ctx, out, f, kernels); err != nil {
			return 0, err
		}
		ref, err := quality.Enlarged(luma(f), f.Width, f.Height, e.Scale())
		if err != nil {
			return 0, err
		}
		sum += m.of(luma(out), ref, out.Width, out.Height, e.Scale()) / float64(len(frames))
	}
	return sum, nil
}

// luma is plane 0 in 8-bit code values. // [H,W]
func luma(f *media.Frame) []float32 {
	out := make([]float32, 0, f.Width*f.Height)
	for y := range f.Height {
		for _, v := range f.Row(0, y)[:f.Width] {
			out = append(out, float32(v))
		}
	}
	return out
}

// read returns the first frames of a video, which must be of 8 bits.
func read(ctx context.Context, path string, n int) (list []*media.Frame, err error) {
	src, err := decode.Open(ctx, path, decode.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	for len(list) < n {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if u.Frame == nil {
			continue
		}
		if u.Frame.Depth != 8 {
			return nil, fmt.Errorf("%v: want 8 bits", u.Frame.Format)
		}
		list = append(list, u.Frame)
	}
	if len(list) == 0 {
		return nil, errors.New("no frames")
	}
	return list, nil
}
