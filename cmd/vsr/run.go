package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/decode"
	"vsr/encode"
	"vsr/scene"
	"vsr/segment"
	"vsr/sr"
)

// The names of the rooms, in statistics and in errors.
const (
	roomDecode  = "decode"
	roomScene   = "scene"
	roomUpscale = "sr"
	roomEncode  = "encode"
)

// runConfig is the whole configuration of `vsr run`: defaults, then the YAML file, then flags. configs/run.yaml explains it.
type runConfig struct {
	Model     string `yaml:"model"`
	Device    string `yaml:"device"`
	Scale     int    `yaml:"scale"`
	Threads   int    `yaml:"threads"`
	Workers   int    `yaml:"workers"`
	Precision string `yaml:"precision"`
	Progress  string `yaml:"progress"`
	Report    string `yaml:"report"`
	// Resume works in pieces that a later run can build on; they hold PieceMin to PieceMax frames.
	Resume     bool           `yaml:"resume"`
	PieceMin   int64          `yaml:"piece_min"`
	PieceMax   int64          `yaml:"piece_max"`
	Repeatable bool           `yaml:"repeatable"` // the same input gives the same file, bit by bit
	Decode     decode.Options `yaml:"decode"`
	Scene      scene.Options  `yaml:"scene"`
	SR         sr.Options     `yaml:"sr"`
	Encode     encode.Options `yaml:"encode"`
}

func defaultRun() runConfig {
	return runConfig{Device: "auto", Precision: "auto", Progress: progressAuto, Resume: true,
		PieceMin: segment.DefaultMin, PieceMax: segment.DefaultMax, Scene: scene.Options{}.Defaults(),
		SR: sr.Options{Frames: 8}, Encode: encode.Options{Codec: "x264", KeyframeSeconds: 10}}
}

// validate reports the first value that cannot be right. Rooms check their own.
func (c *runConfig) validate() error {
	list := strings.Split(c.Device, ",")
	for _, device := range list {
		if _, _, err := parseDevice(device); err != nil {
			return err
		}
	}
	switch {
	case c.Workers < 0 || c.Workers > 256:
		return usageFault("", "workers %d: want 0 to 256", c.Workers)
	case c.Workers > 0 && c.Workers < len(list):
		return usageFault("", "%d devices for %d workers", len(list), c.Workers)
	case c.Scale != 0 && (c.Scale < 2 || c.Scale > 4):
		return usageFault("--height reaches any size", "scale %d: want 2, 3 or 4", c.Scale)
	case c.Scale != 0 && c.SR.Height != 0:
		return usageFault("", "scale and height exclude each other")
	case c.Threads < 0:
		return usageFault("", "threads %d: want 0 or more", c.Threads)
	case c.PieceMin < 1 || c.PieceMax < c.PieceMin || c.PieceMax > 1<<20:
		return usageFault("", "pieces of %d to %d frames: want 1 <= piece_min <= piece_max <= %d", c.PieceMin, c.PieceMax, 1<<20)
	case c.Precision != "auto" && c.Precision != "fp32":
		return usageFault("", "precision %q: want auto or fp32", c.Precision)
	}
	switch c.Progress {
	case progressAuto, progressBar, progressJSON, progressNone:
	default:
		return usageFault("", "progress %q: want auto, bar, json or none", c.Progress)
	}
	for _, err := range []error{c.Decode.Validate(), c.Scene.Validate(), c.SR.Validate(), c.Encode.Validate()} {
		if err != nil {
			hint := ""
			var request *encode.RequestError
			if errors.As(err, &request) {
				hint = request.Hint
			}
			return fault{exitUsage, err, hint}
		}
	}
	return nil
}

// runRequest is one `vsr run` as the command line put it.
type runRequest struct {
	runConfig
	in, out string
	replace bool
	restart bool
	once    bool  // --no-resume
	task    *task // of vsr segment and vsr join; nil for vsr run
	config  string
	print   bool
	json    bool
	alpha   bool    // the input has an alpha channel
	preview float64 // seconds of each part; 0 is a run
}

func (a *app) runCommand() *cobra.Command {
	r := runRequest{runConfig: defaultRun()}
	cmd := &cobra.Command{
		Use:   "run IN",
		Short: "Upscale a video file",
		Long: "Upscales the video of IN and copies every other stream that the output can hold. Without -o the output is IN's stem with\n" +
			"_x4 (its scale), beside IN. The output appears under its name only when it is whole. The first Ctrl-C finishes it up to there.\n" +
			"Longer files are worked on in pieces, kept in .OUT.vsr-work beside the output: after a crash, a full disk or a Ctrl-C the same\n" +
			"command goes on where it stopped. The folder goes when the output is whole.\n\n" + exitHelp,
		Example: "  vsr run clip.mp4\n  vsr run film.mkv --scale 2 -o big.mkv --preview 3s    # time, size and memory to expect\n" +
			"  vsr run film.mkv --scale 2 -o big.mkv --workers 4 --report big.json\n  vsr run clip.mp4 --height 1080 --start 1:30 --duration 10",
		Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVarP(&r.out, "output", "o", "", "file to write; its ending says which container")
	f.BoolVarP(&r.replace, "yes", "y", false, "replace the output if it exists")
	f.BoolVar(&r.print, "print-config", false, "print the configuration that would be used, and stop")
	f.StringVar(&r.Report, "report", r.Report, "write a JSON report to `file`, - for standard output")
	f.StringVar(&r.Progress, "progress", r.Progress, "auto, bar, json or none")
	f.BoolVar(&r.once, "no-resume", false, "work in one go, without pieces that a later run could build on")
	f.IntVar(&r.Workers, "workers", r.Workers, "make so many pieces at a time, each with its own decoder, network and encoder; 0 is one for each device")
	f.BoolVar(&r.restart, "restart", false, "throw away what an earlier run has finished, and begin anew")
	f.Var((*lengthFlag)(&r.preview), "preview", "do so much of each of four places first, say what the whole will take, and write nothing: 3s, 0:03")
	f.BoolVar(&r.json, "json", false, "print the report, or with --preview the estimate, as JSON on standard output")
	r.flags(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := layer(cmd, r.config, &r.runConfig); err != nil {
			return err
		}
		r.Resume = r.Resume && !r.once
		if err := r.validate(); err != nil {
			return err
		}
		if r.print {
			return printConfig(a.stdout, r.runConfig)
		}
		if len(args) == 0 {
			return usageFault("vsr help run", "which file?")
		}
		r.in = args[0]
		switch {
		case cmd.Flags().Changed("preview") && r.preview <= 0:
			return usageFault("as in --preview 3s", "--preview 0: nothing to measure")
		case r.preview > 0:
			return a.preview(cmd.Context(), r)
		case r.json:
			r.reportAsJSON(a)
		}
		return a.run(cmd.Context(), r)
	}
	return cmd
}

// reportAsJSON sends the report to standard output, and nothing else.
func (r *runRequest) reportAsJSON(a *app) {
	r.Report = "-"
	if r.Progress == progressAuto && !isTerminal(a.stderr) || r.Progress == progressJSON {
		r.Progress = progressNone
	}
}

// flags are those that say what the output is to be.
func (r *runRequest) flags(f *pflag.FlagSet) {
	f.StringVar(&r.Model, "model", r.Model, "built-in model or .safetensors `file`; empty chooses by size (vsr model list)")
	f.StringVar(&r.Device, "device", r.Device, "auto, cpu or cuda[:N]; vsr run takes several, as in cpu,cuda:0")
	f.IntVar(&r.Scale, "scale", r.Scale, "2, 3 or 4; 0 is that of the model, or 4")
	f.IntVar(&r.SR.Height, "height", r.SR.Height, "rows of the output, instead of a scale")
	f.StringVar(&r.Encode.Codec, "codec", r.Encode.Codec, strings.Join(encode.Codecs(), ", "))
	f.IntVar(&r.Encode.CRF, "crf", r.Encode.CRF, "quality, lower is better; 0 is the codec's default, -1 lossless")
	f.StringVar(&r.Encode.Preset, "preset", r.Encode.Preset, "the codec's own preset")
	f.StringVar(&r.Encode.PixFmt, "pix-fmt", r.Encode.PixFmt, "FFmpeg pixel `format` of the output; empty keeps the input's")
	f.Var((*clockFlag)(&r.Decode.Start), "start", "begin here: seconds, or h:m:s")
	f.Var((*clockFlag)(&r.Decode.Duration), "duration", "length to work on: seconds, or h:m:s; 0 is all")
	f.IntVar(&r.Threads, "threads", r.Threads, "threads of the CPU engine; 0 is all cores; workers share them")
	f.BoolVar(&r.Decode.Strict, "strict", r.Decode.Strict, "stop at damaged data instead of skipping it, and at a change of size or colour")
	f.BoolVar(&r.Repeatable, "repeatable", r.Repeatable, "make equal runs give equal pictures with x264, in a larger file (no mbtree)")
	f.StringVarP(&r.config, "config", "c", "", "YAML `file` with any of these and more (see --print-config)")
}

// layer puts the configuration file between the defaults and the flags that were given.
func layer(cmd *cobra.Command, path string, to any) error {
	if path == "" {
		return nil
	}
	given := changedFlags(cmd)
	if err := loadConfig(path, to); err != nil {
		return err
	}
	for name, value := range given {
		if err := cmd.Flags().Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// run upscales one file.
func (a *app) run(parent context.Context, r runRequest) (err error) {
	ctx, interrupts := a.watchInterrupts(parent)
	defer interrupts.end()
	j, err := a.prepare(ctx, r, interrupts.stopped)
	if err != nil {
		return err
	}
	for _, note := range j.report.Notes {
		a.tell("note: %s", note)
	}
	j.pieces.tellResumed(a, j.total, len(j.devices))
	if j.pieces.whole {
		err = j.acknowledge(ctx)
	} else {
		err = j.make(ctx, interrupts)
	}
	if err == nil && interrupts.stopped() {
		j.report.Stopped, err = true, errStopped
	}
	if werr := j.pieces.end(a, j.report.Output, err); werr != nil && err == nil {
		err = werr
	}
	if werr := j.finish(err); werr != nil && err == nil {
		err = werr
	}
	return err
}

// make makes the output and checks it.
func (j *job) make(ctx context.Context, i *interrupts) error {
	if err := j.work(ctx, i.soft); err != nil {
		return err
	}
	if j.pieces.store != nil {
		if err := j.join(ctx, i.stopped()); err != nil {
			return err
		}
	}
	return j.check(ctx)
}

// work makes the output, or the pieces of it.
func (j *job) work(ctx context.Context, soft <-chan struct{}) (err error) {
	if len(j.devices) < 2 {
		return j.belt(ctx, soft)
	}
	if j.crew, err = j.newCrew(); err != nil {
		j.source.Close()
		return err
	}
	return j.crew.run(ctx, soft)
}

// logger is silent unless -v was given.
func (a *app) logger() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// outputName returns the name to write, and refuses to write over the input.
func (r *runRequest) outputName(scale int) (string, error) {
	out := r.out
	if out == "" {
		out = defaultOutput(r.in, suffixOf(scale, r.SR.Height), r.Encode.Codec)
	}
	a, errA := os.Stat(r.in)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return "", requestFault("name another file with -o", "%s is both input and output", filepath.Base(out))
	}
	if errB == nil && b.IsDir() {
		return "", fault{exitDestination, fmt.Errorf("%s is a folder", out), "name a file in it with -o"}
	}
	return out, nil
}
