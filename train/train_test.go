package train

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vsr/sr/kdsr"
	"vsr/train/data"
)

// waves makes a corpus of smooth colored patterns with edges, so that training has something to learn.
func waves(context.Context, Config, *slog.Logger) (*data.Corpus, error) {
	c := &data.Corpus{}
	for i := range 6 {
		const side = 96
		t := data.Tile{W: side, H: side, Frames: 1, Source: string(rune('a' + i)), Pix: make([]byte, side*side*3)}
		for y := range side {
			for x := range side {
				for ch := range 3 {
					v := 128 + 60*math.Sin(float64(x*(i+1)+ch*y)/9) + 60*math.Copysign(1, math.Sin(float64(y*(i+2)-x*ch)/13))
					t.Pix[(y*side+x)*3+ch] = byte(v)
				}
			}
		}
		if i < 5 {
			c.Train = append(c.Train, t)
		} else {
			c.Validation = append(c.Validation, t)
		}
	}
	return c, nil
}

func tinyConfig(t *testing.T) Config {
	t.Helper()
	c := Default()
	c.Name, c.Model, c.Scale, c.Out, c.Data.Images = "tiny", "nano", 2, t.TempDir(), []string{"waves"}
	c.Shape = &Shape{C: 4, N: 1, R: 1}
	c.Data.Patch, c.Data.Batch, c.Threads = 8, 2, 1
	c.Optim.Steps, c.Optim.Warmup, c.Optim.Schedule = 12, 3, "constant"
	c.Validate = Validation{Every: 6, Images: 1, Size: 16}
	return c
}

func finish(t *testing.T, stage Stage, c Config, o Options) *kdsr.Weights {
	t.Helper()
	o.Sources = waves
	path, err := Run(context.Background(), stage, c, o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kdsr.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestResumeIsBitEqual interrupts both stages after every few steps and compares with a run in one segment.
func TestResumeIsBitEqual(t *testing.T) {
	warm := func() Config { // the warm-up ends within the second segment
		c := tinyConfig(t)
		c.Loss.Probe, c.Optim.ProbeOnly, c.Optim.KDOnly = 0.1, 7, 7
		return c
	}
	teacher := warm()
	one := finish(t, Teacher, teacher, Options{})
	parent := filepath.Join(teacher.Out, "tiny.safetensors")
	for _, stage := range []Stage{Teacher, Student} {
		whole, parts := warm(), warm()
		if stage == Student {
			whole.Teacher, parts.Teacher = parent, parent
			one = finish(t, Student, whole, Options{})
		}
		for stop := 0; ; stop++ {
			// A limit of a nanosecond stops before the next step; the stopper ends the context after three.
			ctx, cancel := context.WithCancel(context.Background())
			path, err := Run(ctx, stage, stopAfter(parts, (stop+1)*5), Options{Resume: stop > 0, Sources: waves})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if (stop+1)*5 < parts.Optim.Steps {
				os.Remove(path) // the shortened run thinks it is done
				continue
			}
			break
		}
		w, err := kdsr.Load(filepath.Join(parts.Out, "tiny.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if w.Hash() != one.Hash() {
			t.Errorf("%s: resumed run differs from the uninterrupted one", stage)
		}
	}
}

// stopAfter ends a run at a step without touching its schedule, which does not depend on Steps when it is constant.
func stopAfter(c Config, step int) Config {
	c.Optim.Steps = min(step, c.Optim.Steps)
	return c
}

func TestLimitLeavesCheckpoint(t *testing.T) {
	c := tinyConfig(t)
	path, err := Run(context.Background(), Teacher, c, Options{Sources: waves, Limit: time.Nanosecond})
	if err != nil || path != "" {
		t.Fatalf("path %q, error %v", path, err)
	}
	if _, err := os.Stat(filepath.Join(c.Out, "checkpoint.safetensors")); err != nil {
		t.Fatal(err)
	}
	var bad *ConfigError
	if _, err := Run(context.Background(), Teacher, c, Options{Sources: waves}); !errors.As(err, &bad) || !strings.Contains(bad.Hint, "--resume") {
		t.Errorf("second run without resume: %v", err)
	}
	held, err := lock(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), Teacher, c, Options{Sources: waves, Resume: true}); err == nil ||
		!strings.Contains(err.Error(), "another run") {
		t.Errorf("second run at the same time: %v", err)
	}
	held.Close()
	other := c
	other.Seed = 2
	if _, err := Run(context.Background(), Teacher, other, Options{Sources: waves, Resume: true}); err == nil ||
		!strings.Contains(err.Error(), "seed") {
		t.Errorf("resume with another seed: %v", err)
	}
}

func TestDivergenceNamesTensor(t *testing.T) {
	c := tinyConfig(t)
	c.Optim.LR, c.Optim.Warmup, c.Optim.Steps = 1, 0, 400
	c.Optim.Schedule, c.Validate.Every = "constant", 0
	poison := func(ctx context.Context, c Config, l *slog.Logger) (*data.Corpus, error) { return waves(ctx, c, l) }
	tr := &trainer{c: c, stage: Teacher, o: Options{Sources: poison, Log: slog.New(slog.DiscardHandler)}}
	defer tr.close()
	if err := tr.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	tr.weights.Tensors["G.head.0.bias"].Data[2] = float32(math.NaN())
	b, err := tr.sampler.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tr.one(b)
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "step 0") || !strings.Contains(err.Error(), "G.head.0.bias") {
		t.Errorf("error %v, want step and tensor", err)
	}
}

// A student without distillation needs no teacher; its parent is the init, which may have a name instead of a path.
func TestStudentWithoutTeacher(t *testing.T) {
	c := tinyConfig(t)
	start, err := kdsr.RandomWeights(mustNetwork(t, c), c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	c.Init, c.Loss = "built-in", Loss{L2: 10, Temperature: 0.15}
	named := func(name string) (*kdsr.Weights, error) {
		if name != "built-in" {
			return nil, os.ErrNotExist
		}
		return start.Clone(), nil
	}
	w := finish(t, Student, c, Options{Weights: named})
	if w.Hash() == start.Hash() || w.Meta[kdsr.MetaParent] != start.Hash() {
		t.Errorf("weights %s, parent %s, want others and %s", w.Hash(), w.Meta[kdsr.MetaParent], start.Hash())
	}
	log, err := os.ReadFile(filepath.Join(c.Out, "log.jsonl"))
	if err != nil || !strings.Contains(string(log), `"l2"`) || strings.Contains(string(log), `"kd"`) {
		t.Errorf("log %s, error %v, want l2 and no kd", log, err)
	}
	taught := c
	taught.Teacher = "teacher"
	_, err = Run(context.Background(), Student, taught, Options{Resume: true, Sources: waves, Weights: func(name string) (*kdsr.Weights, error) {
		if name == "teacher" {
			return kdsr.RandomTeacher(start.Config, 1)
		}
		return named(name)
	}})
	if err == nil || !strings.Contains(err.Error(), "teacher") {
		t.Errorf("resumed with a teacher: %v", err)
	}
	c.Loss.KD = 1
	if err := c.Check(Student); err == nil || !strings.Contains(err.Error(), "teacher") {
		t.Errorf("distillation without a teacher: %v", err)
	}
	c.Loss.KD, c.Init, c.Out = 0, "", t.TempDir()
	if scratch := finish(t, Student, c, Options{}); scratch.Hash() != w.Hash() || scratch.Meta[kdsr.MetaParent] != "" {
		t.Errorf("from random numbers of the same seed: weights %s, want %s; parent %q", scratch.Hash(), w.Hash(), scratch.Meta[kdsr.MetaParent])
	}
}

func mustNetwork(t *testing.T, c Config) kdsr.Config {
	t.Helper()
	n, err := c.Network()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A validation logs the color differences beside luma, of the network and of bicubic, and the report shows them.
func TestValidationOfColor(t *testing.T) {
	c := tinyConfig(t)
	finish(t, Teacher, c, Options{})
	entries, err := ReadLog(filepath.Join(c.Out, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		if e.PSNR == 0 {
			continue
		}
		seen++
		for name, v := range map[string]float64{"cb": e.PSNRCb, "cr": e.PSNRCr, "bicubic cb": e.BicubicCb, "bicubic cr": e.BicubicCr} {
			if !(v > 5 && v < 100) || v == e.PSNR || v == e.Bicubic {
				t.Errorf("step %d: PSNR of %s is %g", e.Step, name, v)
			}
		}
		if got := e.Color(); got[0] == "-" || (Entry{}).Color()[0] != "-" {
			t.Errorf("for people: %v", got)
		}
	}
	if seen == 0 {
		t.Error("no validation in the log")
	}
}
