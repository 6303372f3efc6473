package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/upscale"
)

// Exit codes say whose fault it was.
const (
	exitOK          = 0
	exitInternal    = 1   // ours
	exitUsage       = 2   // the command line or the configuration file
	exitInput       = 3   // the input cannot be read, or is not video
	exitRequest     = 4   // the input is fine, but what was asked for cannot be done with it
	exitDevice      = 5   // the device or engine is missing or failed
	exitDestination = 6   // the output cannot be written
	exitCheck       = 7   // the output was written and does not pass the check
	exitInterrupted = 130 // Ctrl-C
)

const exitHelp = `Exit codes:
    0  done
    1  a fault of vsr itself
    2  wrong usage or configuration
    3  the input cannot be read, or holds no video
    4  what was asked for cannot be done with this input
    5  the device or engine is missing, or failed
    6  the output cannot be written
    7  the output was written, but does not pass the check
  130  interrupted with Ctrl-C; after the first one the output is complete up to there`

// exitCodes are those of the kinds of errors.
var exitCodes = map[fault.Kind]int{
	fault.Internal: exitInternal, fault.Usage: exitUsage, fault.Input: exitInput, fault.Request: exitRequest,
	fault.Device: exitDevice, fault.Output: exitDestination, fault.Check: exitCheck, fault.Interrupted: exitInterrupted,
}

// errAborted is the cause of a context that a second Ctrl-C ended, errInterrupted the result of a command that a signal ended.
var (
	errAborted     = errors.New("interrupted, no output was written")
	errInterrupted = errors.New("interrupted, nothing was written")
)

// explain finds out whose fault err is.
func explain(err error) *fault.Error {
	if errors.Is(err, errAborted) {
		return &fault.Error{Kind: fault.Interrupted, Err: err}
	}
	e := upscale.Classify(err)
	if text := err.Error(); e.Kind == fault.Internal && (strings.HasPrefix(text, "unknown command") || strings.HasPrefix(text, "required flag")) {
		return &fault.Error{Kind: fault.Usage, Err: err, Hint: "vsr help"}
	}
	return e
}

func usageFault(hint, format string, args ...any) error {
	return &fault.Error{Kind: fault.Usage, Err: fmt.Errorf(format, args...), Hint: hint}
}

// watchInterrupts catches the signals that ask for an end, until the signals' End. The second one ends the context with errAborted.
func (a *app) watchInterrupts(parent context.Context) (context.Context, *cli.Signals) {
	return cli.Watch(parent, errAborted, func() {
		a.Tell("stopping: finishing the output, which will play up to here; Ctrl-C again stops at once and drops it")
	}, func() { a.Tell("stopping at once") })
}

// interruptible makes the first Ctrl-C end the context of a command that writes its result at its end only.
func interruptible(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithCancelCause(cmd.Context())
		defer cancel(nil)
		_, signals := cli.Watch(cmd.Context(), errInterrupted, func() { cancel(errInterrupted) }, nil)
		defer signals.End()
		cmd.SetContext(ctx)
		err := run(cmd, args)
		if err != nil && signals.Stopped() {
			return &fault.Error{Kind: fault.Interrupted, Err: errInterrupted}
		}
		return err
	}
	return cmd
}
