package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vsr/upscale"
	"vsr/upscale/segment"
	"vsr/upscale/view"
)

func (a *app) planCommand() *cobra.Command {
	r := runRequest{runConfig: defaultRun()}
	cmd := &cobra.Command{
		Use:   "plan IN",
		Short: "Write down the segments of a job that several processes are to share",
		Long: "Decodes IN, finds its scenes and writes a plan for vsr segment and vsr join. Flags say what the output is to be, as for vsr run.\n" +
			"All who work on it must see the plan, the input and a model file under the names that the plan holds.",
		Example: "  vsr plan long.mkv -o p.json --video big.mkv\n  for i in 0 1 2; do vsr segment --plan p.json --index $i; done\n  vsr join --plan p.json",
		Args:    cobra.ExactArgs(1),
	}
	var path string
	f := cmd.Flags()
	f.StringVarP(&path, "output", "o", "plan.json", "plan to write")
	f.StringVar(&r.Output, "video", "", "output that vsr join writes, unless it is told another")
	r.flags(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.settle(cmd); err != nil {
			return err
		}
		r.Logger, r.Program, r.Events = a.Logger(), versionString(), view.Tell(&a.Output)
		plan, err := upscale.Plan(cmd.Context(), args[0], r.Options)
		if err != nil {
			return err
		}
		if err := upscale.OutputError(plan.Write(path)); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "%d segments in %s\n", len(plan.Segments), path)
		return nil
	}
	return cmd
}

// workOf is the folder in which those who work on a plan meet.
func workOf(plan string) string { return plan + ".vsr-work" }

func readPlan(path string) (*segment.Plan, error) {
	plan, err := segment.ReadPlan(path)
	if err != nil {
		return nil, usageFault("vsr plan writes one", "%w", err)
	}
	return plan, nil
}

func (a *app) segmentCommand() *cobra.Command {
	var path string
	var index int
	var o upscale.StepOptions
	cmd := &cobra.Command{
		Use:   "segment --plan P --index N",
		Short: "Make one segment of a plan; any number of processes and machines may work at once",
		Args:  cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&path, "plan", "", "plan that vsr plan has written")
	f.IntVar(&index, "index", 0, "segment to make, from 0")
	f.StringVar(&o.Device, "device", "auto", "auto, cpu or cuda[:N]")
	f.IntVar(&o.Threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	_ = cmd.MarkFlagRequired("plan")
	_ = cmd.MarkFlagRequired("index")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		plan, err := readPlan(path)
		if err != nil {
			return err
		}
		ctx, signals := a.watchInterrupts(cmd.Context())
		defer signals.End()
		o.Dir, o.Program, o.Stop, o.Events, o.Logger = workOf(path), versionString(), signals.First, view.Tell(&a.Output), a.Logger()
		_, done, err := upscale.MakeSegment(ctx, plan, index, o)
		if done {
			a.Tell("segment %d is done already", index)
		}
		return err
	}
	return cmd
}

func (a *app) joinCommand() *cobra.Command {
	var path string
	var keep bool
	var o upscale.StepOptions
	cmd := &cobra.Command{
		Use:   "join --plan P",
		Short: "Make the output from the finished segments of a plan",
		Args:  cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&path, "plan", "", "plan that vsr plan has written")
	f.StringVarP(&o.Output, "output", "o", "", "file to write; empty is that of the plan")
	f.BoolVarP(&o.Replace, "yes", "y", false, "replace the output if it exists")
	f.BoolVar(&keep, "keep", false, "keep the segments")
	_ = cmd.MarkFlagRequired("plan")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		plan, err := readPlan(path)
		if err != nil {
			return err
		}
		o.Dir, o.Program, o.Events, o.Logger = workOf(path), versionString(), view.Tell(&a.Output), a.Logger()
		report, err := upscale.Join(cmd.Context(), plan, o)
		if err != nil || keep {
			return err
		}
		fmt.Fprintln(a.Stdout, report.Output)
		return upscale.RemoveWork(o.Dir)
	}
	return cmd
}
