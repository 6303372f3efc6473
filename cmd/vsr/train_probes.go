package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train"
)

// trainProbes is `vsr train probes`.
func trainProbes() *cobra.Command {
	var (
		config, out string
		set         []string
		half, force bool
		p           train.ProbeOptions
	)
	cmd := &cobra.Command{
		Use: "probes NAME|FILE", Short: "Fit what reads a degradation vector in pixels, noise levels and CRF, and moves it", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Long: `Spoils the sharp images of a training config by known amounts of blur, noise and compression, estimates them with the network, and fits blur, noise and
CRF to the vectors. The error is measured on the images that the config holds back. The result is the network with these notes.`,
		Example: "  vsr train probes training/runs/fine-tune/fine-tune.safetensors --config training/fine-tune.yaml -o ready.safetensors",
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := engines.Weights(args[0])
			if err != nil {
				return err
			}
			c, err := train.Load(config, set)
			if f, ok := trainingFault(err); ok {
				return f
			}
			o := train.Options{Weights: engines.Weights}
			if log := cmd.ErrOrStderr(); cli.IsTerminal(log) {
				p.Progress = func(done, total int) { fmt.Fprintf(log, "\r%d of %d patches\x1b[K", done, total) }
				defer fmt.Fprint(log, "\r\x1b[K")
			}
			probes, err := train.FitProbes(cmd.Context(), w, c, p, o)
			if err != nil {
				return inputFault(err, "the config must name images, and its scale must be the model's")
			}
			if err := w.SetProbes(probes); err != nil {
				return err
			}
			kind := kdsr.F32
			if half {
				kind = kdsr.F16
			}
			if err := saveWeights(w, out, kind, force); err != nil {
				return err
			}
			printProbes(cmd, probes)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&config, "config", "c", "", "the YAML file of a training run")
	f.StringArrayVar(&set, "set", nil, "change one key of the config, as in --set data.images=[photographs]; may be repeated")
	f.StringVarP(&out, "output", "o", "", "file to write (required)")
	f.IntVar(&p.Samples, "samples", 3072, "patches to fit to")
	f.IntVar(&p.HeldOut, "held-out", 768, "patches to measure the error on")
	f.BoolVar(&half, "f16", false, "store half precision")
	f.BoolVarP(&force, "yes", "y", false, "replace the file if it exists")
	_ = cmd.MarkFlagRequired("config")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

// printProbes writes how good the probes are.
func printProbes(cmd *cobra.Command, p *kdsr.Probes) {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%d patches fitted to, %d held out; median of the absolute error, and of the best answer that is always the same\n", p.Samples, p.HeldOut)
	for t := range kdsr.Traits {
		fmt.Fprintf(out, "  %-6s %6.2f %6.2f\n", t, p.Traits[t].Error, p.Traits[t].Constant)
	}
}
