package suite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"vsr/internal/fault"
	"vsr/sr/engines"
	"vsr/train/eval"
)

// IDRReport is the JSON of vsr eval --idr-report.
type IDRReport struct {
	Schema int    `json:"schema_version"`
	Model  string `json:"model"`
	*eval.EstimatorReport
}

// Estimator reports on the degradation vector of the one model: does it tell degradations or contents apart, and what is estimating it
// worth. Errors are *fault.Error.
func Estimator(ctx context.Context, o Options) (*IDRReport, error) {
	e, err := o.openOne(ctx)
	if err != nil {
		return nil, err
	}
	defer o.close()
	w, err := engines.Weights(o.Models[0])
	if err != nil {
		return nil, err
	}
	bounds, err := w.IDRBounds()
	if err != nil {
		return nil, &fault.Error{Kind: fault.Input, Err: err}
	}
	eo := eval.EstimatorOptions{Data: o.Data, Degradations: o.Degradations, Scale: o.Scale, Clip: o.Clip, Frames: o.Frames,
		Estimate: e.estimate, Upscale: e.upscaleWith}
	if bounds != nil {
		eo.Median = bounds.Mean
	}
	if o.Progress != nil {
		eo.Progress = func(done, total int) { o.Progress("", done, total) }
	}
	r, err := eval.Estimator(ctx, eo)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	return &IDRReport{Schema, o.methods[0].Name, r}, nil
}

// Print writes the tables for people.
func (r *IDRReport) Print(w io.Writer) error {
	var b bytes.Buffer
	printEstimator(&b, r.Model, r.EstimatorReport)
	_, err := w.Write(b.Bytes())
	return err
}

// PlotIDR draws the degradation vectors that the one model estimates of the one set, in two dimensions, as the PNG or SVG path.
func PlotIDR(ctx context.Context, o Options, path string) (*eval.Separation, error) {
	e, err := o.openOne(ctx)
	if err != nil {
		return nil, err
	}
	defer o.close()
	s, err := eval.PlotDegradations(ctx, eval.PlotOptions{Data: o.Data[0], Degradations: o.Degradations, Scale: o.Scale, Estimate: e.estimate, Out: path})
	if err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	return s, nil
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
