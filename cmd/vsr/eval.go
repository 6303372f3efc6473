package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/sr"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/eval"
)

// evalFlags are the flags of vsr eval.
type evalFlags struct {
	engine   engineOptions
	o        eval.Options
	json     bool
	perFrame bool
	average  int
	sheet    string
	plot     string
}

const evalHelp = `Measure a model by the protocol of the KDSR paper: every picture under DATA is reduced by a known degradation, enlarged, and
compared with the original on luma (PSNR and SSIM, without a border of as many pixels as the scale). Bicubic and Lanczos are measured
in the same run. Without --model only these two are.

Degradations:
  bicubic         antialiased bicubic reduction
  gaussian8       the mean of eight isotropic blurs (x4: sigma 1.8 to 3.2)
  gaussian:S      one blur of sigma S, in pixels of the original
  aniso9[:N]      the mean of nine anisotropic blurs, with noise of level N
  second:SEED     one draw a picture of the second-order process of Real-ESRGAN
  real:SEED       one draw a picture of the video degradation, codecs included
  h264:CRF  hevc:CRF  vp9:CRF  mpeg4:Q  mpeg2:Q

A video as DATA is one clip: its degradation is estimated on the first frame, as vsr run does for a scene.

Examples:
  vsr eval --data Set14 --degradation gaussian8 --model fast-x4
  vsr eval --data original.mp4 --degradation h264:28 --model fast-x2 --frames 24
  vsr eval --data original.mp4 --input small.mp4 --model fast-x2 --json`

// newEvalCmd is `vsr eval`.
func newEvalCmd() *cobra.Command {
	f := &evalFlags{}
	cmd := &cobra.Command{
		Use: "eval", Short: "Measure a model on pictures with known originals", Long: evalHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.o.Data, "data", "", "folder of sharp pictures (PNG, JPEG), searched with its subfolders, or a sharp video")
	fl.StringVar(&f.o.Input, "input", "", "the degraded version of the video --data, frame for frame, instead of --degradation")
	fl.IntVar(&f.o.Frames, "frames", 0, "frames of a video that are measured (default 48)")
	fl.StringVar(&f.o.Degradation, "degradation", "gaussian8", "how the low-resolution input is made")
	fl.StringVarP(&f.engine.Model, "model", "m", "", "name of a built-in model, or a weights file")
	fl.IntVar(&f.o.Scale, "scale", 4, "scale of the baselines when no model is given")
	fl.StringVar(&f.engine.Device, "device", "cpu", "where the model runs")
	fl.IntVar(&f.engine.Threads, "threads", 0, "threads of the CPU engine, 0 is all cores")
	fl.StringVar(&f.engine.Precision, "precision", "", "precision of the CPU engine")
	fl.BoolVar(&f.o.Clip, "clip", false, "take the pictures of a folder for the frames of one clip")
	fl.BoolVar(&f.perFrame, "per-frame", false, "with --clip or a video: estimate the degradation of every frame, not of the first only")
	fl.IntVar(&f.average, "average", 0, "with --clip or a video: take the mean of the first so many frames' estimates, as sr.average does in a run")
	fl.BoolVar(&f.json, "json", false, "write the result as JSON")
	fl.StringVar(&f.sheet, "sheet", "", "write a PNG of the first pictures: input, bicubic, output, original")
	fl.StringVar(&f.plot, "idr-plot", "", "draw the degradation vectors of the pictures in two dimensions into this PNG or SVG instead of measuring;\n--degradation may list several, separated by commas")
	_ = cmd.MarkFlagRequired("data")
	return cmd
}

func (f *evalFlags) run(ctx context.Context, out, log io.Writer) error {
	if f.plot != "" && f.engine.Model == "" {
		return fault{exitUsage, errors.New("--idr-plot needs --model"), ""}
	}
	var rgb *rgbEngine
	if f.engine.Model != "" {
		e, err := openEngine(f.engine)
		if err != nil {
			return err
		}
		f.o.Scale = e.Scale()
		each := f.perFrame || !f.o.Clip && !eval.IsVideo(f.o.Data)
		if rgb, err = newRGBEngine(ctx, e, sr.Options{Average: f.average}, each); err != nil {
			return fault{exitUsage, err, ""}
		}
		defer rgb.Close()
		f.o.Upscale, f.o.NewClip = rgb.upscale, rgb.forget
	}
	if f.plot != "" {
		return f.drawPlot(ctx, rgb, out)
	}
	sheet := &evalSheet{limit: 4}
	if f.sheet != "" {
		f.o.Sheet = sheet.add
	}
	if cli.IsTerminal(log) {
		f.o.Progress = func(done, total int) { fmt.Fprintf(log, "\r%d of %d pictures", done, total) }
	}
	res, err := eval.Run(ctx, f.o)
	if cli.IsTerminal(log) {
		fmt.Fprintln(log)
	}
	if err != nil {
		return fault{exitInput, err, ""}
	}
	if f.sheet != "" {
		if err := sheet.write(f.sheet); err != nil {
			return fault{exitDestination, err, ""}
		}
	}
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(res)
	}
	printEval(out, res, f.engine.Model)
	return nil
}

func (f *evalFlags) drawPlot(ctx context.Context, rgb *rgbEngine, out io.Writer) error {
	s, err := eval.PlotDegradations(ctx, eval.PlotOptions{Data: f.o.Data, Degradations: strings.Split(f.o.Degradation, ","), Scale: f.o.Scale,
		Estimate: rgb.estimate, Out: f.plot})
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	if f.json {
		return json.NewEncoder(out).Encode(s)
	}
	fmt.Fprintf(out, "%d vectors of %d degradations: silhouette %.3f; the plot shows %.0f %% of their variance\n", s.Vectors, s.Classes, s.Silhouette, 100*s.Explained)
	return nil
}

// printEval writes the table for people.
func printEval(out io.Writer, r *eval.Result, model string) {
	fmt.Fprintf(out, "%-28s %10s %8s   %10s %8s   %10s %8s\n", "", "bicubic", "SSIM", "Lanczos", "SSIM", "model", "SSIM")
	line := func(name string, s, b, l eval.Score) {
		if len(name) > 28 {
			name = "..." + name[len(name)-25:]
		}
		fmt.Fprintf(out, "%-28s %7.2f dB %8.4f   %7.2f dB %8.4f", name, b.PSNRY, b.SSIMY, l.PSNRY, l.SSIMY)
		if model != "" {
			fmt.Fprintf(out, "   %7.2f dB %8.4f", s.PSNRY, s.SSIMY)
		}
		fmt.Fprintln(out)
	}
	for _, m := range r.Images {
		line(m.Name, m.Score, m.Bicubic, m.Lanczos)
	}
	line(fmt.Sprintf("mean, %s x%d", r.Degradation, r.Scale), r.Score, r.Bicubic, r.Lanczos)
	if r.Bicubic.Flicker > 0 {
		fmt.Fprintf(out, "flicker of still pixels: bicubic %.3f, Lanczos %.3f", r.Bicubic.Flicker, r.Lanczos.Flicker)
		if model != "" {
			fmt.Fprintf(out, ", model %.3f", r.Flicker)
		}
		fmt.Fprintln(out, " levels of 255 from frame to frame")
	}
}

// evalSheet keeps the first pictures for a sheet.
type evalSheet struct {
	limit    int
	pictures []degrade.Labelled
}

func (s *evalSheet) add(name string, lr, bicubic, out, hr degrade.Image) error {
	if len(s.pictures) < 4*s.limit {
		s.pictures = append(s.pictures, degrade.Labelled{Label: "input: " + name, Image: lr}, degrade.Labelled{Label: "bicubic", Image: bicubic},
			degrade.Labelled{Label: "output", Image: out}, degrade.Labelled{Label: "original", Image: hr})
	}
	return nil
}

func (s *evalSheet) write(path string) error {
	m, err := degrade.Sheet(s.pictures, 4)
	if err != nil {
		return err
	}
	return data.WritePNG(path, m)
}
