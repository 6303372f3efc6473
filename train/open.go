package train

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/feature"
	"vsr/train/graph"
)

// prepare makes or loads everything up to the first step.
func (t *trainer) prepare(ctx context.Context) error {
	if err := t.preflight(); err != nil {
		return err
	}
	if err := os.MkdirAll(t.c.Out, 0o755); err != nil {
		return err
	}
	var err error
	if t.lock, err = lock(t.c.Out); err != nil {
		return err
	}
	if err := t.openData(ctx); err != nil {
		return err
	}
	if err := t.openMachine(); err != nil {
		return err
	}
	if t.o.Resume {
		if err := t.load(t.checkpointPath()); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		t.o.Log.Info("resumed", "step", t.step, "spent", t.spent.Round(time.Second))
	}
	if t.log, err = openLog(filepath.Join(t.c.Out, "log.jsonl"), t.step); err != nil {
		return err
	}
	if t.o.Resume {
		if err := t.noteChanges(); err != nil {
			return err
		}
	}
	if err := t.material.write(t.c.Out); err != nil {
		return err
	}
	return writeConfig(t.configPath(), t.c)
}

func (t *trainer) openData(ctx context.Context) (err error) {
	if t.corpus, err = openCorpus(ctx, t.c, t.o); err != nil {
		return err
	}
	if t.sampler, err = newSampler(t.c, t.corpus); err != nil {
		return err
	}
	recipe, err := t.c.Recipe()
	if err != nil {
		return err
	}
	held := t.corpus.Validation
	if len(t.c.Validate.ImagesFrom) > 0 {
		own, err := t.openOwnValidation(ctx)
		if err != nil {
			return err
		}
		defer own.Close() // the validator copies its windows
		held = own.Train
	}
	if t.val, err = newValidator(t.ws, held, recipe, t.c); err != nil {
		return err
	}
	if err := t.val.measureOther(t); err != nil {
		return err
	}
	t.material = newMaterial(t.corpus, held, t.val)
	t.o.Log.Info("validation", "windows", t.val.names, "left out", t.val.leftOut)
	if t.c.Validate.Every > 0 && t.c.Validate.Images > 0 && len(t.val.lr) == 0 {
		t.o.Log.Warn("no validation: every window held back for it is flat, black or too small; validate.images_from names others")
	}
	return nil
}

// openOwnValidation reads the folders of validate.images_from.
func (t *trainer) openOwnValidation(ctx context.Context) (*data.Corpus, error) {
	c := t.c
	c.Data.Images, c.Data.Cache = c.Validate.ImagesFrom, ""
	return openCorpus(ctx, c, t.o)
}

func openCorpus(ctx context.Context, c Config, o Options) (*data.Corpus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sources != nil {
		return o.Sources(ctx, c, o.Log)
	}
	return openFolders(ctx, c, o)
}

func newSampler(c Config, corpus *data.Corpus) (*data.Sampler, error) {
	recipe, err := c.TrainingRecipe()
	if err != nil {
		return nil, err
	}
	d := c.Data
	return data.NewSampler(corpus.Train, data.SamplerOptions{
		Seed: c.Seed, Batch: d.Batch, Patch: d.Patch, Recipe: recipe, Clip: d.Clip, Reuse: d.Reuse, SharedPerBatch: d.Shared, Pool: d.Pool,
		Shrink: d.Shrink, Defocus: d.Defocus, Drawn: d.Drawn, Night: d.Night,
	})
}

func openFolders(ctx context.Context, c Config, o Options) (*data.Corpus, error) {
	show := func(done, total int, file string) {
		if o.Show != nil && file != "" {
			o.Show(Progress{File: file, Done: done, Total: total})
		}
	}
	corpus, rep, err := data.Open(ctx, data.Options{
		Dirs: c.Data.Images, Cache: c.Data.Cache, Videos: data.Videos(data.VideoOptions{}), Progress: show, Log: o.Log,
		Whole: len(c.Validate.ImagesFrom) > 0,
	})
	if err != nil {
		return nil, input(err, "data.images and validate.images_from name folders or files of sharp images and videos")
	}
	o.Log.Info("data", "files", rep.Files, "tiles", rep.Tiles, "train", len(corpus.Train), "validation", len(corpus.Validation),
		"skipped", len(rep.Skipped))
	return corpus, nil
}

func (t *trainer) openNetworks() error {
	shape, err := t.c.Network()
	if err != nil {
		return err
	}
	if t.stage != Teacher && t.c.Teacher != "" {
		if t.teacher, err = t.o.Weights(t.c.Teacher); err != nil {
			return &InputError{fmt.Errorf("teacher: %w", err), teacherHint}
		}
		if t.teacher.Role != kdsr.Teacher || t.teacher.Config != shape {
			return &InputError{fmt.Errorf("teacher: %s is a %s of %+v, want a teacher of %+v", t.c.Teacher, t.teacher.Role, t.teacher.Config, shape),
				"model, scale and shape must be the teacher's"}
		}
		t.parent = t.teacher.Hash()
	}
	if t.c.Guide != "" {
		if t.guide, err = t.o.Weights(t.c.Guide); err == nil && (t.guide.Role == kdsr.Teacher || t.guide.Config.Scale != t.c.Scale) {
			err = fmt.Errorf("%s is a %s of scale %d, want a student of scale %d", t.c.Guide, t.guide.Role, t.guide.Config.Scale, t.c.Scale)
		}
		if err != nil {
			return &InputError{fmt.Errorf("guide: %w", err), "guide names a weights file or a built-in model (vsr model list) of the same scale"}
		}
	}
	switch {
	case t.c.Init != "":
		t.weights, err = t.o.Weights(t.c.Init)
		if err == nil && t.weights.Role == t.role() && t.weights.Config != shape {
			from, parent := t.weights.Config, t.weights.Hash()
			if grown, growErr := kdsr.Grow(t.weights, shape, t.c.Seed); growErr == nil {
				t.weights, t.parent = grown, parent
				t.o.Log.Info("init is grown", "from", from, "to", shape)
			}
		}
		if err == nil && (t.weights.Role != t.role() || t.weights.Config != shape) {
			err = fmt.Errorf("%s is a %s of %+v, want a %s of %+v", t.c.Init, t.weights.Role, t.weights.Config, t.role(), shape)
		}
		if err != nil {
			return &InputError{fmt.Errorf("init: %w", err), "init names a weights file or a built-in model (vsr model list) of the same model and scale"}
		}
		if t.parent == "" {
			t.parent = t.weights.Hash()
		}
	case t.stage == Student && t.teacher == nil:
		t.weights, err = kdsr.RandomWeights(shape, t.c.Seed)
	case t.stage == Student:
		t.weights, err = fromTeacher(t.teacher, t.c.Seed)
	default:
		t.weights, err = kdsr.RandomTeacher(shape, t.c.Seed)
	}
	return err
}

// teacherHint is what a run without its teacher's weights can do.
const teacherHint = "vsr train teacher makes one; without: --set teacher= --set loss.kd=0 --set optim.kd_only=0"

func (t *trainer) role() kdsr.Role {
	if t.stage == Teacher {
		return kdsr.Teacher
	}
	return kdsr.Student
}

func (t *trainer) openMachine() (err error) {
	geo := geometry{t.c.Data.Batch, t.c.Data.Patch, t.c.Scale}
	var p *probe
	if t.stage != GAN && t.c.Loss.Probe > 0 {
		if p, err = newProbe(t.sampler, geo); err != nil {
			return err
		}
	}
	if t.c.estimatorOnly(t.stage) > 0 {
		if t.warm, err = newWarmup(t.ws, t.weights, t.teacher, geo, t.c, p); err != nil {
			return err
		}
	}
	switch t.stage {
	case Teacher:
		t.m, err = newTeacher(t.ws, t.weights, geo, t.c, p)
	case Student:
		t.m, err = newStudent(t.ws, t.weights, t.teacher, t.guide, geo, t.c, p)
	case GAN:
		var f *graph.Features
		if t.c.Loss.Perceptual > 0 {
			if f, err = feature.Open(t.c.GAN.Features); err != nil {
				return err
			}
		}
		if t.m, t.discriminator, err = newGAN(t.ws, t.weights, t.teacher, f, geo, t.c); err == nil {
			t.m.names = append(t.m.names, "d")
		}
	}
	if err != nil {
		return err
	}
	t.adam = graph.NewAdam(t.ws, t.c.Optim.Beta1, t.c.Optim.Beta2)
	t.adam.Clip = t.c.Optim.Clip
	t.adam.Reserve(t.m.prog.Params)
	t.m.params = model(t.m.prog)
	if t.warm != nil {
		t.warm.params = parameters(t.m.prog.Params, t.warm)
	}
	if t.c.EMA > 0 {
		for _, p := range t.m.prog.Params {
			t.ema = append(t.ema, append([]float32(nil), p.Data...))
		}
	}
	return nil
}
