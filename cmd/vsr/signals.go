package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
)

// interrupts are the signals that end a run.
type interrupts struct {
	soft    <-chan struct{} // closed by the first: the source stops, the rest is finished
	stopped func() bool     // by the first
	end     func()          // gives the signals back
}

// watchInterrupts catches the signals that ask for an end, until end is called. The second one ends the context with errAborted.
func (a *app) watchInterrupts(parent context.Context) (context.Context, *interrupts) {
	ctx, s := cli.Watch(parent, errAborted, func() {
		a.tell("stopping: finishing the output, which will play up to here; Ctrl-C again stops at once and drops it")
	}, nil)
	return ctx, &interrupts{s.First, s.Stopped, s.End}
}

// errInterrupted is the result of a command that a signal ended.
var errInterrupted = errors.New("interrupted, nothing was written")

// interruptible makes the first Ctrl-C end the context of a command that writes its result at its end only.
func interruptible(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithCancelCause(parent)
		defer cancel(nil)
		_, signals := cli.Watch(parent, errInterrupted, func() { cancel(errInterrupted) }, nil)
		defer signals.End()
		cmd.SetContext(ctx)
		err := run(cmd, args)
		if err != nil && signals.Stopped() {
			return fault{code: exitInterrupted, err: errInterrupted}
		}
		return err
	}
	return cmd
}
