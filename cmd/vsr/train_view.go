package main

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

// trainView shows a training run: a status line on a terminal, lines of log elsewhere.
type trainView struct {
	name   string
	log    *slog.Logger
	out    io.Writer   // for lines that stay
	status *cli.Status // nil where there is no terminal

	mu     sync.Mutex
	now    train.Progress
	first  int // step that this run began with, -1 before
	recipe bool
	said   time.Time
}

func newTrainView(stderr io.Writer, name string) *trainView {
	v := &trainView{name: name, out: stderr, first: -1, said: time.Now(), log: slog.New(slog.NewTextHandler(stderr, nil))}
	if cli.IsTerminal(stderr) {
		v.status = cli.NewStatus(stderr, v.line)
		v.out = v.status
		v.log = slog.New(slog.NewTextHandler(v.out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
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

// say prints a line that stays.
func (v *trainView) say(format string, args ...any) { fmt.Fprintf(v.out, format+"\n", args...) }

// show takes the progress of the run.
func (v *trainView) show(p train.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = p
	if v.status == nil && time.Since(v.said) > sayEvery {
		v.said = time.Now()
		v.log.Info("train", "done", p.Done, "of", p.Total, "state", p.String())
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
		v.say("%d steps take about %s on this machine", p.Total, train.Rough(time.Duration(each*float64(p.Total)*float64(time.Second))))
	}
}

func (v *trainView) line(width int) string {
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

// close ends the status line.
func (v *trainView) close() {
	if v.status != nil {
		v.status.Close()
	}
}
