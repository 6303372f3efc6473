// Package view shows a training run to whoever started it: a status line on a terminal, lines of log elsewhere.
package view

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"vsr/internal/cli"
	"vsr/train"
)

// tellRecipeAfter is after how many steps a run says how long its recipe takes: the first ones are not typical.
const tellRecipeAfter = 20

// sayEvery is how often the log of a run without a terminal hears how it goes.
const sayEvery = 30 * time.Second

// View shows one run. New begins it and Close ends it.
type View struct {
	// Log is for what the run has to say.
	Log *slog.Logger

	name   string
	out    io.Writer   // for lines that stay
	status *cli.Status // nil where there is no terminal

	mu     sync.Mutex
	now    train.Progress
	first  int // step that this run began with, -1 before
	recipe bool
	said   time.Time
}

// New shows the run called name on stderr.
func New(stderr io.Writer, name string) *View {
	v := &View{name: name, out: stderr, first: -1, said: time.Now(), Log: slog.New(slog.NewTextHandler(stderr, nil))}
	if cli.IsTerminal(stderr) {
		v.status = cli.NewStatus(stderr, v.line)
		v.out = v.status
		v.Log = slog.New(slog.NewTextHandler(v.out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	}
	return v
}

// withoutTime leaves out what a person at a terminal sees by looking at a clock.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Tell prints a line that stays.
func (v *View) Tell(format string, args ...any) { fmt.Fprintf(v.out, format+"\n", args...) }

// Show takes the progress of the run.
func (v *View) Show(p train.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = p
	if v.status == nil && time.Since(v.said) > sayEvery {
		v.said = time.Now()
		v.Log.Info("train", "done", p.Done, "of", p.Total, "state", p.String())
	}
	if p.File != "" || p.Rate == 0 {
		return
	}
	if v.first < 0 {
		v.first = p.Done
	}
	if !v.recipe && p.Done-v.first >= tellRecipeAfter {
		v.recipe = true
		each := p.Left.Seconds() / float64(max(p.Total-p.Done, 1))
		v.Tell("%d steps take about %s on this machine", p.Total, cli.Rough(time.Duration(each*float64(p.Total)*float64(time.Second))))
	}
}

func (v *View) line(width int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now.Total == 0 {
		return "reading the data"
	}
	if v.now.File != "" {
		return cli.Bar(width, fmt.Sprintf("cutting %d/%d files", v.now.Done, v.now.Total), int64(v.now.Done), int64(v.now.Total), v.now.File)
	}
	return cli.Bar(width, fmt.Sprintf("%s %d/%d", v.name, v.now.Done, v.now.Total), int64(v.now.Done), int64(v.now.Total), v.now.String())
}

// Close ends the status line.
func (v *View) Close() {
	if v.status != nil {
		v.status.Close()
	}
}
