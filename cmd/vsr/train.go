package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/sr/engines"
	"vsr/train"
	"vsr/train/view"
	"vsr/upscale"
)

func (a *app) trainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "train", Short: "Train a network on your own images and videos", Args: cobra.NoArgs, RunE: showHelp,
		Long: `Trains a network. vsr train init writes configs for a folder of yours. A run writes its checkpoint, log, curves and weights into the folder that its
config names as out. Ctrl-C stops it with a checkpoint; with --resume it continues, and the weights become those of a run that was never stopped.
configs/train-teacher.yaml explains every key.`,
		Example: "  vsr train init photographs\n  vsr train student --config training/fine-tune.yaml\n  vsr train report training/runs/fine-tune",
	}
	cmd.AddCommand(
		a.trainInit(),
		a.trainStage(train.Teacher, "Train the teacher, which sees the sharp original"),
		a.trainStage(train.Student, "Train the student, which learns from the teacher"),
		a.trainStage(train.GAN, "Sharpen a student with a discriminator and a perceptual loss"),
		a.trainReport(),
		a.trainProbes(),
		a.trainDegrade(),
	)
	return cmd
}

var stageExamples = map[train.Stage]string{
	train.Teacher: `  vsr train init photographs
  vsr train teacher --config training/teacher.yaml
  vsr train teacher --config training/teacher.yaml --resume    # continues after Ctrl-C`,
	train.Student: `  vsr train init photographs
  vsr train student --config training/fine-tune.yaml           # goes on from a built-in model, without a teacher
  vsr train student --config training/student.yaml             # from nothing, after the teacher
  vsr train student --config training/student.yaml --set optim.steps=40000 --set data.batch=16`,
	train.GAN: `  vsr train gan --config training/gan.yaml
  vsr train gan --config training/gan.yaml --set loss.perceptual=1 --set gan.features=vgg19.pth`,
}

var stageHelp = map[train.Stage]string{
	train.Teacher: `Trains the teacher: it sees the degraded image and the sharp original, and learns which degradation vector helps to restore it. Only the student
uses its weights.`,
	train.Student: `Trains the student: it sees the degraded image only. It learns the teacher's degradation vector (loss.kd) and the sharp image (loss.l1). Without a
teacher (teacher: "", loss.kd: 0) it learns from the image alone; init: NAME goes on from a built-in model. The result is NAME.safetensors for --model.`,
	train.GAN: `Sharpens a finished student with a discriminator and, with gan.features, a perceptual loss. The images become crisper and score less in PSNR.`,
}

func (a *app) trainStage(stage train.Stage, short string) *cobra.Command {
	var (
		config  string
		set     []string
		minutes float64
		o       train.Options
	)
	cmd := &cobra.Command{
		Use: string(stage), Short: short, Long: stageHelp[stage], Args: cobra.NoArgs, Example: stageExamples[stage],
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := train.Load(config, set)
			if err != nil {
				return train.Fault(err)
			}
			o.Weights, o.Limit = engines.Weights, time.Duration(minutes*float64(time.Minute))
			return a.trainRun(cmd.Context(), stage, c, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&config, "config", "c", "", "the run's YAML `file`")
	f.StringArrayVar(&set, "set", nil, "change one `key=value` of the config, as in --set optim.lr=0.0005; may be repeated")
	f.BoolVar(&o.Resume, "resume", false, "continue from the checkpoint in the run folder")
	f.Float64Var(&minutes, "max-minutes", 0, "stop with a checkpoint after this many minutes, 0 is no limit")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// errStoppedTraining is the result of a training run that a signal ended.
var errStoppedTraining = errors.New("training is stopped")

// adjustTraining, when it is not nil, changes the options of a training run: tests let it press Ctrl-C at one step.
var adjustTraining func(*train.Options)

// trainRun trains until the end, the limit or the first Ctrl-C; each leaves a checkpoint. Ctrl-C exits with 130.
func (a *app) trainRun(ctx context.Context, stage train.Stage, c train.Config, o train.Options) error {
	// The corpus is most of the heap and never garbage: the usual doubling of the heap would be waste.
	debug.SetGCPercent(40)
	show := view.New(a.Stderr, c.Name)
	o.Log, o.Show = show.Log, show.Show
	if adjustTraining != nil {
		adjustTraining(&o)
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	_, signals := cli.Watch(ctx, errStoppedTraining, func() {
		show.Tell("stopping after this step with a checkpoint; Ctrl-C again stops at once, without one")
		stop()
	}, func() {
		show.Close()
		a.Tell("vsr: stopped at once; the last checkpoint, if there is one, is intact")
		os.Exit(exitInterrupted)
	})
	defer signals.End()
	path, err := train.Run(work, stage, c, o)
	show.Close()
	stopped := &fault.Error{Kind: fault.Interrupted, Err: errStoppedTraining}
	switch {
	case signals.Stopped() && errors.Is(err, context.Canceled):
		stopped.Hint = "the same command begins again; with --resume if " + c.Out + " holds a checkpoint"
		return stopped
	case err != nil:
		return train.Fault(err)
	case path != "":
		fmt.Fprintln(a.Stdout, path)
		return nil
	}
	fmt.Fprintf(a.Stdout, "stopped with a checkpoint in %s; the same command with --resume goes on\n", c.Out)
	if signals.Stopped() {
		return stopped
	}
	return nil
}

func (a *app) trainReport() *cobra.Command {
	return &cobra.Command{
		Use: "report FOLDER", Short: "Write one HTML page about a run: rate, time left, data, curves, scores", Args: cobra.ExactArgs(1),
		Long:    "Writes report.html into the run's folder, which may still be training, and prints its path.",
		Example: "  vsr train report training/runs/fine-tune",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := train.Report(args[0])
			if err != nil {
				return train.Fault(err)
			}
			fmt.Fprintln(a.Stdout, path)
			return nil
		},
	}
}

func (a *app) trainInit() *cobra.Command {
	o := train.InitOptions{Out: "training", Model: "fast", Scale: 4}
	cmd := &cobra.Command{
		Use: "init FOLDER", Short: "Write training configs for a folder of your own images and videos", Args: cobra.ExactArgs(1),
		Long: `Write configs that train on the sharp images (PNG, JPEG) and videos of FOLDER: fine-tune.yaml suits a built-in model to them, teacher.yaml and
student.yaml train one from nothing, gan.yaml makes it crisper. Nothing is trained yet.`,
		Example: "  vsr train init photographs\n  vsr train init photographs --scale 2 -o training-x2",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.Data = args[0]
			if o.BuiltIn, err = engines.BuiltIn(o.Model, o.Scale); err != nil {
				return err
			}
			made, err := train.Init(o)
			if err != nil {
				return upscale.OutputError(train.Fault(err))
			}
			return made.Print(a.Stdout)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", o.Out, "`folder` for the configs and, later, the runs")
	f.StringVar(&o.Model, "model", o.Model, "size of the network: nano, fast or base")
	f.IntVar(&o.Scale, "scale", o.Scale, "enlarge 2, 3 or 4 times")
	f.BoolVarP(&o.Replace, "yes", "y", false, "write over configs that exist")
	return cmd
}

func (a *app) trainDegrade() *cobra.Command {
	var o train.DegradeOptions
	cmd := &cobra.Command{
		Use: "degrade IN OUT", Short: "Show what a training degradation does to an image or clip", Args: cobra.ExactArgs(2),
		Long: `Degrade an image, a video or the images of a folder as training would, write the result and print the blur, noise and codecs that were drawn.
An image gives the PNG OUT; a clip (a video, or a folder of images of one size) gives numbered PNGs in the folder OUT.
--sheet writes one PNG with several draws beside the original, each with what was drawn.`,
		Example: "  vsr train degrade sharp.png soft.png --recipe real --scale 2 --seed 7\n  vsr train degrade sharp.mp4 frames --config training/fine-tune.yaml --sheet sheet.png",
		RunE: func(cmd *cobra.Command, args []string) error {
			drawn, err := train.Degrade(cmd.Context(), args[0], args[1], o)
			if err == nil && len(drawn) > 0 {
				fmt.Fprintf(a.Stdout, "seed %d: %s\n", o.Seed, strings.Join(drawn, ", "))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Config, "config", "c", "", "training config `file` whose degradation is used")
	f.StringVar(&o.Recipe, "recipe", "real", "without --config: bicubic, gaussian, aniso, second, video, light, real, coding or balanced")
	f.IntVar(&o.Scale, "scale", 4, "without --config: 2 to 4")
	f.Uint64Var(&o.Seed, "seed", 1, "number of the draw; the same seed draws the same")
	f.IntVar(&o.Frames, "frames", 12, "frames of a clip at most")
	f.StringVar(&o.Sheet, "sheet", "", "write a contact sheet of several draws to this PNG `file`")
	f.IntVar(&o.Draws, "draws", 11, "draws on the contact sheet")
	return cmd
}
