package train

import (
	"context"
	"fmt"

	"vsr/internal/conv"
	"vsr/internal/fault"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/graph"
)

// boundVectors is how many vectors a IDRBounds is measured on.
const boundVectors = 512

// IDRBounds measures which degradation vectors a student gives on the training material of c, at least 512 patches of it. It is what
// an exported network carries; for networks from elsewhere `vsr model export --idr-bounds` adds it.
func IDRBounds(ctx context.Context, w *kdsr.Weights, c Config, o Options) (b *kdsr.IDRBounds, err error) {
	err = onMaterial(ctx, w, c, o, func(ws *conv.Workers, corpus *data.Corpus) error {
		s, err := newSampler(c, corpus)
		if err == nil {
			b, err = measureIDRBounds(ctx, ws, w, s, c)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("train: IDR bounds: %w", err)
	}
	return b, nil
}

// onMaterial opens the material of c, on which a student is measured, for as long as measure runs.
func onMaterial(ctx context.Context, w *kdsr.Weights, c Config, o Options, measure func(*conv.Workers, *data.Corpus) error) error {
	if w.Role == kdsr.Teacher || c.Scale != w.Config.Scale {
		return fmt.Errorf("a %s for scale %d, want a student for the config's %d", w.Role, w.Config.Scale, c.Scale)
	}
	ws := conv.NewWorkers(c.Threads)
	defer ws.Close()
	corpus, err := openCorpus(ctx, c, o)
	if err != nil {
		return err
	}
	defer corpus.Close()
	return measure(ws, corpus)
}

// NoteIDRBounds measures the bounds on the material of a config file and writes them into the weights' notes; the word none takes the
// note away. Errors are *fault.Error.
func NoteIDRBounds(ctx context.Context, w *kdsr.Weights, config string) error {
	if config == "none" {
		return w.SetIDRBounds(nil)
	}
	c, err := Load(config, nil)
	if err != nil {
		return &fault.Error{Kind: fault.Usage, Err: err}
	}
	b, err := IDRBounds(ctx, w, c, Options{})
	if err != nil {
		return &fault.Error{Kind: fault.Input, Err: err, Hint: "--idr-bounds needs the images that the config names, and its scale must be the model's"}
	}
	return w.SetIDRBounds(b)
}

// measureIDRBounds estimates the patches of the first batches, as the student's estimator gets them.
func measureIDRBounds(ctx context.Context, ws *conv.Workers, w *kdsr.Weights, s *data.Sampler, c Config) (*kdsr.IDRBounds, error) {
	var vectors [][]float32
	p, n := c.Data.Patch, w.Config.C
	for step := 0; len(vectors) < boundVectors; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := s.Batch(step)
		if err != nil {
			return nil, err
		}
		e := &graph.Eager{Workers: ws, Weights: w}
		_, d := kdsr.Estimate(e, w.Config, &graph.Map{Shape: []int{c.Data.Batch, p, p, 3}, Data: b.Other})
		if err := e.Err(); err != nil {
			return nil, err
		}
		for i := range c.Data.Batch {
			vectors = append(vectors, d.Data[i*n:(i+1)*n])
		}
	}
	return kdsr.NewIDRBounds(vectors)
}
