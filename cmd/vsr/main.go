// Command vsr upscales video with KDSR, a blind super-resolution network.
//
// This package is flags, configuration, wiring and exit codes. No loop over frames lives here: the stages do the work and
// package pipeline moves it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"vsr/internal/av"
	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/internal/fault"
	"vsr/upscale/batch"
)

// version is set by the Makefile.
var version = "unknown"

func main() {
	boundMemory()
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// boundMemory settles how memory is managed, before anything is done.
func boundMemory() {
	// Memory is mostly frames outside the Go heap; what the heap saves by collecting twice as often shows in the peak.
	debug.SetGCPercent(50)
	av.BoundArenas()
}

func execute(line []string, stdout, stderr io.Writer) (code int) {
	return executeContext(context.Background(), line, stdout, stderr)
}

// executeContext runs one command line and returns its exit code.
func executeContext(ctx context.Context, line []string, stdout, stderr io.Writer) (code int) {
	app := &app{cli.Output{Stdout: stdout, Stderr: stderr, Words: flagWords.Replace}}
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "vsr: internal error: %v\nhint: please report this with the lines below\n%s", r, debug.Stack())
			code = exitInternal
		}
	}()
	root := app.root()
	root.SetArgs(args.WithCommand(root, line, "run", batch.IsVideo))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	e := explain(err)
	fmt.Fprintf(stderr, "vsr: %s\n", flagWords.Replace(fault.Line(e)))
	if e.Hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", flagWords.Replace(e.Hint))
	}
	if app.Verbose { // how the error was wrapped, outermost first
		for ; err != nil; err = errors.Unwrap(err) {
			fmt.Fprintf(stderr, "  %T: %v\n", err, err)
		}
	}
	return exitCodes[e.Kind]
}

// app is what all commands share.
type app struct{ cli.Output }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "vsr IN [OUT] [flags of run]",
		Version:       versionString(),
		Short:         "Upscale video with KDSR, a blind super-resolution network",
		Long:          "vsr upscales video with KDSR, a blind super-resolution network. For each scene it measures blur, noise and compression once, sets the\nnetwork for that damage, and runs all frames of the scene through it.\n\n" + exitHelp,
		Example:       "  vsr clip.mp4                         # clip_x4.mp4\n  vsr run clip.mp4 big.mkv --scale 2\n  vsr doctor                           # what this machine can do",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          showHelp,
	}
	root.PersistentFlags().BoolVarP(&a.Verbose, "verbose", "v", false, "log what happens, and show where an error comes from")
	root.AddCommand(a.runCommand(), a.modelCommand(), a.benchCommand(), a.doctorCommand(), a.versionCommand(), a.manCommand(), a.liveCommand(), a.trainCommand(),
		interruptible(a.evalCommand()), interruptible(a.verifyCommand()), interruptible(a.compareCommand()), a.scenesCommand(), a.jobCommand(), a.fleetCommand())
	root.AddCommand(a.oldNames()...)
	args.UsageErrors(root)
	return root
}

// showHelp is what a command does that only holds others.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
