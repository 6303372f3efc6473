package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals turns Ctrl-C into the two ways to end a command.
type Signals struct {
	// First is closed by the first signal: what is begun is finished, then the command ends.
	First chan struct{}
	once  sync.Once
	end   func()
}

// Stop closes First, as the first signal does.
func (s *Signals) Stop() { s.once.Do(func() { close(s.First) }) }

// Stopped reports whether First is closed.
func (s *Signals) Stopped() bool {
	select {
	case <-s.First:
		return true
	default:
		return false
	}
}

// End gives the signals back to the system. It may be called twice.
func (s *Signals) End() { s.end() }

// EndSignals are Ctrl-C, kill, and a terminal that closes. The choice of nohup stands.
func EndSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// Watch catches Ctrl-C, SIGTERM and SIGHUP until End is called. The first of them closes First and then calls first; the second
// ends the returned context with the cause aborted and then calls second; a third one ends the program in the system's way. Either
// function may be nil. While Watch holds, a reader of standard output or error that went away is an error of writing and no
// longer the end of the program.
func Watch(parent context.Context, aborted error, first, second func()) (context.Context, *Signals) {
	ctx, cancel := context.WithCancelCause(parent)
	s := &Signals{First: make(chan struct{})}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, EndSignals()...)
	signal.Ignore(syscall.SIGPIPE)
	quit, done := make(chan struct{}), make(chan struct{})
	call := func(f func()) {
		if f != nil {
			f()
		}
	}
	go func() {
		defer close(done)
		select {
		case <-signals:
		case <-quit:
			return
		}
		s.Stop()
		call(first)
		select {
		case <-signals:
		case <-quit:
			return
		}
		cancel(aborted)
		signal.Stop(signals)
		call(second)
	}()
	s.end = sync.OnceFunc(func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
		close(quit)
		<-done
		cancel(nil)
	})
	return ctx, s
}
