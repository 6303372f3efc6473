package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/train/eval/suite"
)

const evalHelp = `Measure models on material with known originals: every image under DATA is reduced by a known degradation, enlarged, and
compared with itself. Bicubic interpolation is measured in the same run. Without --model it is the only method.

Degradations, several separated by commas:
  bicubic         antialiased bicubic reduction
  h264:CRF  hevc:CRF  vp9:CRF  mpeg4:Q  mpeg2:Q   the same, then the codec at that quality
  worn            area reduction, blur, noise, MPEG-4 twice
  real:SEED       one draw an image of the video degradation of training, codecs included
  second:SEED     one draw an image of the second-order process of Real-ESRGAN
  gaussian8       the mean of eight isotropic blurs (x4: sigma 1.8 to 3.2)
  gaussian:S      one blur of sigma S, in pixels of the original
  aniso9[:N]      the mean of nine anisotropic blurs, with noise of level N
  none            DATA is the input itself: no original, so only blocks, flicker, overshoot and color are measured

Measures: PSNR of Y, Cb and Cr (BT.601) in dB and SSIM of Y, without a border of as many pixels as the scale; blockiness at the coder's grid
(1 without blocks) and patterns of the pixel shuffle (1 without); overshoot at edges and flicker of still pixels in 8-bit levels; with --gray the color that gray input got; with
--features the distance of a classification network's features. docs/eval.md explains each.

DATA may be the word odd: text, pixel art, a zone plate, dark noise and soft clips, generated, which photographs do not prepare a network for.
A video is one clip: its degradation is estimated on the first frame, as vsr run does for a scene. --model lanczos is another baseline.`

const evalExamples = `  vsr eval --data Set14 --degradation bicubic,h264:23,h264:32 --model fast-x4
  vsr eval --data original.mp4 --degradation h264:28,worn --model fast-x2 --model nano-x2 --frames 24 --sheet sheet.png
  vsr eval --data original.mp4 --input small.mp4 --model fast-x2 --json
  vsr eval --data clip.mp4 --degradation none --model fast-x2
  vsr eval --data Set14 --idr-report --model fast-x4`

func (a *app) evalCommand() *cobra.Command {
	var o suite.Options
	var asJSON, idr bool
	var plot string
	cmd := &cobra.Command{Use: "eval", Short: "Measure models on material with known originals", Long: evalHelp, Example: evalExamples, Args: cobra.NoArgs}
	f := cmd.Flags()
	f.StringSliceVar(&o.Data, "data", nil, "folder of sharp images (PNG, JPEG), searched with its subfolders, or a sharp video, or \"odd\"; may be given again")
	f.StringVar(&o.Input, "input", "", "the degraded version of the video --data, frame for frame, instead of --degradation")
	f.IntVar(&o.Frames, "frames", 0, "frames of a video that are measured (default 48)")
	f.StringSliceVar(&o.Degradations, "degradation", []string{"bicubic"}, "how the low-resolution input is made")
	f.StringSliceVarP(&o.Models, "model", "m", nil, "name of a built-in model, or a weights file; may be given again, all of one scale")
	f.IntVar(&o.Scale, "scale", 4, "scale when no model is given")
	f.StringVar(&o.Layout, "layout", "rgb", "what the methods are given: rgb (4:4:4) or yuv420 (8-bit 4:2:0, as most files are)")
	f.StringVar(&o.Engine.Device, "device", "cpu", "where the models run")
	f.IntVar(&o.Engine.Threads, "threads", 0, "threads of the CPU engine, 0 is all cores")
	f.StringVar(&o.Engine.Precision, "precision", "", "precision of the CPU engine")
	f.BoolVar(&o.Clip, "clip", false, "take the images of a folder for the frames of one clip")
	f.BoolVar(&o.Gray, "gray", false, "turn the originals gray first, to see whether gray input stays gray")
	f.BoolVar(&o.PerFrame, "per-frame", false, "with --clip or a video: estimate the degradation of every frame, not of the first only")
	f.IntVar(&o.Average, "average", 0, "with --clip or a video: take the mean of the first so many frames' estimates, as sr.average does in a run")
	f.StringVar(&o.Features[0], "features", "", "SqueezeNet 1.1 as ONNX: adds the distance of its features")
	f.StringVar(&o.Features[1], "features-linear", "", "weights of its channels, squeeze.pth of the lpips package (default all alike)")
	f.BoolVar(&asJSON, "json", false, "write the results as JSON, with those of every image")
	f.BoolVar(&o.Each, "each", false, "also write a table of every image")
	f.StringVar(&o.Sheet, "sheet", "", "write a PNG of the first images of each set and degradation: input, bicubic, models, original")
	f.StringVar(&o.Inputs, "inputs", "", "also write every input into this folder as PNG, for another program to enlarge")
	f.StringSliceVar(&o.Outputs, "outputs", nil, "NAME=FOLDER: measure what another program made of --inputs, one PNG of the same name each; may be given again")
	f.StringVar(&plot, "idr-plot", "", "draw the degradation vectors of the images in two dimensions into this PNG or SVG instead of measuring")
	f.BoolVar(&idr, "idr-report", false, "report on the model's degradation vector instead: does it tell degradations or contents apart, and what is\n"+
		"estimating it worth; without --degradation on bicubic,h264:23,h264:32,worn")
	_ = cmd.MarkFlagRequired("data")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cli.IsTerminal(a.Stderr) {
			o.Progress = func(what string, done, total int) {
				fmt.Fprintf(a.Stderr, "\r%s: %d of %d images\x1b[K", what, done, total)
			}
			defer fmt.Fprint(a.Stderr, "\r\x1b[K")
		}
		var report cli.Printer
		switch {
		case plot != "" && len(o.Data) != 1:
			return usageFault("", "--idr-plot needs one --data")
		case plot != "":
			report, err = suite.PlotIDR(cmd.Context(), o, plot)
		case idr:
			if !cmd.Flags().Changed("degradation") {
				o.Degradations = []string{"bicubic", "h264:23", "h264:32", "worn"}
			}
			report, err = suite.Estimator(cmd.Context(), o)
		default:
			report, err = suite.Run(cmd.Context(), o)
		}
		if err != nil {
			return err
		}
		return a.Print(report, asJSON)
	}
	return cmd
}
