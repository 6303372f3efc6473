package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train"
	"vsr/upscale"
)

func (a *app) trainProbes() *cobra.Command {
	var (
		config string
		out    modelFile
		set    []string
		half   bool
		p      train.ProbeOptions
	)
	cmd := &cobra.Command{
		Use: "probes NAME|FILE", Short: "Fit what reads a degradation vector in pixels, noise levels and CRF, and moves it", Args: cobra.ExactArgs(1),
		Long: `Spoils the sharp images of a training config by known amounts of blur, noise and compression, estimates them with the network, and fits blur, noise and
CRF to the vectors. The error is measured on the images that the config holds back. The result is the network with these notes.`,
		Example: "  vsr train probes training/runs/fine-tune/fine-tune.safetensors --config training/fine-tune.yaml -o ready.safetensors",
	}
	out.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&config, "config", "c", "", "the YAML `file` of a training run")
	f.StringArrayVar(&set, "set", nil, "change one `key=value` of the config, as in --set data.images=[photographs]; may be repeated")
	f.IntVar(&p.Samples, "samples", 3072, "patches to fit to")
	f.IntVar(&p.HeldOut, "held-out", 768, "patches to measure the error on")
	f.BoolVar(&half, "f16", false, "store half precision")
	_ = cmd.MarkFlagRequired("config")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := out.check(); err != nil {
			return err
		}
		w, err := engines.Weights(args[0])
		if err != nil {
			return err
		}
		c, err := train.Load(config, set)
		if err != nil {
			return train.Fault(err)
		}
		if cli.IsTerminal(a.Stderr) {
			p.Progress = func(done, total int) { fmt.Fprintf(a.Stderr, "\r%d of %d patches\x1b[K", done, total) }
			defer fmt.Fprint(a.Stderr, "\r\x1b[K")
		}
		probes, err := train.FitProbes(cmd.Context(), w, c, p, train.Options{Weights: engines.Weights})
		if err != nil {
			return &fault.Error{Kind: fault.Input, Err: err, Hint: "the config must name images, and its scale must be the model's"}
		}
		if err := w.SetProbes(probes); err != nil {
			return err
		}
		kind := kdsr.F32
		if half {
			kind = kdsr.F16
		}
		if err := upscale.OutputError(w.Save(out.path, kind)); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "%d patches fitted to, %d held out; median of the absolute error, of the best answer that is always the same, and the effect of the slider\n", probes.Samples, probes.HeldOut)
		for t := range kdsr.Traits {
			fmt.Fprintf(a.Stdout, "  %-6s %6.2f %6.2f %+.3f\n", t, probes.Traits[t].Error, probes.Traits[t].Constant, probes.Traits[t].Effect)
		}
		return nil
	}
	return cmd
}
