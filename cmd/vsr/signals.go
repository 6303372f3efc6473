package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts turns Ctrl-C into the two ways to end a run.
type interrupts struct {
	// soft is closed by the first signal: the source stops, the rest is finished.
	soft chan struct{}
	once sync.Once
	end  func()
}

// stop closes soft.
func (i *interrupts) stop() { i.once.Do(func() { close(i.soft) }) }

// stopped reports whether there was a first signal.
func (i *interrupts) stopped() bool {
	select {
	case <-i.soft:
		return true
	default:
		return false
	}
}

// endSignals are the signals that ask a command to end: Ctrl-C, kill, and a terminal that closes. nohup's choice stands.
func endSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// watchInterrupts catches endSignals until end is called. The second signal ends the context with errAborted;
// a third one ends the program in the system's way. A reader of standard output or error that goes away does not end the work.
func (a *app) watchInterrupts(parent context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(parent)
	i := &interrupts{soft: make(chan struct{})}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals()...)
	signal.Ignore(syscall.SIGPIPE)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n++ {
			select {
			case <-signals:
			case <-quit:
				return
			}
			if n == 1 {
				a.tell("finishing the output; Ctrl-C again drops it")
				i.stop()
				continue
			}
			cancel(errAborted)
			signal.Stop(signals)
			return
		}
	}()
	i.end = sync.OnceFunc(func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
		close(quit)
		<-done
		cancel(nil)
	})
	return ctx, i
}

// stopAtStep returns a context that the first of endSignals ends, after a word to the user. The second one ends the program.
// stopped reports whether there was a signal; end gives the signals back.
func stopAtStep(parent context.Context, stderr io.Writer) (ctx context.Context, stopped func() bool, end func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals()...)
	signal.Ignore(syscall.SIGPIPE)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
		case <-quit:
			return
		}
		cancel(errStoppedTraining)
		fmt.Fprintln(stderr, "\nstopping after this step with a checkpoint; Ctrl-C again stops at once, without one")
		select {
		case <-signals:
			fmt.Fprintln(stderr, "vsr: stopped at once; the last checkpoint is intact")
			os.Exit(exitInterrupted)
		case <-quit:
		}
	}()
	end = sync.OnceFunc(func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
		close(quit)
		<-done
		cancel(nil)
	})
	return ctx, func() bool { return context.Cause(ctx) == errStoppedTraining }, end
}
