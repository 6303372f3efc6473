package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

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
	f.Var((*clockFlag)(&o.Start), "start", "where to begin: seconds, or h:m:s")
	f.Var((*clockFlag)(&o.Duration), "duration", "how much to look at; 0 is all")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if asJSON && asEDL || asJSON && asCSV || asEDL && asCSV {
			return usageFault("", "--json, --edl and --csv exclude each other")
		}
		if o.Model != "" && !o.Degradation {
			return usageFault("add --degradation", "--model has nothing to estimate")
		}
		list, err := a.listScenes(cmd.Context(), args[0], o)
		switch {
		case err != nil:
			return err
		case edit == "-":
			return list.WriteSceneFile(a.stdout)
		case edit != "":
			return a.writeScenes(edit, list)
		case asJSON:
			e := json.NewEncoder(a.stdout)
			e.SetIndent("", "  ")
			return e.Encode(list)
		case asEDL:
			return list.WriteEDL(a.stdout)
		case asCSV:
			return list.WriteCSV(a.stdout)
		}
		return list.Print(a.stdout)
	}
	return cmd
}

func (a *app) listScenes(ctx context.Context, in string, o upscale.SceneListOptions) (*upscale.SceneList, error) {
	o.Logger = a.logger()
	return upscale.ListScenes(ctx, in, o)
}

// writeScenes writes a scenes file that is not there yet: a person may have worked on the one that is.
func (a *app) writeScenes(path string, list *upscale.SceneList) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault{exitDestination, err, "remove it or name another: it may hold corrections"}
	}
	if err != nil {
		return destinationFault(err)
	}
	if err := errors.Join(list.WriteSceneFile(f), f.Close()); err != nil {
		return destinationFault(err)
	}
	a.tell("%d scenes in %s", len(list.Scenes), path)
	return nil
}
