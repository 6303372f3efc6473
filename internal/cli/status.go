package cli

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	drawEvery = 200 * time.Millisecond
	// plainEvery is how often a terminal that cannot erase a line gets a new one.
	plainEvery = 10 * time.Second
	// closeWait is how long Close waits for a terminal that takes no text.
	closeWait = time.Second
)

// Status is a line at the bottom of a terminal that is drawn again five times a second, below lines that stay. On a terminal
// that cannot erase, and on anything else, it is a line every ten seconds. One goroutine does all writing.
type Status struct {
	w     io.Writer
	draw  func(width int) string
	erase bool
	every time.Duration

	mu    sync.Mutex
	above bytes.Buffer // complete lines that wait to be written

	wake chan struct{} // there is something above
	quit chan struct{}
	done chan struct{}
	end  sync.Once
}

// NewStatus begins to draw on w. draw gives the line, at most width characters of it; it is called by one goroutine at a time, until
// Close returns.
func NewStatus(w io.Writer, draw func(width int) string) *Status {
	s := &Status{w: w, draw: draw, erase: canErase(w), every: plainEvery,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	if s.erase {
		s.every = drawEvery
	}
	go s.run()
	return s
}

// Write puts text, complete lines, above the status line. It never waits and never fails.
func (s *Status) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.above.Write(p)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

// Close draws the line a last time, leaves it standing, and returns within a second. It may be called twice.
func (s *Status) Close() {
	s.end.Do(func() { close(s.quit) })
	select {
	case <-s.done:
	case <-time.After(closeWait):
	}
}

func (s *Status) run() {
	defer close(s.done)
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	if s.erase {
		s.show(true)
	}
	for {
		select {
		case <-tick.C:
			s.show(true)
		case <-s.wake:
			s.show(s.erase)
		case <-s.quit:
			s.show(true)
			if s.erase {
				_, _ = s.w.Write([]byte("\n"))
			}
			return
		}
	}
}

// show writes the waiting lines and, if it is asked for, the status line below them, in one write so that nothing flickers.
func (s *Status) show(line bool) {
	var out bytes.Buffer
	if s.erase {
		out.WriteString("\r\x1b[J")
	}
	s.mu.Lock()
	out.Write(s.above.Bytes())
	s.above.Reset()
	s.mu.Unlock()
	if line {
		out.WriteString(clip(s.draw(columns(s.w)-1), columns(s.w)-1)) // the last column would make some terminals wrap
		if !s.erase {
			out.WriteByte('\n')
		}
	}
	_, _ = s.w.Write(out.Bytes()) // a terminal that went away does not stop the work
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}
