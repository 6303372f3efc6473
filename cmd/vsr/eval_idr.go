package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"vsr/internal/cli"
	"vsr/sr/engines"
	"vsr/train/eval"
)

// idrReport is the JSON of vsr eval --idr-report.
type idrReport struct {
	Schema int    `json:"schema_version"`
	Model  string `json:"model"`
	*eval.EstimatorReport
}

// reportEstimator is `vsr eval --idr-report`.
func (f *evalFlags) reportEstimator(ctx context.Context, e *evalEngine, out, log io.Writer) error {
	w, err := engines.Weights(f.models[0])
	if err != nil {
		return err
	}
	bounds, err := w.IDRBounds()
	if err != nil {
		return fault{exitInput, err, ""}
	}
	o := eval.EstimatorOptions{Data: f.data, Degradations: f.degradations, Scale: f.o.Scale, Clip: f.o.Clip, Frames: f.o.Frames,
		Estimate: e.estimate, Upscale: e.upscaleWith}
	if bounds != nil {
		o.Median = bounds.Mean
	}
	if cli.IsTerminal(log) {
		o.Progress = func(done, total int) { fmt.Fprintf(log, "\r%d of %d inputs\x1b[K", done, total) }
	}
	r, err := eval.Estimator(ctx, o)
	if cli.IsTerminal(log) {
		fmt.Fprint(log, "\r\x1b[K")
	}
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	if f.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(idrReport{evalSchema, f.o.Methods[0].Name, r})
	}
	printEstimator(out, f.o.Methods[0].Name, r)
	return nil
}

// printEstimator writes the tables for people.
func printEstimator(out io.Writer, model string, r *eval.EstimatorReport) {
	fmt.Fprintf(out, "%s, x%d, %d contents; median vector of the %s\n\nvariance of the vectors between\n", model, r.Scale, r.Contents, r.MedianOf)
	fmt.Fprintf(out, "  %-40s %13s %10s %8s\n", "", "degradations", "contents", "rest")
	for _, v := range r.Variance {
		fmt.Fprintf(out, "  %-40s %11.0f %% %8.0f %% %6.0f %%\n", strings.Join(v.Degradations, " "), 100*v.BetweenDegradations, 100*v.BetweenContents, 100*v.Rest)
	}
	fmt.Fprintf(out, "\nPSNR-Y in dB, and what it costs to take a degradation for another\n  %-16s %9s %9s %9s %9s %9s  ", "", "bicubic", "estimate", "median", "gain", "worst")
	for _, d := range r.Degradations {
		fmt.Fprintf(out, " %9s", "as "+d.Name)
	}
	fmt.Fprintln(out)
	for _, d := range r.Degradations {
		fmt.Fprintf(out, "  %-16s %9.2f %9.2f %9.2f %+9.2f %+9.2f  ", d.Name, d.Bicubic, d.Estimate, d.Median, d.Gain, d.WorstGain)
		for _, c := range d.Exchange {
			fmt.Fprintf(out, " %9.2f", c)
		}
		fmt.Fprintln(out)
	}
}
