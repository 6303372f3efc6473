package device

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThreadIsOne(t *testing.T) {
	th := NewThread()
	defer th.Close()
	ids := map[int]bool{}
	for range 50 {
		if err := th.Do(func() error { ids[unix.Gettid()] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if len(ids) != 1 {
		t.Errorf("functions ran on %d threads", len(ids))
	}
}

func TestThreadReturnsErrorsAndPanics(t *testing.T) {
	th := NewThread()
	defer th.Close()
	want := errors.New("mine")
	if err := th.Do(func() error { return want }); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
	func() {
		defer func() {
			if r := recover(); r != "boom" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = th.Do(func() error { panic("boom") })
	}()
	if err := th.Do(func() error { return nil }); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestThreadClose(t *testing.T) {
	th := NewThread()
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for th.Do(func() error { return nil }) == nil {
				runtime.Gosched()
			}
		}()
	}
	th.Close()
	th.Close()
	group.Wait()
	if err := th.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want %v", err, ErrClosed)
	}
}
