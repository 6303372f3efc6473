package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"vsr/internal/cli"
	"vsr/pipeline"
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
	update(pipeline.Stats)
	finish()
}

// newProgress makes the progress of kind. total is the expected number of frames, 0 if unknown; scene tells the current one.
func (a *app) newProgress(kind string, total int64, scene func() uint64) progress {
	if kind == progressAuto {
		kind = progressJSON
		if cli.IsTerminal(a.stderr) {
			kind = progressBar
		}
	}
	switch kind {
	case progressBar:
		return a.newBar(total, scene)
	case progressJSON:
		return &lines{out: json.NewEncoder(a.stdout), total: total, scene: scene}
	}
	return silent{}
}

func isTerminal(w io.Writer) bool { return cli.IsTerminal(w) }

type silent struct{}

func (silent) update(pipeline.Stats) {}
func (silent) finish()               {}

// remaining estimates the time left from what is done; 0 if it cannot be known.
func remaining(s pipeline.Stats, total int64) time.Duration {
	done := s.FramesOut()
	if done == 0 || total <= done {
		return 0
	}
	return time.Duration(float64(s.Elapsed) / float64(done) * float64(total-done))
}

// lines writes one JSON object a second.
type lines struct {
	out   *json.Encoder
	total int64
	scene func() uint64
	last  time.Duration
	stats pipeline.Stats
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
		Event: event, Frame: l.stats.FramesOut(), Frames: l.total, FPS: round(l.stats.FPS()),
		ETA: round(remaining(l.stats, l.total).Seconds()), Elapsed: round(l.stats.Elapsed.Seconds()), Scene: l.scene(),
	}
}

func (l *lines) update(s pipeline.Stats) {
	l.stats = s
	if s.Elapsed-l.last >= time.Second {
		l.last = s.Elapsed
		_ = l.out.Encode(l.line("progress")) // a reader that went away does not stop the run
	}
}

func (l *lines) finish() { _ = l.out.Encode(l.line("end")) }

// bar draws a bar on a terminal.
type bar struct {
	app    *app
	status *cli.Status
	total  int64
	scene  func() uint64
	stats  atomic.Pointer[pipeline.Stats]
}

// newBar begins to draw. The total is only what the container promises: the run ends the bar, never the bar the run.
func (a *app) newBar(total int64, scene func() uint64) *bar {
	b := &bar{app: a, total: total, scene: scene}
	b.stats.Store(&pipeline.Stats{})
	b.status = cli.NewStatus(a.stderr, b.line)
	a.lines(b.status)
	return b
}

func (b *bar) line(width int) string {
	s := *b.stats.Load()
	done := fmt.Sprintf("%d frames", s.FramesOut())
	if b.total > 0 {
		done = fmt.Sprintf("%d/%d frames", s.FramesOut(), b.total)
	}
	rest := fmt.Sprintf("%.1f fps", s.FPS())
	if left := remaining(s, b.total); left > 0 {
		rest += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	if n := b.scene(); n > 0 {
		rest += fmt.Sprintf(", scene %d", n)
	}
	if s.Closing {
		rest += ", writing the end"
	}
	return cli.Bar(width, done, s.FramesOut(), b.total, rest)
}

func (b *bar) update(s pipeline.Stats) { b.stats.Store(&s) }

func (b *bar) finish() {
	b.app.lines(nil)
	b.status.Close()
}
