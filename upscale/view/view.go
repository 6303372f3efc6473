// Package view shows the events of a job to whoever started it: lines for people, and progress as a bar on a terminal or as lines of
// JSON.
package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/upscale"
)

// The ways to show progress.
const (
	Auto = "auto" // Bar on a terminal, else JSON
	Bar  = "bar"
	JSON = "json" // on standard output
	None = "none"
)

// Validate reports a kind that is none, as an error of kind fault.Usage.
func Validate(kind string) error {
	if list := []string{Auto, Bar, JSON, None}; !slices.Contains(list, kind) {
		return fault.New(fault.Usage, "", "progress %q: want %s or none", kind, strings.Join(list[:3], ", "))
	}
	return nil
}

// Display shows the events of one job.
type Display struct {
	out  *cli.Output
	kind string
	show progress // nil before the first and after the last frame
	told bool     // how long it will take
}

// New shows events on out, and progress in the way of kind.
func New(out *cli.Output, kind string) *Display {
	if kind == Auto {
		kind = JSON
		if cli.IsTerminal(out.Stderr) {
			kind = Bar
		}
	}
	return &Display{out: out, kind: kind}
}

// A job says how long it will take after tellAfter, if tellLeft or more is left.
const (
	tellAfter = 3 * time.Second
	tellLeft  = 20 * time.Second
)

// Event shows an event; it is for upscale.Options.Events.
func (d *Display) Event(e upscale.Event) {
	p, ok := e.(upscale.Progress)
	switch {
	case !ok:
		if _, started := e.(upscale.Started); !started || d.kind != None {
			d.out.Tell("%s", e)
		}
		return
	case p.Phase != upscale.PhaseUpscale:
		return
	case d.show == nil:
		d.show = d.start()
	}
	if left := p.Remaining(); !d.told && d.kind != None && p.Elapsed > tellAfter && left > tellLeft {
		d.told = true
		d.out.Tell("about %s to go", cli.Rough(left))
	}
	d.show.update(p)
	if p.Last {
		d.Finish()
	}
}

// Finish ends the progress, if it was begun. It may be called twice.
func (d *Display) Finish() {
	if d.show != nil {
		d.show.finish()
		d.show, d.kind = nil, None
	}
}

// Tell returns a function for upscale.Options.Events that prints what a job has to say, but no progress.
func Tell(out *cli.Output) func(upscale.Event) {
	return func(e upscale.Event) {
		if _, ok := e.(upscale.Progress); !ok {
			out.Tell("%s", e)
		}
	}
}

// progress shows how far a job is. update and finish are called by one goroutine at a time.
type progress interface {
	update(upscale.Progress)
	finish()
}

func (d *Display) start() progress {
	switch d.kind {
	case Bar:
		return newBar(d.out)
	case JSON:
		return &lines{out: json.NewEncoder(d.out.Stdout)}
	}
	return silent{}
}

type silent struct{}

func (silent) update(upscale.Progress) {}
func (silent) finish()                 {}

// lines writes one JSON object a second.
type lines struct {
	out  *json.Encoder
	last time.Duration
	now  upscale.Progress
}

// line is one line of --progress json. Times are in seconds.
type line struct {
	Event   string  `json:"event"` // progress or end
	Frame   int64   `json:"frame"`
	Frames  int64   `json:"frames,omitempty"` // expected; absent if unknown
	FPS     float64 `json:"fps"`
	ETA     float64 `json:"eta_s"`
	Elapsed float64 `json:"elapsed_s"`
	Scene   uint64  `json:"scene"`
}

func (l *lines) write(event string) {
	round := func(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }
	_ = l.out.Encode(line{ // a reader that went away does not stop the job
		Event: event, Frame: l.now.Frames, Frames: l.now.Total, FPS: round(l.now.FPS()),
		ETA: round(l.now.Remaining().Seconds()), Elapsed: round(l.now.Elapsed.Seconds()), Scene: l.now.Scene,
	})
}

func (l *lines) update(p upscale.Progress) {
	l.now = p
	if p.Elapsed-l.last >= time.Second {
		l.last = p.Elapsed
		l.write("progress")
	}
}

func (l *lines) finish() { l.write("end") }

// bar draws a bar on a terminal.
type bar struct {
	out    *cli.Output
	status *cli.Status
	now    atomic.Pointer[upscale.Progress]
}

// newBar begins to draw. The total is only what the container promises: the job ends the bar, never the bar the job.
func newBar(out *cli.Output) *bar {
	b := &bar{out: out}
	b.now.Store(&upscale.Progress{})
	b.status = cli.NewStatus(out.Stderr, b.line)
	out.Lines(b.status)
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
	b.out.Lines(nil)
	b.status.Close()
}
