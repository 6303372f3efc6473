// Command sliders shows what the sliders of vsr run do to the first frames of some videos: a table of the output's fine structure for
// --deblur, of what is left of noise that was added for --denoise, and of what is left of the damage of a further coding for --decompress;
// all three in code values, root mean squares.
//
//	go run ./tools/bench/sliders -model nano-x2 clip.mp4 other.webm
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/internal/quality"
	"vsr/media"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train/degrade"
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

// What is done to the clips for the measures that need a pair: noise of so many code values, and H.264 at such a CRF.
const (
	noiseLevels = 6
	crf         = 36
)

// inputs are the first frames of a clip, as they are and spoilt.
type inputs struct{ clean, noisy, coded []*media.Frame }

// measure is what one slider is about.
type measure struct {
	name string
	set  func(*kdsr.Sliders, float64)
	of   func(inputs) []*media.Frame // that are enlarged
	pair bool                        // the difference from what becomes of the clean frames counts
}

var measures = []measure{
	{"deblur: fine structure", func(s *kdsr.Sliders, v float64) { s.Deblur = v }, func(i inputs) []*media.Frame { return i.clean }, false},
	{"denoise: noise that is left", func(s *kdsr.Sliders, v float64) { s.Denoise = v }, func(i inputs) []*media.Frame { return i.noisy }, true},
	{"decompress: damage that is left", func(s *kdsr.Sliders, v float64) { s.Decompress = v }, func(i inputs) []*media.Frame { return i.coded }, true},
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
		in, err := spoil(list)
		if err != nil {
			return fmt.Errorf("%s: %w", clip, err)
		}
		for _, m := range measures {
			fmt.Printf("| %s | %s |", m.name, filepath.Base(clip))
			for _, at := range positions {
				v, err := m.at(ctx, e, in, at)
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
func (m measure) at(ctx context.Context, e *engines.Engine, in inputs, at float64) (float64, error) {
	frames := m.of(in)
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
	for i, f := range frames {
		out := media.NewFrame(f.Format.Scaled(e.Scale()))
		if err := e.Upscale(ctx, out, f, kernels); err != nil {
			return 0, err
		}
		value := quality.Detail(luma(out), out.Width, out.Height)
		if m.pair {
			clean := media.NewFrame(out.Format)
			if err := e.Upscale(ctx, clean, in.clean[i], kernels); err != nil {
				return 0, err
			}
			value = rootDifference(luma(out), luma(clean))
		}
		sum += value / float64(len(frames))
	}
	return sum, nil
}

func rootDifference(a, b []float32) float64 {
	var sum float64
	for i, v := range a {
		sum += float64(v-b[i]) * float64(v-b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}

// spoil makes the inputs out of frames, which it does not keep.
func spoil(frames []*media.Frame) (in inputs, err error) {
	var images []degrade.Image
	for _, f := range frames {
		images = append(images, degrade.FromYUV(f, f.Width, f.Height))
	}
	noisy, err := degrade.Fixed{Factor: 1, NoiseLevel: noiseLevels}.Apply(degrade.NewRand(1, 1), images)
	if err != nil {
		return in, err
	}
	coded, err := degrade.Coded{Factor: 1, Codec: degrade.H264, Quality: crf}.Apply(degrade.NewRand(1, 1), images)
	if err != nil {
		return in, err
	}
	for i, m := range images {
		in.clean = append(in.clean, degrade.ToYUV(m, media.MatrixBT709))
		in.noisy = append(in.noisy, degrade.ToYUV(noisy[i], media.MatrixBT709))
		in.coded = append(in.coded, degrade.ToYUV(coded[i], media.MatrixBT709))
	}
	return in, nil
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
		if u.Frame.Depth != 8 || u.Frame.Layout != media.YUV420 {
			return nil, fmt.Errorf("%v: want 4:2:0 of 8 bits", u.Frame.Format)
		}
		list = append(list, u.Frame)
	}
	if len(list) == 0 {
		return nil, errors.New("no frames")
	}
	return list, nil
}
