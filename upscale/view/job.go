package view

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/segment"
)

// JobLong is the help of vsr job.
const JobLong = `Cuts a video into segments that any number of processes make, in any order, and joins them. vsr fleet does the same with a server that hands out the work.

All who work on a plan must see it, and the input and a model file under the names that it holds, or be told with --input and --weights.`

// JobExample are examples of vsr job.
const JobExample = "  vsr job plan long.mkv -o p.json --video big.mkv\n  for i in 0 1 2; do vsr job segment --plan p.json --index $i; done\n  vsr job join --plan p.json"

// Steps are the commands of a plan's work.
type Steps struct {
	Out     *cli.Output
	Program string // version
}

// Commands are those of vsr job but plan.
func (s *Steps) Commands() []Command {
	var path string
	var index int
	var keep bool
	o := upscale.StepOptions{}
	common := func(f *pflag.FlagSet) {
		f.StringVar(&path, "plan", "", "plan that vsr job plan has written")
		f.StringVar(&o.Input, "input", "", "where the input is, if not where the plan says")
		f.StringVar(&o.Model, "weights", "", "where the model `file` is, if not where the plan says")
	}
	read := func() (*segment.Plan, error) {
		plan, err := segment.ReadPlan(path)
		if err != nil {
			return nil, fault.New(fault.Usage, "vsr job plan writes one", "%w", err)
		}
		o.Dir, o.Program, o.Events, o.Logger = path+".vsr-work", s.Program, Tell(s.Out), s.Out.Logger()
		return plan, nil
	}
	return []Command{
		{Name: "segment", Args: "--plan P --index N", Short: "Make one segment of a plan; any number of processes and machines may work at once", Required: []string{"plan", "index"},
			Example: "  vsr job segment --plan p.json --index 7\n  vsr job segment --plan p.json --index $SLURM_ARRAY_TASK_ID --device cuda:0",
			Flags: func(f *pflag.FlagSet) {
				common(f)
				f.IntVar(&index, "index", 0, "segment to make, from 0")
				f.StringVar(&o.Device, "device", "auto", "auto, cpu or cuda[:N]")
				f.IntVar(&o.Threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
			},
			Do: func(ctx context.Context, _ []string) error {
				plan, err := read()
				if err != nil {
					return err
				}
				m, err := upscale.MakeSegment(ctx, plan, index, o)
				if m.Found {
					s.Out.Tell("segment %d is done already", index)
				}
				return err
			}},
		{Name: "join", Args: "--plan P", Short: "Make the output from the finished segments of a plan", Required: []string{"plan"}, Example: "  vsr job join --plan p.json -o big.mkv",
			Flags: func(f *pflag.FlagSet) {
				common(f)
				f.StringVarP(&o.Output, "output", "o", "", "file to write; empty is that of the plan")
				f.BoolVarP(&o.Replace, "yes", "y", false, "replace the output if it exists")
				f.BoolVar(&keep, "keep", false, "keep the segments")
			},
			Do: func(ctx context.Context, _ []string) error {
				plan, err := read()
				if err != nil {
					return err
				}
				report, err := upscale.Join(ctx, plan, o)
				if err != nil || keep {
					return err
				}
				fmt.Fprintln(s.Out.Stdout, report.Output)
				return upscale.RemoveWork(o.Dir)
			}},
	}
}
