package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/train/degrade"
	"vsr/train/eval"
	"vsr/train/feature"
)

// evalSchema is the version of the JSON of vsr eval.
const evalSchema = 1

// evalFlags are the flags of vsr eval.
type evalFlags struct {
	engine       engines.Options
	o            eval.Options
	models       []string
	data         []string
	degradations []string
	layout       string
	features     [2]string // network and channel weights
	json         bool
	each         bool
	perFrame     bool
	average      int
	sheet        string
	plot         string
	idrReport    bool
	inputs       string   // folder that every input is written to
	outputs      []string // NAME=DIR of methods that ran elsewhere
}

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

// newEvalCmd is `vsr eval`.
func newEvalCmd() *cobra.Command {
	f := &evalFlags{}
	cmd := &cobra.Command{
		Use: "eval", Short: "Measure models on material with known originals", Long: evalHelp, Example: evalExamples, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			if f.idrReport && !cmd.Flags().Changed("degradation") {
				f.degradations = []string{"bicubic", "h264:23", "h264:32", "worn"}
			}
			return f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.data, "data", nil, "folder of sharp images (PNG, JPEG), searched with its subfolders, or a sharp video, or \"odd\"; may be given again")
	fl.StringVar(&f.o.Input, "input", "", "the degraded version of the video --data, frame for frame, instead of --degradation")
	fl.IntVar(&f.o.Frames, "frames", 0, "frames of a video that are measured (default 48)")
	fl.StringSliceVar(&f.degradations, "degradation", []string{"bicubic"}, "how the low-resolution input is made")
	fl.StringSliceVarP(&f.models, "model", "m", nil, "name of a built-in model, or a weights file; may be given again, all of one scale")
	fl.IntVar(&f.o.Scale, "scale", 4, "scale when no model is given")
	fl.StringVar(&f.layout, "layout", "rgb", "what the methods are given: rgb (4:4:4) or yuv420 (8-bit 4:2:0, as most files are)")
	fl.StringVar(&f.engine.Device, "device", "cpu", "where the models run")
	fl.IntVar(&f.engine.Threads, "threads", 0, "threads of the CPU engine, 0 is all cores")
	fl.StringVar(&f.engine.Precision, "precision", "", "precision of the CPU engine")
	fl.BoolVar(&f.o.Clip, "clip", false, "take the images of a folder for the frames of one clip")
	fl.BoolVar(&f.o.Gray, "gray", false, "turn the originals gray first, to see whether gray input stays gray")
	fl.BoolVar(&f.perFrame, "per-frame", false, "with --clip or a video: estimate the degradation of every frame, not of the first only")
	fl.IntVar(&f.average, "average", 0, "with --clip or a video: take the mean of the first so many frames' estimates, as sr.average does in a run")
	fl.StringVar(&f.features[0], "features", "", "SqueezeNet 1.1 as ONNX: adds the distance of its features")
	fl.StringVar(&f.features[1], "features-linear", "", "weights of its channels, squeeze.pth of the lpips package (default all alike)")
	fl.BoolVar(&f.json, "json", false, "write the results as JSON, with those of every image")
	fl.BoolVar(&f.each, "each", false, "also write a table of every image")
	fl.StringVar(&f.sheet, "sheet", "", "write a PNG of the first images of each set and degradation: input, bicubic, models, original")
	fl.StringVar(&f.inputs, "inputs", "", "also write every input into this folder as PNG, for another program to enlarge")
	fl.StringSliceVar(&f.outputs, "outputs", nil, "NAME=FOLDER: measure what another program made of --inputs, one PNG of the same name each; may be given again")
	fl.StringVar(&f.plot, "idr-plot", "", "draw the degradation vectors of the images in two dimensions into this PNG or SVG instead of measuring")
	fl.BoolVar(&f.idrReport, "idr-report", false, "report on the model's degradation vector instead: does it tell degradations or contents apart, and what is\n"+
		"estimating it worth; without --degradation on bicubic,h264:23,h264:32,worn")
	_ = cmd.MarkFlagRequired("data")
	return cmd
}

func (f *evalFlags) run(ctx context.Context, out, log io.Writer) error {
	if f.layout != "rgb" && f.layout != "yuv420" {
		return usageFault("", "--layout %q: want rgb or yuv420", f.layout)
	}
	if (f.plot != "" || f.idrReport) && (len(f.models) != 1 || f.models[0] == lanczos) || f.plot != "" && len(f.data) != 1 {
		return usageFault("", "--idr-plot and --idr-report need one --model, and --idr-plot one --data")
	}
	if f.features[0] == "" && f.features[1] != "" {
		return usageFault("--features names the network", "--features-linear without --features")
	}
	opened, err := f.open(ctx)
	defer func() {
		for _, e := range opened {
			_ = e.Close()
		}
	}()
	if err != nil {
		return err
	}
	if f.plot != "" {
		return f.drawPlot(ctx, opened[0], out)
	}
	if f.idrReport {
		return f.reportEstimator(ctx, opened[0], out, log)
	}
	report := evalReport{Schema: evalSchema, Layout: f.layout, Gray: f.o.Gray}
	if f.features[0] != "" {
		if f.o.Features, err = feature.OpenDistance(f.features[0], f.features[1]); err != nil {
			return fault{exitInput, err, ""}
		}
		report.Features = f.o.Features.Name()
	}
	sheet := &evalSheet{limit: 4, names: []string{"bicubic"}}
	for _, m := range f.o.Methods {
		sheet.names = append(sheet.names, m.Name)
	}
	if f.sheet != "" {
		f.o.Sheet = sheet.add
	}
	degradations := f.degradations
	if f.o.Input != "" {
		degradations = []string{""}
	}
	for _, data := range f.data {
		for _, degradation := range degradations {
			o := f.o
			o.Data, o.Degradation = data, degradation
			if cli.IsTerminal(log) {
				o.Progress = func(done, total int) {
					fmt.Fprintf(log, "\r%s, %s: %d of %d images\x1b[K", data, degradation, done, total)
				}
			}
			sheet.begin(data, degradation)
			res, err := eval.Run(ctx, o)
			if cli.IsTerminal(log) {
				fmt.Fprint(log, "\r\x1b[K")
			}
			if err != nil {
				return fault{exitInput, err, ""}
			}
			report.Results = append(report.Results, res)
			if !f.json {
				report.print(out, res, f.each)
			}
		}
	}
	if f.sheet != "" {
		if err := sheet.write(f.sheet); err != nil {
			return fault{exitDestination, err, ""}
		}
	}
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return nil
}

// open starts the models and puts them among the methods. The engines are the caller's, also after an error.
func (f *evalFlags) open(ctx context.Context) (opened []*evalEngine, err error) {
	start := func(name string, e sr.Engine) (eval.Method, error) {
		up, err := newEvalEngine(ctx, e, sr.Options{Average: f.average}, f.perFrame, f.layout == "yuv420")
		if err != nil {
			return eval.Method{}, fault{exitUsage, err, ""}
		}
		opened = append(opened, up)
		return eval.Method{Name: name, Upscale: up.upscale, NewClip: up.newClip}, nil
	}
	scale := 0
	for _, name := range f.models {
		if name == lanczos {
			f.o.Methods = append(f.o.Methods, eval.Method{Name: lanczos, Upscale: func(lr degrade.Image) (degrade.Image, error) {
				return degrade.EnlargeLanczos(lr, f.o.Scale), nil
			}})
			continue
		}
		options := f.engine
		options.Model = name
		e, err := engines.Open(ctx, options)
		if err != nil {
			return opened, err
		}
		m, err := start(e.Name, e)
		if err != nil {
			return opened, err
		}
		f.o.Methods = append(f.o.Methods, m)
		if scale != 0 && scale != e.Scale() {
			return opened, usageFault("measure them in two runs", "%s enlarges %d times, the model before it %d times", e.Name, e.Scale(), scale)
		}
		scale = e.Scale()
	}
	if scale != 0 {
		f.o.Scale = scale
	}
	if f.layout == "yuv420" { // the baseline loses the same chroma as the models, before and after
		f.o.Baseline = eval.Method{Name: "bicubic", Upscale: func(lr degrade.Image) (degrade.Image, error) {
			return subsampled(degrade.Enlarge(subsampled(lr), f.o.Scale)), nil
		}}
	}
	for _, spec := range f.outputs {
		m, err := outputReader(spec)
		if err != nil {
			return opened, err
		}
		f.o.Methods = append(f.o.Methods, m)
	}
	if f.inputs != "" {
		if err := os.MkdirAll(f.inputs, 0o755); err != nil {
			return opened, fault{exitDestination, err, ""}
		}
		if f.o.Baseline.Upscale == nil {
			f.o.Baseline = eval.Method{Name: "bicubic", Upscale: func(lr degrade.Image) (degrade.Image, error) { return degrade.Enlarge(lr, f.o.Scale), nil }}
		}
		f.o.Baseline = inputWriter(f.inputs, f.o.Baseline)
	}
	return opened, nil
}

// lanczos is a name for --model that is no model.
const lanczos = "lanczos"

func (f *evalFlags) drawPlot(ctx context.Context, e *evalEngine, out io.Writer) error {
	s, err := eval.PlotDegradations(ctx, eval.PlotOptions{Data: f.data[0], Degradations: f.degradations, Scale: f.o.Scale,
		Estimate: e.estimate, Out: f.plot})
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	if f.json {
		return json.NewEncoder(out).Encode(s)
	}
	fmt.Fprintf(out, "%d vectors of %d degradations: silhouette %.3f; the plot shows %.0f %% of their variance\n", s.Vectors, s.Classes, s.Silhouette, 100*s.Explained)
	return nil
}
