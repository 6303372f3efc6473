package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vsr/upscale"
	"vsr/upscale/view"
)

func (a *app) jobCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "job", Short: "Share a video among processes that something else starts: Slurm, Kubernetes, a shell", Long: view.JobLong,
		Example: view.JobExample, Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(a.jobParts()...)
	return cmd
}

func (a *app) jobParts() []*cobra.Command {
	list := []*cobra.Command{a.planCommand()}
	for _, c := range (&view.Steps{Out: &a.Output, Program: versionString()}).Commands() {
		list = append(list, tableCommand(c))
	}
	return list
}

// oldNames are the commands of vsr job as they were called before: hidden, and with a word of the new name.
func (a *app) oldNames() []*cobra.Command {
	list := a.jobParts()
	for _, cmd := range list {
		run, name := cmd.RunE, cmd.Name()
		cmd.Hidden, cmd.RunE = true, func(cmd *cobra.Command, args []string) error {
			a.Tell("note: vsr %s is vsr job %s now", name, name)
			return run(cmd, args)
		}
	}
	return list
}

// tableCommand makes a command of one in a table. The first Ctrl-C ends it.
func tableCommand(c view.Command) *cobra.Command {
	count := cobra.RangeArgs(c.Least, c.Most)
	if c.Least == c.Most {
		count = cobra.ExactArgs(c.Most)
	}
	cmd := &cobra.Command{Use: strings.TrimSpace(c.Name + " " + c.Args), Short: c.Short, Long: c.Long, Example: c.Example, Args: count,
		RunE: func(cmd *cobra.Command, args []string) error { return c.Do(cmd.Context(), args) }}
	if c.Flags != nil {
		c.Flags(cmd.Flags())
	}
	for _, name := range c.Required {
		_ = cmd.MarkFlagRequired(name)
	}
	return interruptible(cmd)
}

func (a *app) planCommand() *cobra.Command {
	r, path := runRequest{runConfig: defaultRun()}, ""
	cmd := &cobra.Command{Use: "plan IN", Short: "Write down the segments of a job that several processes are to share", Args: cobra.ExactArgs(1),
		Long:    "Decodes IN, finds its scenes and writes a plan for vsr job segment and vsr job join. Flags say what the output is to be, as for vsr run.",
		Example: "  vsr job plan long.mkv -o p.json --video big.mkv --scale 2"}
	cmd.Flags().StringVarP(&path, "output", "o", "plan.json", "plan to write")
	cmd.Flags().StringVar(&r.Output, "video", "", "output that vsr job join writes, unless it is told another")
	r.flags(cmd.Flags())
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
