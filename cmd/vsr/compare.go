package main

import (
	"time"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/upscale"
	"vsr/upscale/compare"
	"vsr/upscale/view"
)

const compareHelp = `Reads both files to their ends and writes a report page: one HTML file that needs nothing but a browser. It shows frames of the scenes
with a slider between source and output, the degradation vector (IDR) of each scene, the numbers of every frame, and the checks of vsr verify.
The vectors come from the report of the run, which is looked for as OUT.json and as OUT with the ending .json; without one the scenes are
found again and the vectors are left out.

Exit code 0 when all checks passed, else 7; the page is written in both cases.`

const compareExamples = `  vsr run clip.mp4 -o big.mp4 --report big.json
  vsr compare clip.mp4 big.mp4                              # big.compare.html
  vsr compare clip.mp4 big.mp4 -o page.html --strip strip.png
  vsr compare clip.mp4 part.mp4 --start 1:30 --duration 10  # of a run with the same flags
  vsr compare clip.mp4 big.mp4 --json | jq .frame`

func (a *app) compareCommand() *cobra.Command {
	var asJSON bool
	o := compare.Options{VerifyOptions: upscale.VerifyOptions{AnySize: true}}
	cmd := &cobra.Command{
		Use: "compare SRC OUT", Short: "Show source and output side by side, scene by scene, on one page",
		Long: compareHelp, Example: compareExamples, Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.StringVarP(&o.Page, "output", "o", "", "page to write; empty is OUT with the ending .compare.html")
	f.StringVar(&o.Strip, "strip", "", "also write one row of images for each scene into a PNG `file`")
	f.StringVar(&o.Report, "report", "", "JSON report `file` of the run that made OUT")
	f.IntVar(&o.Scenes, "scenes", 12, "show at most so many scenes, spread over the video")
	f.BoolVarP(&o.Replace, "yes", "y", false, "replace page and strip if they exist")
	f.BoolVar(&asJSON, "json", false, "print checks, scenes and the numbers of every frame as JSON")
	verifyFlags(f, &o.VerifyOptions)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		o.Logger = a.Logger()
		show, began := view.New(&a.Output, view.None), time.Now()
		if cli.IsTerminal(a.Stderr) {
			show = view.New(&a.Output, view.Bar)
		}
		o.Progress = func(done, total int64) {
			show.Event(upscale.Progress{Phase: upscale.PhaseUpscale, Frames: done, Total: total, Elapsed: time.Since(began)})
		}
		result, err := compare.Run(cmd.Context(), names[0], names[1], o)
		show.Finish()
		if err != nil {
			return err
		}
		if err := a.Print(result, asJSON); err != nil {
			return err
		}
		return result.Err()
	}
	return cmd
}
