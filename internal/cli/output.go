package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// Output is where a command writes: results on Stdout, everything else on Stderr.
type Output struct {
	Stdout, Stderr io.Writer
	Verbose        bool                // log what happens
	Words          func(string) string // puts lines into the command's own words; nil leaves them as they are

	mu    sync.Mutex
	above io.Writer // writes above the status line while there is one
}

// Tell prints a line for the user, above the status line if one is drawn. Any goroutine may call it.
func (o *Output) Tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if o.Words != nil {
		line = o.Words(line)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.Stderr
	if o.above != nil {
		w = o.above
	}
	fmt.Fprintln(w, line)
}

// Lines sets the writer that Tell uses; nil is Stderr again.
func (o *Output) Lines(w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.above = w
}

// JSON writes v to Stdout, indented.
func (o *Output) JSON(v any) error {
	e := json.NewEncoder(o.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Logger is silent unless Verbose is set.
func (o *Output) Logger() *slog.Logger {
	if !o.Verbose {
		return slog.New(slog.DiscardHandler)
	}
	return o.ServerLogger()
}

// ServerLogger logs changes of state always, and more with Verbose: nobody watches a server's terminal.
func (o *Output) ServerLogger() *slog.Logger {
	level := slog.LevelInfo
	if o.Verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(o.Stderr, &slog.HandlerOptions{Level: level}))
}

// Printer is a result that a person can read.
type Printer interface {
	Print(w io.Writer) error
}

// Print writes v to Stdout, for a person or as JSON.
func (o *Output) Print(v Printer, asJSON bool) error {
	if asJSON {
		return o.JSON(v)
	}
	if o.Words == nil {
		return v.Print(o.Stdout)
	}
	var text strings.Builder
	if err := v.Print(&text); err != nil {
		return err
	}
	_, err := io.WriteString(o.Stdout, o.Words(text.String()))
	return err
}
