package train

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"vsr/internal/atomicfile"
	"vsr/sr/kdsr"
)

// A checkpoint is one safetensors file: for every parameter the tensors w/NAME (weights), m/NAME and v/NAME (Adam) and
// e/NAME (EMA), in stage 3 the same of the discriminator, and as metadata the step and the counters. The sampler needs the step only. A resumed run makes the same
// steps as one that was never interrupted, bit for bit, on the same instruction set.

func (t *trainer) configPath() string { return filepath.Join(t.c.Out, "config.yaml") }

func (t *trainer) checkpointPath() string { return filepath.Join(t.c.Out, "checkpoint.safetensors") }

// save replaces the checkpoint. The old one stays whole until the new one is.
func (t *trainer) save() error {
	var list []kdsr.NamedTensor
	for i, p := range t.m.prog.Params {
		shape := t.weights.Tensors[p.Name].Shape
		add := func(kind string, data []float32) {
			list = append(list, kdsr.NamedTensor{Name: kind + "/" + p.Name, Tensor: kdsr.Tensor{Shape: shape, Data: data}})
		}
		add("w", p.Data)
		add("m", t.adam.M[i])
		add("v", t.adam.V[i])
		if t.ema != nil {
			add("e", t.ema[i])
		}
	}
	if t.discriminator != nil {
		list = append(list, t.discriminator.state()...)
	}
	meta := map[string]string{
		"stage": string(t.stage), "network": fmt.Sprintf("%+v", t.weights.Config), "step": strconv.Itoa(t.step),
		"adam_steps": strconv.Itoa(t.adam.Steps), "seconds": strconv.FormatFloat(t.spent.Seconds(), 'f', 1, 64),
		"seed": strconv.FormatUint(t.c.Seed, 10), "slow": strconv.FormatFloat(t.slow, 'g', -1, 64),
		"outlierScore": strconv.FormatFloat(t.outlierScore, 'g', -1, 64), "left_out": strconv.Itoa(t.leftOut),
		"rollbacks": strconv.Itoa(t.rollbacks),
	}
	if t.teacher != nil {
		meta["teacher"] = t.teacher.Hash()
	}
	err := atomicfile.Write(t.checkpointPath(), func(f io.Writer) error { return kdsr.WriteTensors(f, list, meta) })
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("checkpoint: the disk of %s is full; the last checkpoint is intact: %w", t.c.Out, err)
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// load continues from a checkpoint.
func (t *trainer) load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	tensors, meta, err := kdsr.ReadTensors(f, info.Size())
	if err != nil {
		return err
	}
	if err := t.sameRun(meta); err != nil {
		return err
	}
	for i, p := range t.m.prog.Params {
		parts := map[string][]float32{"w": p.Data, "m": t.adam.M[i], "v": t.adam.V[i]}
		if t.ema != nil {
			parts["e"] = t.ema[i]
		}
		for kind, to := range parts {
			from, ok := tensors[kind+"/"+p.Name]
			if !ok || len(from.Data) != len(to) {
				return fmt.Errorf("%s: no fitting tensor %s/%s", path, kind, p.Name)
			}
			copy(to, from.Data)
		}
	}
	if t.discriminator != nil {
		for _, to := range t.discriminator.state() {
			from, ok := tensors[to.Name]
			if !ok || len(from.Data) != len(to.Data) {
				return fmt.Errorf("%s: no fitting tensor %s", path, to.Name)
			}
			copy(to.Data, from.Data)
		}
	}
	var seconds float64
	var bad error
	number := func(key string) float64 {
		v, err := strconv.ParseFloat(meta[key], 64)
		bad = errors.Join(bad, err)
		return v
	}
	t.step, t.adam.Steps, seconds = int(number("step")), int(number("adam_steps")), number("seconds")
	t.slow = number("slow")
	if meta["outlierScore"] != "" { // older checkpoints have neither
		t.outlierScore, t.leftOut = number("outlierScore"), int(number("left_out"))
	}
	if meta["rollbacks"] != "" {
		t.rollbacks = int(number("rollbacks"))
	}
	if t.discriminator != nil {
		t.discriminator.adam.Steps = t.adam.Steps
	}
	t.spent = time.Duration(seconds * float64(time.Second))
	if bad != nil {
		return fmt.Errorf("%s: %w", path, bad)
	}
	return nil
}

// sameRun compares what must not change between a run's parts.
func (t *trainer) sameRun(meta map[string]string) error {
	var diff []string
	check := func(key, want string) {
		if meta[key] != want {
			diff = append(diff, fmt.Sprintf("%s is %q, want %q", key, meta[key], want))
		}
	}
	check("stage", string(t.stage))
	check("network", fmt.Sprintf("%+v", t.weights.Config))
	check("seed", strconv.FormatUint(t.c.Seed, 10))
	teacher := ""
	if t.teacher != nil {
		teacher = t.teacher.Hash()
	}
	check("teacher", teacher)
	if len(diff) > 0 {
		return fmt.Errorf("the checkpoint is of another run: %s", strings.Join(diff, "; "))
	}
	return nil
}

// writeConfig leaves the effective config beside the checkpoint.
func writeConfig(path string, c Config) error {
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(f io.Writer) error {
		_, err := f.Write(text)
		return err
	})
}
