package main

import (
	"context"

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
	ctx, s := cli.Watch(parent, errAborted, func() { a.tell("finishing the output; Ctrl-C again drops it") }, nil)
	return ctx, &interrupts{s.First, s.Stopped, s.End}
}
