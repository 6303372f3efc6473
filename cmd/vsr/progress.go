package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"

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
		if isTerminal(a.stderr) {
			kind = progressBar
		}
	}
	switch kind {
	case progressBar:
		b := newBar(a.stderr, total, scene)
		b.app = a
		a.lines(b.container)
		return b
	case progressJSON:
		return &lines{out: json.NewEncoder(a.stdout), total: total, scene: scene}
	}
	return silent{}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

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
	app       *app
	container *mpb.Progress
	bar       *mpb.Bar
	total     int64
	stats     atomic.Pointer[pipeline.Stats]
}

func newBar(w io.Writer, total int64, scene func() uint64) *bar {
	b := &bar{total: total, container: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))}
	b.stats.Store(&pipeline.Stats{})
	frames := decor.Any(func(decor.Statistics) string {
		if total > 0 {
			return fmt.Sprintf("%d/%d frames ", b.stats.Load().FramesOut(), total)
		}
		return fmt.Sprintf("%d frames ", b.stats.Load().FramesOut())
	})
	rest := decor.Any(func(decor.Statistics) string {
		s := b.stats.Load()
		text := fmt.Sprintf(" %.1f fps", s.FPS())
		if eta := remaining(*s, total); eta > 0 {
			text += fmt.Sprintf(", %s left", eta.Round(time.Second))
		}
		if n := scene(); n > 0 {
			text += fmt.Sprintf(", scene %d", n)
		}
		if s.Closing {
			text += ", writing the end"
		}
		return text
	})
	if total > 0 {
		// Not AddBar(total): mpb would then wait for exactly that many frames, and the total is only what the container promises.
		b.bar = b.container.AddBar(0, mpb.PrependDecorators(frames), mpb.AppendDecorators(rest))
		b.bar.SetTotal(total, false)
	} else {
		b.bar = b.container.AddSpinner(0, mpb.PrependDecorators(frames), mpb.AppendDecorators(rest))
	}
	return b
}

func (b *bar) update(s pipeline.Stats) {
	b.stats.Store(&s)
	b.bar.SetCurrent(s.FramesOut())
}

// barWait is how long a run waits for the last drawing of its bar: a terminal that takes no more text must not hold it.
const barWait = time.Second

// finish leaves the bar at what was done, be it as many frames as expected or not.
func (b *bar) finish() {
	b.app.lines(nil)
	b.bar.SetCurrent(b.stats.Load().FramesOut())
	b.bar.Abort(false)
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		b.container.Wait()
	}()
	select {
	case <-drawn:
	case <-time.After(barWait):
	}
}
