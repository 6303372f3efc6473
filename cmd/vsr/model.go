package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vsr/models"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train"
)

func (a *app) modelCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "List, inspect and convert weights", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(a.modelList(), a.modelInspect(), a.modelImport(), a.modelExport())
	return cmd
}

func (a *app) modelList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the built-in models", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names := models.Names()
			if len(names) == 0 {
				fmt.Fprintln(a.stdout, "no model is built in; vsr run falls back on a bicubic stand-in, or takes a file with --model")
				return nil
			}
			w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSCALE\tSHAPE\tTRAINED FOR")
			for _, name := range names {
				m, err := engines.Weights(name)
				if err != nil {
					return fmt.Errorf("built-in model %s: %w", name, err)
				}
				fmt.Fprintf(w, "%s\tx%d\tC%d N%d R%d\t%s\n", name, m.Config.Scale, m.Config.C, m.Config.N, m.Config.R, m.Meta[kdsr.MetaDegradation])
			}
			return w.Flush()
		},
	}
}

// inspection is what `vsr model inspect --json` prints.
type inspection struct {
	Config     kdsr.Config       `json:"config"`
	Role       kdsr.Role         `json:"role"`
	Hash       string            `json:"hash"`
	Parameters int               `json:"parameters"`
	MACs       kdsr.MACs         `json:"macs_640x360"`
	Meta       map[string]string `json:"meta"`
}

func (a *app) modelInspect() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "inspect NAME|FILE", Short: "Show what a weights file holds, and check it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := engines.Weights(args[0])
			if err != nil {
				return err
			}
			return a.inspect(m, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) inspect(m *kdsr.Weights, asJSON bool) error {
	if m.Role == "" {
		m.Role = kdsr.Student
	}
	count, err := m.Config.ParamCount(m.Role)
	if err != nil {
		return err
	}
	macs, err := m.Config.MACs(640, 360)
	if err != nil {
		return err
	}
	in := inspection{m.Config, m.Role, m.Hash(), count, macs, m.Meta}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(in)
	}
	c := m.Config
	w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "network\tKDSR %s, x%d\n", in.Role, c.Scale)
	fmt.Fprintf(w, "shape\tC%d N%d R%d, tail %s, skip %s, stem stride %d\n", c.C, c.N, c.R, c.Tail, c.Skip, c.Stem)
	fmt.Fprintf(w, "parameters\t%d\n", count)
	fmt.Fprintf(w, "multiply-adds\t%.2f G a 640x360 frame, %.2f G once a scene\n", float64(macs.Upscale)/1e9, float64(macs.Estimate+macs.Vector+macs.Modulate)/1e9)
	fmt.Fprintf(w, "hash\t%s\n", in.Hash)
	for _, key := range slices.Sorted(maps.Keys(m.Meta)) {
		fmt.Fprintf(w, "%s\t%s\n", key, brief(key, m))
	}
	return w.Flush()
}

// brief is a note for people: the numbers of IDRBounds and Probes fill screens.
func brief(key string, m *kdsr.Weights) string {
	if p, err := m.Probes(); key == kdsr.MetaProbes && err == nil {
		t := p.Traits
		return fmt.Sprintf("held-out median error: blur %.2f px, noise %.1f levels, CRF %.1f", t[kdsr.TraitBlur].Error, t[kdsr.TraitNoise].Error, t[kdsr.TraitCRF].Error)
	}
	if t, err := m.IDRBounds(); key == kdsr.MetaIDRBounds && err == nil {
		return fmt.Sprintf("degradation vectors within %.1f deviations", t.Limit)
	}
	return m.Meta[key]
}

func (a *app) modelImport() *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use: "import FILE.pth -o FILE.safetensors", Short: "Convert an official KDSR checkpoint", Args: cobra.ExactArgs(1),
		Long: "Reads the checkpoints that the authors of KDSR publish, classic (.pt) and GAN (.pth), and writes safetensors.\nNo code in the checkpoint is run. Every missing, extra or mis-shaped tensor is listed.",
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return inputFault(err, "")
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return inputFault(err, "")
			}
			w, err := kdsr.ImportTorch(f, info.Size())
			if err != nil {
				return inputFault(err, "vsr reads student checkpoints of KDSR: a state dict, or params_ema")
			}
			return a.saveModel(w, out, kdsr.F32, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (required)")
	cmd.Flags().BoolVarP(&force, "yes", "y", false, "replace the file if it exists")
	cmd.MarkFlagRequired("output")
	return cmd
}

func (a *app) modelExport() *cobra.Command {
	var out, like, precision, bounds string
	var half, force, onnx bool
	cmd := &cobra.Command{
		Use: "export NAME|FILE -o FILE", Short: "Write a model to a file, built-in ones included", Args: cobra.ExactArgs(1),
		Example: "  vsr model export fast-x4 -o fast-x4.safetensors\n  vsr model export imported.safetensors --idr-bounds configs/train-student.yaml -o ready.safetensors\n  vsr model export fast-x4 --onnx --like clip.mp4 -o clip.onnx   # the network of the clip's first scene",
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := engines.Weights(args[0])
			if err != nil {
				return err
			}
			if err := notePrecision(w, precision); err != nil {
				return err
			}
			if err := noteIDRBounds(cmd.Context(), w, bounds); err != nil {
				return err
			}
			if onnx {
				return a.exportONNX(cmd.Context(), w, like, out, force)
			}
			dtype := kdsr.F32
			if half {
				dtype = kdsr.F16
			}
			return a.saveModel(w, out, dtype, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (required)")
	cmd.Flags().BoolVar(&half, "f16", false, "store half precision")
	cmd.Flags().StringVar(&precision, "precision", "", "note in the file what half precision is not good enough for: fp32 (everything), last:N (the last N convolutions before the tail) or auto (nothing)")
	cmd.Flags().StringVar(&bounds, "idr-bounds", "", "note in the file which degradation vectors the material of a `training.yaml` gives, so that none far outside is used; none takes the note away")
	cmd.Flags().BoolVar(&onnx, "onnx", false, "write the static network of one scene as ONNX, for other programs")
	cmd.Flags().StringVar(&like, "like", "", "with --onnx: the `clip` or image whose degradation the network is made for")
	cmd.Flags().BoolVarP(&force, "yes", "y", false, "replace the file if it exists")
	cmd.MarkFlagRequired("output")
	return cmd
}

func (a *app) saveModel(w *kdsr.Weights, out string, t kdsr.DType, force bool) error {
	if err := saveWeights(w, out, t, force); err != nil {
		return err
	}
	return a.inspect(w, false)
}

// saveWeights writes a weights file, over another one only with force.
func saveWeights(w *kdsr.Weights, out string, t kdsr.DType, force bool) error {
	if _, err := os.Stat(out); err == nil && !force {
		return destinationFault(fmt.Errorf("%s: %w", out, fs.ErrExist))
	}
	if err := w.Save(out, t); err != nil {
		return destinationFault(err)
	}
	return nil
}

// notePrecision writes what --precision says into the weights' notes.
func notePrecision(w *kdsr.Weights, precision string) error {
	if precision == "" {
		return nil
	}
	delete(w.Meta, kdsr.MetaPrecision)
	if precision == "auto" {
		return nil
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(precision, "last:"), 10, 16); precision != "fp32" && (err != nil || n == 0 || !strings.HasPrefix(precision, "last:")) {
		return usageFault("", "--precision %s: want fp32, last:N or auto", precision)
	}
	w.Meta[kdsr.MetaPrecision] = precision
	return nil
}

// noteIDRBounds measures what --idr-bounds asks for and writes it into the weights' notes.
func noteIDRBounds(ctx context.Context, w *kdsr.Weights, config string) error {
	switch config {
	case "":
		return nil
	case "none":
		return w.SetIDRBounds(nil)
	}
	c, err := train.Load(config, nil)
	if err != nil {
		return usageFault("", "%v", err)
	}
	t, err := train.IDRBounds(ctx, w, c, train.Options{})
	if err != nil {
		return inputFault(err, "--idr-bounds needs the images that the config names, and its scale must be the model's")
	}
	return w.SetIDRBounds(t)
}
