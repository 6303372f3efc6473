package main

import (
	"context"
	"errors"
	"os/signal"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/view"
)

// runConfig is the whole configuration of `vsr run`: defaults, then the YAML file, then flags. configs/run.yaml explains it.
type runConfig struct {
	upscale.Options `yaml:",inline"`
	Progress        string `yaml:"progress"`
	Report          string `yaml:"report"`
	Quality         string `yaml:"quality"` // low, medium, high or archive instead of encode.crf
}

func defaultRun() runConfig { return runConfig{Options: upscale.Defaults(), Progress: view.Auto} }

// validate reports the first value that cannot be right.
func (c *runConfig) validate() error {
	if err := view.Validate(c.Progress); err != nil {
		return err
	}
	return c.Options.Validate()
}

// runRequest is one `vsr run` as the command line put it.
type runRequest struct {
	runConfig
	in        string
	many      []string // of a run of several files and folders
	recursive bool
	once      bool // --no-resume
	config    string
	scenes    string // scenes file; empty finds scenes
	print     bool
	json      bool
	preview   float64 // seconds of each part; 0 is a run
}

func (a *app) runCommand() *cobra.Command {
	r := runRequest{runConfig: defaultRun()}
	cmd := &cobra.Command{
		Use:   "run IN [OUT] | run IN... -o FOLDER",
		Short: "Upscale a video, an image, or whole folders of them",
		Long: `Upscales the video of IN and copies every other stream that the output can hold. Without OUT, clip.mp4 becomes clip_x4.mp4 in the same folder
(clip_x2.mp4 if it has more than 540 rows: the output has at most 2160); .flv, .mpg and others become .mkv. vsr clip.mp4 does the same.

For each scene vsr measures blur, noise and compression once, sets the network for that damage, and runs all frames of the scene through it.

The output file appears only when complete. Ctrl-C once: stop and keep a playable file of what is done. Twice: stop at once. Longer files are
worked on in segments, kept in .OUT.vsr-work beside the output: after a crash, a full disk or Ctrl-C the same command continues where it
stopped. The folder is removed when the output is complete.

In a pipe: ffmpeg ... -f yuv4mpegpipe - | vsr run - -o - | ffmpeg -i - ... Standard output is Y4M, NUT or Matroska (--format), frames uncompressed
unless --codec says otherwise; messages go to standard error. What comes from a pipe is read once: no segments, nothing to resume, no --preview.

Several files and folders go into a folder: vsr run a.mp4 b.mkv FOLDER -o OUT. Each gets one line; the exit code is that of the gravest error.
The same command after Ctrl-C or a crash skips what is done and continues the rest. Files that are not videos are named and skipped.

` + exitHelp,
		Example: "  vsr clip.mp4\n  vsr run clip.mp4 big.mkv --scale 2\n  vsr run long.mkv --scale 2 --preview 3s                # time, size and memory to expect\n" +
			"  vsr run holiday -o large --recursive                  # every video of a folder, resumable as a whole\n  vsr run clip.mp4 --codec hevc --quality archive\n  vsr run long.mkv -o big.mkv --workers 4 --report big.json\n  vsr run clip.mp4 --height 1080 --start 1:30 --duration 10",
		Args: cobra.ArbitraryArgs,
	}
	f := cmd.Flags()
	f.StringVarP(&r.in, "input", "i", "", "file to upscale, instead of IN; - is standard input")
	f.StringVarP(&r.Output, "output", "o", "", "file to write, instead of OUT; its ending says which container; - is standard output; for several inputs a folder")
	f.StringVar(&r.Container, "format", "", "with -o -, what standard output gets: y4m, nut or matroska (default: y4m if that comes in, else nut), without --codec uncompressed")
	f.BoolVar(&r.recursive, "recursive", false, "with folders: the folders inside them too, mirrored into that of the outputs")
	f.BoolVarP(&r.Replace, "yes", "y", false, "replace the output if it exists")
	f.BoolVar(&r.print, "print-config", false, "print the configuration that would be used, and stop")
	f.StringVar(&r.Report, "report", r.Report, "write a JSON report to `file`, - for standard output")
	f.StringVar(&r.Progress, "progress", r.Progress, "auto, bar, json or none")
	f.BoolVar(&r.once, "no-resume", false, "work in one go, without segments that a later run could continue from")
	f.IntVar(&r.Workers, "workers", r.Workers, "segments to process in parallel; each needs the memory of a whole run (default: one for each device)")
	f.BoolVar(&r.Restart, "restart", false, "discard what an earlier run has finished, and begin anew")
	f.Var(args.Length(&r.preview), "preview", "try this many seconds at four places, print time, file size, disk space and memory of the whole job, and write nothing: 3s, 0:03")
	f.BoolVar(&r.json, "json", false, "print the report, or with --preview the estimate, as JSON on standard output")
	r.flags(f)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if err := r.settle(cmd); err != nil {
			return err
		}
		if err := r.validate(); err != nil {
			return err
		}
		if r.print {
			return args.PrintConfig(a.Stdout, r.runConfig)
		}
		if err := r.takeNames(names); err != nil {
			return err
		}
		if err := r.settlePipe(a, cmd.Flags().Changed("codec")); err != nil {
			return err
		}
		switch {
		case len(r.many) > 0:
			if r.json {
				r.quiet(a)
			}
			return a.batch(cmd.Context(), r)
		case cmd.Flags().Changed("preview") && r.preview <= 0:
			return usageFault("as in --preview 3s", "--preview 0: nothing to measure")
		case r.preview > 0:
			return a.preview(cmd.Context(), r)
		case r.json:
			r.Report = "-"
			r.quiet(a)
		}
		return a.run(cmd.Context(), r)
	}
	return cmd
}

// quiet leaves standard output to something else than progress.
func (r *runRequest) quiet(a *app) {
	if r.Progress == view.Auto && !cli.IsTerminal(a.Stderr) || r.Progress == view.JSON {
		r.Progress = view.None
	}
}

// flags are those that say what the output is to be.
func (r *runRequest) flags(f *pflag.FlagSet) {
	view.OptionFlags(f, &r.Options)
	f.StringVar(&r.scenes, "scenes", "", "YAML `file` with the cuts, and degradations set by hand, to use instead of finding them (vsr scenes IN --edit FILE)")
	f.StringVar(&r.Quality, "quality", r.Quality, qualityHelp)
	f.StringVarP(&r.config, "config", "c", "", "YAML `file` with any of these and more (see --print-config)")
}

// settle puts the configuration file between defaults and flags, and takes the cuts of the scenes file and the CRF of --quality.
func (r *runRequest) settle(cmd *cobra.Command) error {
	if err := args.Layer(cmd, r.config, &r.runConfig); err != nil {
		return err
	}
	r.Resume = r.Resume && !r.once
	if r.scenes != "" {
		s, err := upscale.ReadSceneFile(r.scenes)
		if err != nil {
			return err
		}
		r.Scene.Cuts, r.Scenes = s.Cuts(), s.Scenes
	}
	if r.Quality == "" {
		return nil
	}
	if cmd.Flags().Changed("crf") {
		return usageFault("", "--quality and --crf exclude each other")
	}
	return r.SetQuality(upscale.Quality(r.Quality))
}

// adjust, when it is not nil, changes the options of a run: tests let it stand for hardware that a machine has not.
var adjust func(*upscale.Options)

// qualityHelp says what each level costs, as scripts/quality.sh has measured it on 180p video with x264, x265 and vp9.
const qualityHelp = "low (a third of high's file size), medium (half), high (the default), archive (1.7 times), with every codec; instead of --crf"

// run upscales one file.
func (a *app) run(parent context.Context, r runRequest) error {
	ctx, signals := a.watchInterrupts(parent)
	defer signals.End()
	show := view.New(&a.Output, r.Progress)
	r.Stop, r.Logger, r.Program, r.Events = signals.First, a.Logger(), versionString(), show.Event
	if adjust != nil {
		adjust(&r.Options)
	}
	job, err := upscale.Open(ctx, r.in, r.Options)
	if err != nil {
		return err
	}
	defer job.Close()
	report, err := job.Run(ctx)
	show.Finish()
	if text := report.Summary(); text != "" && r.Progress != view.None {
		a.Tell("%s", text)
	}
	if r.Report == "" {
		return err
	}
	if werr := report.WriteFile(r.Report, a.Stdout); err == nil {
		err = werr
	}
	return err
}

// preview upscales short parts of the input in a folder of its own, and prints what the whole will take. The output is not touched.
func (a *app) preview(parent context.Context, r runRequest) error {
	ctx, stop := signal.NotifyContext(parent, cli.EndSignals()...)
	defer stop()
	r.quiet(a)
	r.Logger, r.Program = a.Logger(), versionString()
	e, err := upscale.EstimateJob(ctx, r.in, r.preview, r.Options)
	switch {
	case ctx.Err() != nil:
		return &fault.Error{Kind: fault.Interrupted, Err: errors.New("interrupted, nothing was measured")}
	case err != nil:
		return err
	}
	return a.Print(e, r.json)
}
