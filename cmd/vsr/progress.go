package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"vsr/internal/cli"
	"vsr/upscale"
)

// The ways to show progress.
const (
	progressAuto = "auto"
	progressBar  = "bar"
	progressJSON = "json"
	progressNone = "none"
)

// progress shows how far a run is. update and finish are called by one goroutine at a time.
type progress interface {
	update(upscale.Progress)
	finish()
}

// newProgress makes the progress of kind.
func (a *app) newProgress(kind string) progress {
	if kind == progressAuto {
		kind = progressJSON
		if cli.IsTerminal(a.stderr) {
			kind = progressBar
		}
	}
	switch kind {
	case progressBar:
		return a.newBar()
	case progressJSON:
		return &lines{out: json.NewEncoder(a.stdout)}
	}
	return silent{}
}

func isTerminal(w io.Writer) bool { return cli.IsTerminal(w) }

type silent struct{}

func (silent) update(upscale.Progress) {}
func (silent) finish()                 {}

// lines writes one JSON object a second.
type lines struct {
	out  *json.Encoder
	last time.Duration
	now  upscale.Progress
}

// progressLine is one line of --progress json. Times are in seconds.
type progressLine struct {
	Event   string  `json:"event"` // progress or end
	Frame   int64   `json:"frame"`
	Frames  int64   `json:"frames,omitempty"` // expected; absent if unknown
	FPS     float64 `json:"fps"`
	ETA     float64 `json:"eta_s"`
	Elapsed float64 `json:"elapsed_s"`
	Scene   uint64  `json:"scene"`
}

func (l *lines) line(event string) progressLine {
	round := func(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }
	return progressLine{
		Event: event, Frame: l.now.Frames, Frames: l.now.Total, FPS: round(l.now.FPS()),
		ETA: round(l.now.Remaining().Seconds()), Elapsed: round(l.now.Elapsed.Seconds()), Scene: l.now.Scene,
	}
}

func (l *lines) update(p upscale.Progress) {
	l.now = p
	if p.Elapsed-l.last >= time.Second {
		l.last = p.Elapsed
		_ = l.out.Encode(l.line("progress")) // a reader that went away does not stop the run
	}
}

func (l *lines) finish() { _ = l.out.Encode(l.line("end")) }

// bar draws a bar on a terminal.
type bar struct {
	app    *app
	status *cli.Status
	now    atomic.Pointer[upscale.Progress]
}

// newBar begins to draw. The total is only what the container promises: the run ends the bar, never the bar the run.
func (a *app) newBar() *bar {
	b := &bar{app: a}
	b.now.Store(&upscale.Progress{})
	b.status = cli.NewStatus(a.stderr, b.line)
	a.lines(b.status)
	return b
}

func (b *bar) line(width int) string {
	p := *b.now.Load()
	done := fmt.Sprintf("%d frames", p.Frames)
	if p.Total > 0 {
		done = fmt.Sprintf("%d/%d frames", p.Frames, p.Total)
	}
	rest := fmt.Sprintf("%.1f fps", p.FPS())
	if left := p.Remaining(); left > 0 {
		rest += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	if p.Scene > 0 {
		rest += fmt.Sprintf(", scene %d", p.Scene)
	}
	if p.Closing {
		rest += ", writing the end"
	}
	return cli.Bar(width, done, p.Frames, p.Total, rest)
}

func (b *bar) update(p upscale.Progress) { b.now.Store(&p) }

func (b *bar) finish() {
	b.app.lines(nil)
	b.status.Close()
}
