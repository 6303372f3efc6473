// Package device runs functions on one operating-system thread, for libraries whose state belongs to a thread (CUDA contexts).
package device

import (
	"errors"
	"runtime"
	"sync"
)

// ErrClosed is returned by Do after Close.
var ErrClosed = errors.New("device thread is closed")

// Thread is a locked operating-system thread that works off functions one after the other.
type Thread struct {
	calls chan call
	done  chan struct{}
	once  sync.Once
	mu    sync.RWMutex // held for reading while a call is handed over
	ended bool
}

type call struct {
	f      func() error
	result chan<- outcome
}

type outcome struct {
	err   error
	panic any
}

// NewThread starts a thread. It lives until Close.
func NewThread() *Thread {
	t := &Thread{calls: make(chan call), done: make(chan struct{})}
	go t.run()
	return t
}

func (t *Thread) run() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its state with it
	defer close(t.done)
	for c := range t.calls {
		c.result <- protect(c.f)
	}
}

// protect turns a panic into a value, so that it can go on in the goroutine of the caller.
func protect(f func() error) (o outcome) {
	defer func() { o.panic = recover() }()
	return outcome{err: f()}
}

// Do runs f on the thread and returns its error. A panic of f panics here. It must not be called from within f.
func (t *Thread) Do(f func() error) error {
	result := make(chan outcome, 1)
	t.mu.RLock()
	if t.ended {
		t.mu.RUnlock()
		return ErrClosed
	}
	t.calls <- call{f, result}
	t.mu.RUnlock()
	o := <-result
	if o.panic != nil {
		panic(o.panic)
	}
	return o.err
}

// Close waits for the running function and ends the thread. It may be called twice.
func (t *Thread) Close() {
	t.once.Do(func() {
		t.mu.Lock()
		t.ended = true
		t.mu.Unlock()
		close(t.calls)
	})
	<-t.done
}
