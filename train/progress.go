package train

import (
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how a run goes: a bar where there is a terminal, a log line every half minute elsewhere.
type progress struct {
	log   *slog.Logger
	pool  *mpb.Progress
	bar   *mpb.Bar
	batch int
	total int
	loss  float64
	psnr  string
	text  atomic.Value  // string: the bar is drawn by another goroutine
	ticks [64]time.Time // of the last steps, a ring
	n     int
	spoke time.Time
}

func newProgress(o Options, c Config, step int) *progress {
	p := &progress{log: o.Log, batch: c.Data.Batch, total: c.Optim.Steps, spoke: time.Now()}
	if o.Bar == nil {
		return p
	}
	p.text.Store("")
	p.pool = mpb.New(mpb.WithOutput(o.Bar), mpb.WithWidth(40))
	p.bar = p.pool.AddBar(int64(c.Optim.Steps),
		mpb.PrependDecorators(decor.Name(c.Name+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.text.Load().(string) })))
	p.bar.SetCurrent(int64(step))
	return p
}

// cutProgress is the bar over the source files while they are cut to tiles; done ends it. Without a writer both do nothing.
func cutProgress(w io.Writer) (show func(done, total int), done func()) {
	if w == nil {
		return nil, func() {}
	}
	pool := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	bar := pool.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("cutting "), decor.CountersNoUnit("%d/%d files")),
		mpb.AppendDecorators(decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))
	show = func(done, total int) {
		bar.SetTotal(int64(total), false)
		bar.SetCurrent(int64(done))
	}
	return show, func() {
		bar.Abort(true)
		pool.Wait()
	}
}

// step shows that a step is done; one that was left out has no losses.
func (p *progress) step(step int, losses []float32) {
	if len(losses) > 0 {
		if p.n == 0 {
			p.loss = float64(losses[0])
		}
		p.loss += (float64(losses[0]) - p.loss) / 50
	}
	p.ticks[p.n%len(p.ticks)] = time.Now()
	p.n++
	if p.bar != nil {
		p.text.Store(p.line(step))
		p.bar.SetCurrent(int64(step))
		return
	}
	if time.Since(p.spoke) > 30*time.Second {
		p.spoke = time.Now()
		p.log.Info("train", "step", step, "of", p.total, "state", p.line(step))
	}
}

// rate is samples a second over the last steps.
func (p *progress) rate() float64 {
	k := min(p.n, len(p.ticks))
	if k < 2 {
		return 0
	}
	newest, oldest := p.ticks[(p.n-1)%len(p.ticks)], p.ticks[(p.n-k)%len(p.ticks)]
	return float64(p.batch*(k-1)) / max(newest.Sub(oldest).Seconds(), 1e-9)
}

func (p *progress) line(step int) string {
	s := fmt.Sprintf("loss %.4f", p.loss)
	if r := p.rate(); r > 0 {
		left := time.Duration(float64((p.total-step)*p.batch) / r * float64(time.Second))
		s += fmt.Sprintf(" %.1f samples/s, %s left", r, left.Round(time.Second))
	}
	return s + p.psnr
}

func (p *progress) validated(psnr, bicubic float64) {
	p.psnr = fmt.Sprintf(", val %.2f dB (bicubic %.2f)", psnr, bicubic)
}

func (p *progress) close() {
	if p.bar != nil {
		if !p.bar.Completed() {
			p.bar.Abort(false)
		}
		p.pool.Wait()
	}
}
