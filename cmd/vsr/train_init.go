package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vsr/models"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/train"
)

// trainInit is `vsr train init`.
func trainInit() *cobra.Command {
	o := train.InitOptions{Out: "training", Model: "fast", Scale: 4}
	cmd := &cobra.Command{
		Use: "init FOLDER", Short: "Write training configs for a folder of your own images and videos", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Long: `Write configs that train on the sharp images (PNG, JPEG) and videos of FOLDER: fine-tune.yaml suits a built-in model to them, teacher.yaml and
student.yaml train one from nothing, gan.yaml makes it crisper. Nothing is trained yet.`,
		Example: "  vsr train init photographs\n  vsr train init photographs --scale 2 -o training-x2",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Data = args[0]
			shape, err := kdsr.Preset(o.Model, o.Scale)
			if err != nil {
				return usageFault("--model nano, fast or base; --scale 2, 3 or 4", "%w", err)
			}
			o.BuiltIn = builtInOf(shape)
			files, images, videos, err := train.Init(o)
			if f, ok := trainingFault(err); ok {
				return f
			}
			if err != nil {
				return destinationFault(err)
			}
			printInit(cmd.OutOrStdout(), o, files, images, videos)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", o.Out, "`folder` for the configs and, later, the runs")
	f.StringVar(&o.Model, "model", o.Model, "size of the network: nano, fast or base")
	f.IntVar(&o.Scale, "scale", o.Scale, "enlarge 2, 3 or 4 times")
	f.BoolVarP(&o.Replace, "yes", "y", false, "write over configs that exist")
	return cmd
}

// builtInOf is the first built-in model of a shape that is trained for real material, or nothing.
func builtInOf(shape kdsr.Config) string {
	for _, name := range models.Names() {
		if w, err := engines.Weights(name); err == nil && w.Config == shape {
			return name
		}
	}
	return ""
}

func printInit(out io.Writer, o train.InitOptions, files []string, images, videos int) {
	fmt.Fprintf(out, "%s: %d images, %d videos\n", o.Data, images, videos)
	for _, f := range files {
		fmt.Fprintf(out, "wrote %s\n", f)
	}
	fmt.Fprintln(out, "\nnext, one of")
	if o.BuiltIn != "" {
		fmt.Fprintf(out, "  vsr train student --config %s/fine-tune.yaml   # suits %s to your material: the quickest\n", o.Out, o.BuiltIn)
	}
	fmt.Fprintf(out, "  vsr train teacher --config %s/teacher.yaml     # a model from nothing, then\n", o.Out)
	fmt.Fprintf(out, "  vsr train student --config %s/student.yaml\n", o.Out)
	fmt.Fprintf(out, "  vsr train gan     --config %s/gan.yaml         # optional: crisper\n", o.Out)
}
