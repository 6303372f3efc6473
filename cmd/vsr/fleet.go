package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vsr/selftest/machine"
	"vsr/upscale/fleet"
	"vsr/upscale/view"
)

func (a *app) fleetCommand() *cobra.Command {
	f := &view.Fleet{Out: &a.Output, Program: versionString(), Libraries: func() string { return strings.Join(machine.Libraries(), "\n") }}
	cmd := &cobra.Command{Use: "fleet", Short: "Upscale videos on many machines, with Temporal", Long: view.FleetLong, Example: view.FleetExample,
		Args: cobra.NoArgs, RunE: showHelp}
	f.Connection.FromEnvironment(os.Getenv)
	f.Connection.Flags(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&f.JSON, "json", false, "print results as JSON on standard output")
	cmd.AddCommand(a.fleetRunCommand(f))
	for _, c := range f.Commands() {
		cmd.AddCommand(tableCommand(c))
	}
	return cmd
}

func (a *app) fleetRunCommand(f *view.Fleet) *cobra.Command {
	r, j, detach := runRequest{runConfig: defaultRun()}, fleet.Job{}, false
	cmd := &cobra.Command{Use: "run IN... -o OUT", Short: "Have videos upscaled by the fleet, and follow them", Long: view.FleetRunLong, Example: view.FleetRunExample,
		Args: cobra.MinimumNArgs(1)}
	j.Flags(cmd.Flags())
	cmd.Flags().BoolVarP(&r.Replace, "yes", "y", false, "replace the output if it exists")
	cmd.Flags().BoolVar(&detach, "detach", false, "print the name of the job and leave it to itself")
	cmd.Flags().StringVar(&r.Report, "report", "", "write a JSON report to `file`, - for standard output")
	cmd.Flags().StringVar(&r.Progress, "progress", r.Progress, "auto, bar, json or none")
	r.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if err := r.settle(cmd); err != nil {
			return err
		}
		if err := r.validate(); err != nil {
			return err
		}
		if f.JSON {
			r.quiet(a)
		}
		j.Inputs, j.Options, f.Kind, f.Report = names, r.Options, r.Progress, r.Report
		return f.Run(cmd.Context(), j, detach)
	}
	return interruptible(cmd)
}
