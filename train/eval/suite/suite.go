// Package suite measures models by name: it opens engines, sets and baselines, runs package eval over every set and degradation, and
// writes sheets and reports. It is what `vsr eval` calls.
//
// Errors are *fault.Error.
package suite

import (
	"context"
	"os"
	"slices"

	"vsr/internal/fault"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/train/degrade"
	"vsr/train/eval"
	"vsr/train/feature"
)

// Schema is the version of the JSON of Report and IDRReport.
const Schema = 1

// Lanczos is a name of Options.Models that is no model but a baseline.
const Lanczos = "lanczos"

// Options says what is measured. Data must be given; without models bicubic interpolation is the only method.
type Options struct {
	eval.Options                                    // Data, Degradation, Methods, Baseline, Features, Sheet and Progress are not used
	Engine       engines.Options                    // Device, Threads and Precision
	Data         []string                           // sets, as eval.Options.Data
	Degradations []string                           // how the input is made; not used with Input
	Models       []string                           // built-in models, weights files or Lanczos, all of one scale
	Layout       string                             // what the methods are given: rgb (4:4:4) or yuv420 (8-bit 4:2:0)
	PerFrame     bool                               // estimate the degradation of every frame of a clip, not of the first only
	Average      int                                // estimate on the mean of a clip's first so many frames
	Features     [2]string                          // network and channel weights of the feature distance; empty is none
	Each         bool                               // print every image, too
	Sheet        string                             // PNG to write with the first images of each set and degradation
	Inputs       string                             // folder that every input is written to
	Outputs      []string                           // NAME=DIR of methods that ran elsewhere on Inputs
	Progress     func(what string, done, total int) // counts images; nil is none

	opened  []*upscaler
	methods []eval.Method
	base    eval.Method
}

// Run measures every set under every degradation.
func Run(ctx context.Context, o Options) (*Report, error) {
	defer o.close()
	if err := o.open(ctx); err != nil {
		return nil, err
	}
	report := &Report{Schema: Schema, Layout: o.Layout, Gray: o.Gray, each: o.Each}
	if err := o.openFeatures(report); err != nil {
		return nil, err
	}
	sheet := &sheet{limit: 4, names: []string{"bicubic"}}
	for _, m := range o.methods {
		sheet.names = append(sheet.names, m.Name)
	}
	if o.Sheet != "" {
		o.Options.Sheet = sheet.add
	}
	degradations := o.Degradations
	if o.Input != "" {
		degradations = []string{""}
	}
	for _, set := range o.Data {
		for _, degradation := range degradations {
			e := o.Options
			e.Data, e.Degradation, e.Methods, e.Baseline = set, degradation, o.methods, o.base
			if o.Progress != nil {
				e.Progress = func(done, total int) { o.Progress(set+", "+degradation, done, total) }
			}
			sheet.begin(set, degradation)
			res, err := eval.Run(ctx, e)
			if err != nil {
				return nil, wrap(fault.Input, err)
			}
			report.Results = append(report.Results, res)
		}
	}
	if o.Sheet != "" {
		if err := sheet.write(o.Sheet); err != nil {
			return nil, wrap(fault.Output, err)
		}
	}
	return report, nil
}

// wrap gives err a kind, unless it has one.
func wrap(kind fault.Kind, err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	return &fault.Error{Kind: kind, Err: err}
}

func (o *Options) openFeatures(report *Report) (err error) {
	switch {
	case o.Features[0] == "" && o.Features[1] != "":
		return fault.New(fault.Usage, "--features names the network", "--features-linear without --features")
	case o.Features[0] == "":
		return nil
	}
	if o.Options.Features, err = feature.OpenDistance(o.Features[0], o.Features[1]); err != nil {
		return &fault.Error{Kind: fault.Input, Err: err}
	}
	report.Features = o.Options.Features.Name()
	return nil
}

// close closes the engines.
func (o *Options) close() {
	for _, e := range o.opened {
		_ = e.Close()
	}
	o.opened = nil
}

// openOne opens the one model of a report about vectors. Nothing stays open after an error.
func (o *Options) openOne(ctx context.Context) (*upscaler, error) {
	if len(o.Models) != 1 || o.Models[0] == Lanczos || len(o.Data) == 0 {
		return nil, fault.New(fault.Usage, "", "--idr-plot and --idr-report need one --model")
	}
	if err := o.open(ctx); err != nil {
		o.close()
		return nil, err
	}
	return o.opened[0], nil
}

// label is what a model is called in the tables: its name, or as it was asked for where another model has that name.
func (o *Options) label(name, asked string) string {
	if slices.ContainsFunc(o.methods, func(m eval.Method) bool { return m.Name == name }) {
		return asked
	}
	return name
}

// open starts the models and puts them among the methods. What was opened stays open after an error.
func (o *Options) open(ctx context.Context) error {
	if o.Layout != "rgb" && o.Layout != "yuv420" {
		return fault.New(fault.Usage, "", "--layout %q: want rgb or yuv420", o.Layout)
	}
	scale := 0
	for _, name := range o.Models {
		if name == Lanczos {
			o.methods = append(o.methods, eval.Method{Name: Lanczos, Upscale: func(lr degrade.Image) (degrade.Image, error) {
				return degrade.EnlargeLanczos(lr, o.Scale), nil
			}})
			continue
		}
		engine := o.Engine
		engine.Model = name
		e, err := engines.Open(ctx, engine)
		if err != nil {
			return err
		}
		up, err := newUpscaler(ctx, e, sr.Options{Average: o.Average}, o.PerFrame, o.Layout == "yuv420")
		if err != nil {
			return &fault.Error{Kind: fault.Usage, Err: err}
		}
		o.opened = append(o.opened, up)
		o.methods = append(o.methods, eval.Method{Name: o.label(e.Name, name), Upscale: up.upscale, NewClip: up.newClip})
		if scale != 0 && scale != e.Scale() {
			return fault.New(fault.Usage, "measure them in two runs", "%s enlarges %d times, the model before it %d times", e.Name, e.Scale(), scale)
		}
		scale = e.Scale()
	}
	if scale != 0 {
		o.Scale = scale
	}
	bicubic := func(lr degrade.Image) (degrade.Image, error) { return degrade.Enlarge(lr, o.Scale), nil }
	if o.Layout == "yuv420" { // the baseline loses the same chroma as the models, before and after
		bicubic = func(lr degrade.Image) (degrade.Image, error) {
			return subsampled(degrade.Enlarge(subsampled(lr), o.Scale)), nil
		}
		o.base = eval.Method{Name: "bicubic", Upscale: bicubic}
	}
	for _, spec := range o.Outputs {
		m, err := outputReader(spec)
		if err != nil {
			return err
		}
		o.methods = append(o.methods, m)
	}
	if o.Inputs != "" {
		if err := os.MkdirAll(o.Inputs, 0o755); err != nil {
			return &fault.Error{Kind: fault.Output, Err: err}
		}
		o.base = inputWriter(o.Inputs, eval.Method{Name: "bicubic", Upscale: bicubic})
	}
	return nil
}
