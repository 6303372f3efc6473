package train

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// Options is what a run needs beside its config. The zero value is a fresh run that nobody watches.
type Options struct {
	Resume bool          // go on from the checkpoint in the run folder
	Limit  time.Duration // stop with a checkpoint after this long, 0 is no limit
	Log    *slog.Logger
	// Show is told of every file that is cut and of every step, by one goroutine at a time. nil is nobody.
	Show    func(Progress)
	Weights func(name string) (*kdsr.Weights, error)                                    // reads Config.Init and Config.Teacher, nil is kdsr.Load
	Sources func(ctx context.Context, c Config, log *slog.Logger) (*data.Corpus, error) // nil reads Config.Data
}

// trainer is one run.
type trainer struct {
	c             Config
	stage         Stage
	o             Options
	ws            *conv.Workers
	corpus        *data.Corpus
	sampler       *data.Sampler
	weights       *kdsr.Weights
	teacher       *kdsr.Weights // nil in stage 1, and of a student without one
	guide         *kdsr.Weights // nil without one
	parent        string        // hash of the weights that this run builds on: the teacher's, or else those of init
	m             *machine
	warm          *machine // of the first steps, nil when there are none
	adam          *graph.Adam
	discriminator *discriminator // nil but in stage 3
	ema           [][]float32    // in the order of the parameters; nil when off
	step          int            // steps made
	spent         time.Duration
	log           *trainingLog
	lock          io.Closer
	val           *validator
	material      Material
	slow          float64 // slow mean of the loss, to notice divergence
	outlierScore  float64 // of late: see maxOutliers
	leftOut       int     // steps that were left out
	rollbacks     int     // times that the run went back to the averaged weights
}

// Run trains one stage until its last step, the limit, or the end of the context; in all three cases a checkpoint is written.
// A context's end is not an error. A finished run returns the path of its weights, an interrupted one an empty path.
func Run(ctx context.Context, stage Stage, c Config, o Options) (path string, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Weights == nil {
		o.Weights = kdsr.Load
	}
	if err := c.Check(stage); err != nil {
		return "", fmt.Errorf("train: %w", &ConfigError{Err: err})
	}
	t := &trainer{c: c, stage: stage, o: o, ws: conv.NewWorkers(c.Threads)}
	defer t.close()
	if err := t.prepare(ctx); err != nil {
		return "", fmt.Errorf("train: %w", err)
	}
	if err := t.loop(ctx); err != nil {
		return "", fmt.Errorf("train: %w", err)
	}
	if t.step < c.Optim.Steps {
		return "", nil
	}
	if path, err = t.export(ctx); err != nil {
		return "", fmt.Errorf("train: export: %w", err)
	}
	return path, nil
}

func (t *trainer) close() {
	for _, m := range []*machine{t.m, t.warm} {
		if m != nil && m.prog != nil {
			_ = m.prog.Close()
		}
	}
	if t.discriminator != nil {
		_ = t.discriminator.m.prog.Close()
	}
	if t.log != nil {
		_ = t.log.Close()
	}
	if t.corpus != nil {
		_ = t.corpus.Close()
	}
	if t.lock != nil {
		_ = t.lock.Close()
	}
	t.ws.Close()
}

// loop makes steps until there is a reason to stop.
func (t *trainer) loop(ctx context.Context) error {
	stream := t.sampler.Prefetch(ctx, t.step, t.c.Data.Workers, 2)
	defer stream.Close()
	p := newProgress(t.o, t.c, t.step)
	began, saved := time.Now(), time.Now()
	before := t.spent
	clock := func() { t.spent = before + time.Since(began) }
	for t.step < t.c.Optim.Steps && ctx.Err() == nil && (t.o.Limit == 0 || time.Since(began) < t.o.Limit) {
		batch, err := stream.Next(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		names := t.running().names
		losses, err := t.one(batch)
		stream.Recycle(batch)
		if err != nil {
			return err
		}
		clock()
		p.step(t.step, losses, t.leftOut)
		if err := t.log.losses(t, names, losses, p.rate()); err != nil {
			return err
		}
		if every := t.c.Validate.Every; every > 0 && (t.step%every == 0 || t.step == t.c.Optim.Steps) {
			if err := t.validate(p); err != nil {
				return err
			}
		}
		if time.Since(saved).Minutes() >= t.c.Checkpoint.Minutes {
			if err := t.save(); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	clock()
	return t.save()
}

// running is the machine of the next step.
func (t *trainer) running() *machine {
	if t.step < t.c.estimatorOnly(t.stage) {
		return t.warm
	}
	return t.m
}

// one makes one step, or leaves it out and returns no losses.
func (t *trainer) one(batch *data.Batch) ([]float32, error) {
	m := t.running()
	if t.discriminator != nil && m == t.m {
		t.discriminator.net.Iterate()
	}
	losses, err := m.run(batch)
	if err != nil {
		return nil, err
	}
	good, err := t.healthy(losses)
	if err != nil {
		return nil, err
	}
	if !good {
		t.o.Log.Warn("step left out: its loss is far above the others'", "step", t.step, "loss", losses[0], "mean", t.slow, "so far", t.leftOut)
		t.step++
		return nil, nil
	}
	t.adam.LR = t.c.Optim.rate(t.step) * math.Pow(rollbackRate, float64(t.rollbacks))
	if err := t.adam.Step(m.params); err != nil {
		return nil, err
	}
	t.average()
	if t.discriminator != nil && m == t.m {
		d, err := t.discriminator.step(batch)
		if err != nil {
			return nil, err
		}
		losses = append(losses, d)
	}
	t.step++
	return losses, nil
}

// average moves the EMA. In the first steps the decay is smaller, so that the random start is forgotten soon.
func (t *trainer) average() {
	if t.ema == nil {
		return
	}
	decay := min(t.c.EMA, float64(t.step+1)/float64(t.step+10))
	a, b := float32(decay), float32(1-decay)
	t.ws.Run(len(t.ema), func(i int) {
		data := t.m.prog.Params[i].Data
		for k, v := range data {
			t.ema[i][k] = a*t.ema[i][k] + b*v
		}
	})
}

// averaged is the network to measure and to export: the EMA when there is one.
func (t *trainer) averaged() *kdsr.Weights {
	w := t.weights.Clone()
	for i, e := range t.ema {
		copy(w.Tensors[t.m.prog.Params[i].Name].Data, e)
	}
	return w
}

// export writes the trained weights with their history.
func (t *trainer) export(ctx context.Context) (string, error) {
	w := t.averaged()
	w.Meta = map[string]string{
		kdsr.MetaName: t.c.Name, kdsr.MetaDegradation: t.c.Degradation.describe(t.c.Scale),
		kdsr.MetaData:  t.c.Data.describe(len(t.corpus.Train)),
		kdsr.MetaSteps: strconv.Itoa(t.step), "seed": strconv.FormatUint(t.c.Seed, 10), "stage": string(t.stage),
		"hours": fmt.Sprintf("%.2f", t.spent.Hours()), kdsr.MetaScores: t.log.score(),
	}
	if t.c.License != "" {
		w.Meta[kdsr.MetaLicence] = t.c.License
	}
	if t.parent != "" {
		w.Meta[kdsr.MetaParent] = t.parent
	}
	if t.stage != Teacher && t.c.Estimator != "none" { // one that sees nothing gives one vector
		bounds, err := measureIDRBounds(ctx, t.ws, w, t.sampler, t.c)
		if err == nil {
			err = w.SetIDRBounds(bounds)
		}
		if err != nil {
			return "", err
		}
	}
	path := filepath.Join(t.c.Out, t.c.Name+".safetensors")
	return path, w.Save(path, kdsr.F32)
}
