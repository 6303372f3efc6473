package main

import (
	"context"
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

// watchInterrupts catches SIGINT and SIGTERM until end is called. The second signal ends the context with errAborted;
// a third one ends the program in the system's way.
func (a *app) watchInterrupts(parent context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(parent)
	i := &interrupts{soft: make(chan struct{})}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
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
		close(quit)
		<-done
		cancel(nil)
	})
	return ctx, i
}
