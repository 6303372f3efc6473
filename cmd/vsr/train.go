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
	"vsr/sr/engines"
	"vsr/train"
)

// trainCommand is `vsr train teacher|student|gan`, and `vsr train report`.
func trainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a network on your own images and videos",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Long: `Train a network. vsr train init writes the configs for a folder of yours. A run writes its checkpoint, log, curves and weights into the folder out of
its config. Ctrl-C stops it with a checkpoint, and --resume goes on: the weights are those of a run that was never stopped.
configs/train-teacher.yaml explains every key.`,
		Example: "  vsr train init photographs\n  vsr train student --config training/fine-tune.yaml\n  vsr train report training/runs/fine-tune",
	}
	cmd.AddCommand(
		trainInit(),
		trainStage(train.Teacher, "Train the teacher, which sees the sharp original"),
		trainStage(train.Student, "Train the student, which learns from the teacher"),
		trainStage(train.GAN, "Sharpen a student with a discriminator and a perceptual loss"),
		trainReport(),
		trainProbes(),
		newDegradeCmd(),
	)
	return cmd
}

var stageExamples = map[train.Stage]string{
	train.Teacher: `  vsr train init photographs
  vsr train teacher --config training/teacher.yaml
  vsr train teacher --config training/teacher.yaml --resume    # goes on after Ctrl-C`,
	train.Student: `  vsr train init photographs
  vsr train student --config training/fine-tune.yaml           # goes on from a built-in model, without a teacher
  vsr train student --config training/student.yaml             # from nothing, after the teacher
  vsr train student --config training/student.yaml --set optim.steps=40000 --set data.batch=16`,
	train.GAN: `  vsr train gan --config training/gan.yaml
  vsr train gan --config training/gan.yaml --set loss.perceptual=1 --set gan.features=vgg19.pth`,
}

func trainStage(stage train.Stage, short string) *cobra.Command {
	var (
		config  string
		set     []string
		minutes float64
		o       train.Options
	)
	cmd := &cobra.Command{
		Use: string(stage), Short: short, Args: cobra.NoArgs, SilenceUsage: true, Example: stageExamples[stage],
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := train.Load(config, set)
			if f, ok := trainingFault(err); ok {
				return f
			}
			o.Weights = engines.Weights
			o.Limit = time.Duration(minutes * float64(time.Minute))
			return runStage(cmd, stage, c, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&config, "config", "c", "", "the run's YAML file")
	f.StringArrayVar(&set, "set", nil, "change one key of the config, as in --set optim.lr=0.0005; may be repeated")
	f.BoolVar(&o.Resume, "resume", false, "go on from the checkpoint in the run folder")
	f.Float64Var(&minutes, "max-minutes", 0, "stop with a checkpoint after this many minutes, 0 is no limit")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// runStage trains until the end, the limit or the first Ctrl-C; each leaves a checkpoint. Ctrl-C exits with 130.
func runStage(cmd *cobra.Command, stage train.Stage, c train.Config, o train.Options) error {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	// The corpus is most of the heap and never garbage: the usual doubling of the heap would be waste.
	debug.SetGCPercent(40)
	view := newTrainView(cmd.ErrOrStderr(), c.Name)
	o.Log, o.Show = view.log, view.show
	work, stop := context.WithCancel(ctx)
	defer stop()
	_, signals := cli.Watch(ctx, errStoppedTraining, func() {
		view.say("stopping after this step with a checkpoint; Ctrl-C again stops at once, without one")
		stop()
	}, func() {
		view.close()
		fmt.Fprintln(cmd.ErrOrStderr(), "vsr: stopped at once; the last checkpoint, if there is one, is intact")
		os.Exit(exitInterrupted)
	})
	defer signals.End()
	path, err := train.Run(work, stage, c, o)
	view.close()
	if f, ok := trainingFault(err); ok {
		return f
	}
	switch {
	case errors.Is(err, train.ErrDiverged):
		return fault{exitRequest, err, "go on from the last checkpoint, if there is one, with --resume and a lower --set optim.lr or optim.clip"}
	case signals.Stopped() && errors.Is(err, context.Canceled):
		return fault{exitInterrupted, errStoppedTraining, "the same command begins again; with --resume if " + c.Out + " holds a checkpoint"}
	case err != nil:
		return err
	case path != "":
		fmt.Fprintln(cmd.OutOrStdout(), path)
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "stopped with a checkpoint in %s; the same command with --resume goes on\n", c.Out)
	if signals.Stopped() {
		return fault{exitInterrupted, errStoppedTraining, ""}
	}
	return nil
}

// trainingFault turns an error in which package train says whose fault it was into one with an exit code.
func trainingFault(err error) (fault, bool) {
	var (
		config *train.ConfigError
		input  *train.InputError
	)
	switch {
	case errors.As(err, &config):
		hint := config.Hint
		if config.Key != "" {
			hint = "configs/train-teacher.yaml explains every key"
			if near := nearestKey(config.Key); near != "" {
				hint = "did you mean " + near + "?"
			}
		}
		return fault{exitUsage, err, hint}, true
	case errors.As(err, &input):
		return fault{exitInput, err, input.Hint}, true
	}
	return fault{}, false
}

// nearestKey is the key of a training config that name was meant to be. A file names keys without the groups that they are in.
func nearestKey(name string) string {
	keys := train.Keys()
	if near := cli.Nearest(name, keys); near != "" {
		return near
	}
	short := map[string]string{}
	var list []string
	for _, k := range keys {
		last := k[strings.LastIndexByte(k, '.')+1:]
		short[last] = k
		list = append(list, last)
	}
	return short[cli.Nearest(name[strings.LastIndexByte(name, '.')+1:], list)]
}

// errStoppedTraining is the result of a training run that a signal ended.
var errStoppedTraining = errors.New("training is stopped")

func trainReport() *cobra.Command {
	return &cobra.Command{
		Use: "report FOLDER", Short: "Write one HTML page about a run: rate, time left, data, curves, scores", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Example: "  vsr train report training/runs/fine-tune",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := train.Report(args[0])
			if f, ok := trainingFault(err); ok {
				return f
			}
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}
