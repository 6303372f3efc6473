package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"vsr/models"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

// engineOptions says which network is wanted, on what.
type engineOptions struct {
	Model     string  // name or file; empty chooses a built-in one by Factor
	Device    string  // auto, cpu, cuda or cuda:N
	Factor    float64 // how much larger the picture is to become, in each direction
	Threads   int     // of the CPU engine, 0 means all cores
	Precision string  // of the CPU engine
	Logger    *slog.Logger
}

// engine is an engine with the words that reports need.
type engine struct {
	sr.Engine
	Name, Hash, Device string
	// StandIn is true when no weights are there and bicubic interpolation fills in.
	StandIn bool
	// Notice says why --device auto is not the card that is there; mostly empty.
	Notice string
}

const standInNotice = "no weights are built in: this run uses a bicubic stand-in, not the KDSR network"

// openEngine is the one place where model and device are chosen.
func openEngine(o engineOptions) (*engine, error) {
	if _, _, err := parseDevice(o.Device); err != nil {
		return nil, err
	}
	name := o.Model
	if name == "" {
		name = defaultModel(o.Factor, models.Names())
	}
	if name == "" {
		return openStandIn(o)
	}
	w, err := openModel(name)
	if err != nil {
		return nil, err
	}
	e := &engine{Name: name, Hash: w.Hash()}
	if label := w.Meta[kdsr.MetaName]; label != "" {
		e.Name = label
	}
	return e, e.start(w, o)
}

// Saved implements sr.Saver, for engines that do.
func (e *engine) Saved() (reused float64, exact int64) {
	if s, ok := e.Engine.(sr.Saver); ok {
		return s.Saved()
	}
	return 0, 0
}

// start makes the engine on the device that was asked for.
func (e *engine) start(w *kdsr.Weights, o engineOptions) error {
	kind, index, _ := parseDevice(o.Device)
	var err error
	switch kind {
	case "cuda":
		err = e.startCard(w, o, index)
	case "cpu":
		err = e.startCPU(w, o)
	default:
		err = e.startAuto(w, o)
	}
	if err == nil {
		e.announce(o.Logger)
	}
	return err
}

// announce writes down what runs, and what nobody has seen yet.
func (e *engine) announce(log *slog.Logger) {
	if log != nil {
		log.Info("engine", "room", roomUpscale, "model", e.Name, "device", e.Device, "note", cuda.NeverRun)
	}
}

func (e *engine) startCard(w *kdsr.Weights, o engineOptions, index int) (err error) {
	if e.Engine, err = cuda.New(w, cuda.Options{Device: index, Logger: o.Logger}); err != nil {
		if errors.Is(err, sr.ErrNotBuilt) || errors.Is(err, sr.ErrNoDevice) {
			return err
		}
		return fault{exitDevice, err, cuda.Advice(err)}
	}
	e.Device = fmt.Sprintf("cuda:%d", index)
	return nil
}

func (e *engine) startCPU(w *kdsr.Weights, o engineOptions) error {
	c, err := cpu.New(w, cpu.Options{Threads: o.Threads, Precision: o.Precision, Logger: o.Logger})
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	e.Engine = c
	e.Device = fmt.Sprintf("cpu (%s, %s, %d threads)", c.ISA(), c.Precision(), c.Threads())
	return nil
}

// startAuto takes the first card if the short checks found it right, and the CPU otherwise. That there is no card at all is
// worth a line of the log only; a card that is not used is worth a notice.
func (e *engine) startAuto(w *kdsr.Weights, o engineOptions) error {
	why := trusted(o)
	if why == nil {
		if why = e.startCard(w, o, 0); why == nil {
			return nil
		}
	}
	if err := e.startCPU(w, o); err != nil {
		return err
	}
	line := fault{err: why}.line()
	if errors.Is(why, sr.ErrNotBuilt) || errors.Is(why, sr.ErrNoDevice) && !errors.Is(why, cuda.ErrDriver) {
		if o.Logger != nil {
			o.Logger.Info("the CPU is used", "room", roomUpscale, "why", line)
		}
		return nil
	}
	e.Notice = "the CPU is used, not the card: " + line
	return nil
}

// trusted returns nil if the first card passed the short checks, with this driver and program.
func trusted(o engineOptions) error {
	v, err := cuda.Trust(context.Background(), cuda.TrustOptions{Program: versionString(), Logger: o.Logger})
	if err == nil && !v.OK {
		err = fmt.Errorf("it failed the checks of %s: %s; vsr doctor --device cuda:0 checks it again", v.At.Format("2006-01-02"), v.Why)
	}
	return err
}

// openStandIn is the engine of a program without weights. It runs on the CPU whatever device was asked for.
func openStandIn(o engineOptions) (*engine, error) {
	b, err := sr.NewBicubic(max(2, min(4, int(math.Ceil(o.Factor)))))
	if err != nil {
		return nil, err
	}
	e := &engine{Engine: b, Name: "bicubic", Device: "cpu", StandIn: true}
	e.announce(o.Logger)
	return e, nil
}

// defaultModel picks the fast model whose scale is the least that reaches factor, or the largest one. Empty means none.
func defaultModel(factor float64, names []string) string {
	best := ""
	for _, scale := range []int{4, 3, 2} {
		name := fmt.Sprintf("fast-x%d", scale)
		if slices.Contains(names, name) && (best == "" || float64(scale) >= factor) {
			best = name
		}
	}
	return best
}

// parseDevice reads auto, cpu, cuda and cuda:N.
func parseDevice(s string) (kind string, index int, err error) {
	bad := usageFault("", "--device %q: want auto, cpu, cuda or cuda:N", s)
	kind, number, numbered := strings.Cut(s, ":")
	switch kind {
	case "", "auto", "cpu":
		if numbered {
			return "", 0, bad
		}
		return kind, 0, nil
	case "cuda":
		if numbered {
			if index, err = strconv.Atoi(number); err != nil || index < 0 {
				return "", 0, bad
			}
		}
		return kind, index, nil
	}
	return "", 0, bad
}
