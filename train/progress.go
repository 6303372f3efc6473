package train

import (
	"fmt"
	"log/slog"
	"time"

	"vsr/internal/cli"
)

// Progress is how far a run is: first files are cut to tiles, then steps are made.
type Progress struct {
	File        string        // the source file that is being cut; empty once steps are made
	Done, Total int           // files, then steps
	Loss        float64       // slow mean over the steps
	Rate        float64       // samples a second over the last steps, 0 if not known yet
	Left        time.Duration // until the last step at that rate, 0 if not known yet
	PSNR        float64       // of the last validation in dB, 0 before the first
	Bicubic     float64       // of the same images
	LeftOut     int           // steps without effect so far
}

// String is the progress on one line, without the counts.
func (p Progress) String() string {
	if p.File != "" {
		return p.File
	}
	s := fmt.Sprintf("loss %.4f", p.Loss)
	if p.Rate > 0 {
		s += fmt.Sprintf(", %.1f samples/s, %s left", p.Rate, cli.Rough(p.Left))
	}
	if p.PSNR > 0 {
		s += fmt.Sprintf(", validation %.2f dB (bicubic %.2f)", p.PSNR, p.Bicubic)
	}
	if p.LeftOut > 0 {
		s += fmt.Sprintf(", %d steps left out", p.LeftOut)
	}
	return s
}

// sayEvery is how often the log hears how a run goes.
const sayEvery = 30 * time.Second

// progress measures how a run goes, and tells Options.Show or else, now and then, the log.
type progress struct {
	log   *slog.Logger
	show  func(Progress)
	batch int
	now   Progress
	ticks [64]time.Time // of the last steps, a ring
	n     int
	said  time.Time
}

func newProgress(o Options, c Config, step int) *progress {
	return &progress{log: o.Log, show: o.Show, batch: c.Data.Batch, now: Progress{Done: step, Total: c.Optim.Steps}, said: time.Now()}
}

// step says that a step is done; one that was left out has no losses.
func (p *progress) step(step int, losses []float32, leftOut int) {
	if len(losses) > 0 {
		if p.n == 0 {
			p.now.Loss = float64(losses[0])
		}
		p.now.Loss += (float64(losses[0]) - p.now.Loss) / 50
	}
	p.ticks[p.n%len(p.ticks)] = time.Now()
	p.n++
	p.now.Done, p.now.LeftOut, p.now.Rate = step, leftOut, p.rate()
	if p.now.Rate > 0 {
		p.now.Left = time.Duration(float64((p.now.Total-step)*p.batch) / p.now.Rate * float64(time.Second))
	}
	p.say()
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

func (p *progress) validated(psnr, bicubic float64) {
	p.now.PSNR, p.now.Bicubic = psnr, bicubic
	p.say()
}

func (p *progress) say() {
	if p.show != nil {
		p.show(p.now)
		return
	}
	if time.Since(p.said) > sayEvery {
		p.said = time.Now()
		p.log.Info("train", "step", p.now.Done, "of", p.now.Total, "state", p.now.String())
	}
}
