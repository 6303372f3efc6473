package main

import (
	"github.com/spf13/cobra"

	"vsr/internal/cli/args"
	"vsr/upscale"
)

func (a *app) scenesCommand() *cobra.Command {
	var o upscale.SceneListOptions
	var asJSON, asEDL, asCSV bool
	var edit string
	cmd := &cobra.Command{
		Use:   "scenes IN",
		Short: "List the scenes of a video",
		Long: "Decodes IN and lists the scenes that vsr run would find: hard cuts, dissolves, wipes and fades to another shot, not flashes or fast\n" +
			"motion. The column \"like\" names the earlier scene that a scene returns to.",
		Example: "  vsr scenes video.mkv\n  vsr scenes video.mkv --json | jq '.scenes[].start'\n  vsr scenes video.mkv --edl > video.edl\n  vsr scenes video.mkv --degradation\n" +
			"  vsr scenes video.mkv --edit cuts.yaml && vi cuts.yaml && vsr run video.mkv --scenes cuts.yaml",
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&asEDL, "edl", false, "print a CMX 3600 edit decision list")
	f.BoolVar(&asCSV, "csv", false, "print comma-separated values, times in seconds")
	f.StringVar(&edit, "edit", "", "write a scenes `file` to correct by hand, for vsr run --scenes; - is standard output")
	f.BoolVar(&o.Degradation, "degradation", false, "estimate each scene's blur, noise and compression too, and how usual they are")
	f.StringVar(&o.Model, "model", "", "with --degradation: the network that estimates, built-in or a .safetensors `file` (default nano-x2)")
	f.Float64Var(&o.Scene.Threshold, "threshold", 0.5, "probability from which a change is a cut; lower finds more")
	f.Var(args.Clock(&o.Start), "start", "where to begin: seconds, or h:m:s")
	f.Var(args.Clock(&o.Duration), "duration", "how much to look at; 0 is all")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if asJSON && asEDL || asJSON && asCSV || asEDL && asCSV {
			return usageFault("", "--json, --edl and --csv exclude each other")
		}
		if o.Model != "" && !o.Degradation {
			return usageFault("add --degradation", "--model has nothing to estimate")
		}
		o.Logger = a.Logger()
		list, err := upscale.ListScenes(cmd.Context(), names[0], o)
		switch {
		case err != nil:
			return err
		case edit == "-":
			return list.WriteSceneFile(a.Stdout)
		case edit != "":
			if err := list.CreateSceneFile(edit); err != nil {
				return err
			}
			a.Tell("%d scenes in %s", len(list.Scenes), edit)
			return nil
		case asEDL:
			return list.WriteEDL(a.Stdout)
		case asCSV:
			return list.WriteCSV(a.Stdout)
		}
		return a.Print(list, asJSON)
	}
	return cmd
}
