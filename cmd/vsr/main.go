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
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"vsr/internal/av"
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

func execute(args []string, stdout, stderr io.Writer) (code int) {
	return executeContext(context.Background(), args, stdout, stderr)
}

// executeContext runs one command line and returns its exit code.
func executeContext(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	app := &app{stdout: stdout, stderr: stderr}
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "vsr: internal error: %v\nhint: please report this with the lines below\n%s", r, debug.Stack())
			code = exitInternal
		}
	}()
	root := app.root()
	root.SetArgs(withRun(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	f := explain(err)
	fmt.Fprintf(stderr, "vsr: %s\n", f.line())
	if f.hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", f.hint)
	}
	if app.verbose {
		printChain(stderr, err)
	}
	return f.code
}

// printChain shows how an error was wrapped, outermost first.
func printChain(w io.Writer, err error) {
	for depth := 0; err != nil; depth++ {
		fmt.Fprintf(w, "%s%T: %s\n", strings.Repeat("  ", depth+1), err, err)
		err = errors.Unwrap(err)
	}
}

// app is what all commands share.
type app struct {
	stdout, stderr io.Writer
	verbose        bool

	mu    sync.Mutex
	above io.Writer // writes above the progress bar while there is one
}

// tell prints a line for the user, above the progress bar if one is drawn. Any goroutine may call it.
func (a *app) tell(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.stderr
	if a.above != nil {
		w = a.above
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// lines sets the writer that tell uses; nil is standard error again.
func (a *app) lines(w io.Writer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.above = w
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "vsr",
		Version:       versionString(),
		Short:         "Upscale video with KDSR, a blind super-resolution network",
		Long:          "vsr upscales video with KDSR, a blind super-resolution network. For each scene it measures blur, noise and compression once, sets the\nnetwork for that damage, and runs all frames of the scene through it.\n\n" + exitHelp,
		Example:       "  vsr clip.mp4                         # clip_x4.mp4\n  vsr run clip.mp4 big.mkv --scale 2\n  vsr doctor                           # what this machine can do",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		help := "vsr help " + strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "vsr"), " ")
		return fault{code: exitUsage, err: err, hint: flagHint(cmd, err, help)}
	})
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log what happens, and show where an error comes from")
	root.AddCommand(a.runCommand(), a.modelCommand(), a.benchCommand(), a.doctorCommand(), a.versionCommand(), a.manCommand())
	a.addOthers(root)
	usageFaults(root)
	return root
}

// usageFaults marks the errors of argument counts and unknown commands as usage errors.
func usageFaults(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				help := strings.TrimSpace("vsr help" + strings.TrimPrefix(cmd.CommandPath(), "vsr"))
				return fault{code: exitUsage, err: err, hint: commandHint(cmd, args, help)}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageFaults(sub)
	}
}
