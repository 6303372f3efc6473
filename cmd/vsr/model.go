package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"vsr/internal/fault"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train"
	"vsr/upscale"
)

func (a *app) modelCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "List, inspect and convert weights", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  vsr model list\n  vsr model inspect fast-x4\n  vsr model export fast-x4 -o fast-x4.safetensors"}
	cmd.AddCommand(a.modelList(), a.modelInspect(), a.modelImport(), a.modelExport())
	return cmd
}

func (a *app) modelList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the built-in models", Args: cobra.NoArgs, Example: "  vsr model list",
		RunE: func(*cobra.Command, []string) error { return engines.PrintModels(a.Stdout) },
	}
}

func (a *app) modelInspect() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "inspect NAME|FILE", Short: "Show what a weights file holds, and check it", Args: cobra.ExactArgs(1),
		Example: "  vsr model inspect fast-x4 --json",
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := engines.Weights(args[0])
			if err != nil {
				return err
			}
			return a.describe(w, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) describe(w *kdsr.Weights, asJSON bool) error {
	d, err := w.Describe()
	if err != nil {
		return err
	}
	return a.Print(d, asJSON)
}

// modelFile is where import and export write.
type modelFile struct {
	path    string
	replace bool
}

func (o *modelFile) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.path, "output", "o", "", "`file` to write (required)")
	cmd.Flags().BoolVarP(&o.replace, "yes", "y", false, "replace the file if it exists")
	_ = cmd.MarkFlagRequired("output")
}

// check refuses a file that is there, before any work is done.
func (o *modelFile) check() error {
	if _, err := os.Stat(o.path); err == nil && !o.replace {
		return upscale.OutputError(&fs.PathError{Op: "write", Path: o.path, Err: fs.ErrExist})
	}
	return nil
}

func (a *app) modelImport() *cobra.Command {
	var out modelFile
	cmd := &cobra.Command{
		Use: "import FILE.pth -o FILE.safetensors", Short: "Convert an official KDSR checkpoint", Args: cobra.ExactArgs(1),
		Example: "  vsr model import KDSR_x4.pth -o kdsr-x4.safetensors\n  vsr run clip.mp4 --model kdsr-x4.safetensors",
		Long:    "Reads the checkpoints that the authors of KDSR publish, classic (.pt) and GAN (.pth), and writes safetensors.\nNo code in the checkpoint is run. Every missing, extra or mis-shaped tensor is listed.",
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := kdsr.ImportTorchFile(args[0])
			if err != nil {
				return &fault.Error{Kind: fault.Input, Err: err, Hint: "vsr reads student checkpoints of KDSR: a state dict, or params_ema"}
			}
			return a.saveModel(w, out, kdsr.F32)
		},
	}
	out.flags(cmd)
	return cmd
}

func (a *app) modelExport() *cobra.Command {
	var out modelFile
	var like, precision, bounds string
	var half, onnx bool
	cmd := &cobra.Command{
		Use: "export NAME|FILE -o FILE", Short: "Write a model to a file, built-in ones included", Args: cobra.ExactArgs(1),
		Example: "  vsr model export fast-x4 -o fast-x4.safetensors\n  vsr model export imported.safetensors --idr-bounds configs/train-student.yaml -o ready.safetensors\n  vsr model export fast-x4 --onnx --like clip.mp4 -o clip.onnx   # the network of the clip's first scene",
	}
	out.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&half, "f16", false, "store half precision")
	f.StringVar(&precision, "precision", "", "note in the file what half precision is not good enough for: fp32 (everything), last:N (the last N convolutions before the tail) or auto (nothing)")
	f.StringVar(&bounds, "idr-bounds", "", "note in the file which degradation vectors the material of a `training.yaml` gives, so that none far outside is used; none takes the note away")
	f.BoolVar(&onnx, "onnx", false, "write the static network of one scene as ONNX, for other programs")
	f.StringVar(&like, "like", "", "with --onnx: the `clip` or image whose degradation the network is made for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := engines.Weights(args[0])
		if err != nil {
			return err
		}
		if err := w.SetPrecision(precision); err != nil {
			return usageFault("", "--precision: %v", err)
		}
		if bounds != "" {
			if err := train.NoteIDRBounds(cmd.Context(), w, bounds); err != nil {
				return err
			}
		}
		if onnx {
			if err := out.check(); err != nil {
				return err
			}
			if err := upscale.ExportONNX(cmd.Context(), w, like, out.path); err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "%s: input x [1,3,H,W] RGB in [0,1], output y [1,3,%[2]dH,%[2]dW], ONNX opset 13\n", out.path, w.Config.Scale)
			return nil
		}
		dtype := kdsr.F32
		if half {
			dtype = kdsr.F16
		}
		return a.saveModel(w, out, dtype)
	}
	return cmd
}

func (a *app) saveModel(w *kdsr.Weights, out modelFile, t kdsr.DType) error {
	if err := out.check(); err != nil {
		return err
	}
	if err := upscale.OutputError(w.Save(out.path, t)); err != nil {
		return err
	}
	return a.describe(w, false)
}
