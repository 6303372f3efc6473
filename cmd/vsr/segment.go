package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/segment"
)

// task is the part of a planned job that one process does.
type task struct {
	plan  *segment.Plan
	dir   string // the work folder
	index int    // of the piece
	join  bool   // instead of a piece
	keep  bool   // the work folder, after the join
}

// The settings of a plan file that are not in a run's own.
const (
	settingModel  = "model"
	settingOutput = "output"
)

func (a *app) planCommand() *cobra.Command {
	r := runRequest{runConfig: defaultRun()}
	cmd := &cobra.Command{
		Use:   "plan IN",
		Short: "Write down the pieces of a job that several processes are to share",
		Long: "Decodes IN, finds its scenes and writes a plan for vsr segment and vsr join. Flags say what the output is to be, as for vsr run.\n" +
			"All who work on it must see the plan, the input and a model file under the names that the plan holds.",
		Args: cobra.ExactArgs(1),
	}
	var path, out string
	f := cmd.Flags()
	f.StringVarP(&path, "output", "o", "plan.json", "plan to write")
	f.StringVar(&out, "video", "", "output that vsr join writes, unless it is told another")
	r.flags(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := layer(cmd, r.config, &r.runConfig); err != nil {
			return err
		}
		if err := r.validate(); err != nil {
			return err
		}
		r.in, r.out = args[0], out
		return a.plan(cmd.Context(), r, path)
	}
	return cmd
}

// cutting is a sink that finds where the pieces begin.
type cutting struct {
	cutter segment.Cutter
	pieces []segment.Piece
	guide  segment.Guide
}

// Write looks at a frame and releases it.
func (c *cutting) Write(_ context.Context, u media.Unit) error {
	defer u.Release()
	if u.Frame == nil {
		return nil
	}
	p, begins := c.cutter.Next(u.Frame.Scene, u.Frame.PTS)
	if begins {
		c.pieces = append(c.pieces, p)
	}
	c.pieces[p.Index] = p
	c.guide.Add(u.Frame)
	return nil
}

// Close does nothing.
func (c *cutting) Close() error { return nil }

func (a *app) plan(ctx context.Context, r runRequest, path string) error {
	src, err := decode.Open(ctx, r.in, r.Decode)
	if err != nil {
		return openFault(err)
	}
	info := *src.Info()
	e, err := openEngine(engineOptions{r.Model, r.Device, r.factor(info.Format.Height), r.Threads, r.Precision, a.logger()})
	if err != nil {
		src.Close()
		return err
	}
	defer e.Close()
	if err := r.settleSize(e, info.Format.Height); err != nil {
		src.Close()
		return err
	}
	plan, err := r.jobPlan(e)
	if err != nil {
		src.Close()
		return err
	}
	if strings.ContainsAny(r.Model, "/.") {
		if r.Model, err = filepath.Abs(r.Model); err != nil {
			src.Close()
			return err
		}
	}
	out, err := r.outputName(e.Scale())
	if err != nil {
		src.Close()
		return err
	}
	plan.Settings[settingModel], plan.Settings[settingOutput] = r.Model, out
	detector, cut := scene.New(r.Scene), &cutting{cutter: segment.Cutter{Min: r.PieceMin, Max: r.PieceMax}}
	changes := turns{tell: a.tell, strict: r.Decode.Strict, timeBase: info.VideoTrack().TimeBase}
	mark := func(_ context.Context, f *media.Frame) (*media.Frame, error) {
		detector.Mark(f)
		return f, changes.see(f)
	}
	if _, err := pipeline.Run(ctx, src, []pipeline.Step{{Name: roomScene, Stage: pipeline.Video(mark)}}, cut, pipeline.Options{AcceptFormatChange: true}); err != nil {
		return err
	}
	if plan.Pieces = cut.pieces; len(plan.Pieces) == 0 {
		return explain(encode.ErrNoFrames)
	}
	plan.SetGuide(&cut.guide)
	if err := plan.Write(path); err != nil {
		return destinationFault(err)
	}
	fmt.Fprintf(a.stdout, "%d pieces in %s\n", len(plan.Pieces), path)
	return nil
}

func (a *app) segmentCommand() *cobra.Command {
	var path, device string
	var index, threads int
	cmd := &cobra.Command{
		Use:   "segment --plan P --index N",
		Short: "Do one piece of a plan; any number of processes and machines may work at once",
		Args:  cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&path, "plan", "", "plan that vsr plan has written")
	f.IntVar(&index, "index", 0, "piece to do, from 0")
	f.StringVar(&device, "device", "auto", "auto, cpu or cuda[:N]")
	f.IntVar(&threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	_ = cmd.MarkFlagRequired("plan")
	_ = cmd.MarkFlagRequired("index")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := planned(path)
		if err != nil {
			return err
		}
		if n := len(r.task.plan.Pieces); index < 0 || index >= n {
			return requestFault("", "piece %d: the plan has pieces 0 to %d", index, n-1)
		}
		r.task.index, r.Device, r.Threads = index, device, threads
		if err := r.validate(); err != nil {
			return err
		}
		return a.segment(cmd.Context(), r)
	}
	return cmd
}

func (a *app) joinCommand() *cobra.Command {
	var path, out string
	var replace, keep bool
	cmd := &cobra.Command{
		Use:   "join --plan P",
		Short: "Make the output from the finished pieces of a plan",
		Args:  cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&path, "plan", "", "plan that vsr plan has written")
	f.StringVarP(&out, "output", "o", "", "file to write; empty is that of the plan")
	f.BoolVarP(&replace, "yes", "y", false, "replace the output if it exists")
	f.BoolVar(&keep, "keep", false, "keep the pieces")
	_ = cmd.MarkFlagRequired("plan")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := planned(path)
		if err != nil {
			return err
		}
		r.task.join, r.task.keep, r.replace = true, keep, replace
		if r.out = out; out == "" {
			r.out = r.task.plan.Settings[settingOutput]
		}
		return a.joinPlan(cmd.Context(), r)
	}
	return cmd
}

// planned reads a plan back into the request that it was made from.
func planned(path string) (runRequest, error) {
	plan, err := segment.ReadPlan(path)
	if err != nil {
		return runRequest{}, usageFault("vsr plan writes one", "%w", err)
	}
	r := runRequest{runConfig: defaultRun(), in: plan.Source.Path, task: &task{plan: plan, dir: path + ".vsr-work"}}
	if err := parseConfig(path, []byte(plan.Settings["config"]), &r.runConfig); err != nil {
		return r, err
	}
	r.Model, r.Device, r.Progress, r.Resume = plan.Settings[settingModel], "auto", progressNone, false
	for _, v := range []struct {
		text string
		to   *float64
	}{{plan.Settings["start"], &r.Decode.Start}, {plan.Settings["duration"], &r.Decode.Duration}} {
		if *v.to, err = strconv.ParseFloat(v.text, 64); err != nil {
			return r, usageFault("", "%s: %w", path, err)
		}
	}
	return r, r.validate()
}

// samePlan makes sure that input, model and program are those of the plan.
func (r *runRequest) samePlan(e *engine) error {
	now, err := r.jobPlan(e)
	if err != nil {
		return err
	}
	now.Settings[settingModel], now.Settings[settingOutput] = r.task.plan.Settings[settingModel], r.task.plan.Settings[settingOutput]
	if now.ID() != r.task.plan.ID() {
		return requestFault("write a new plan", "input, model or program are not those of the plan")
	}
	return nil
}

// openSegment opens the work folder of a plan for one piece.
func (j *job) openSegment(large *media.Info) (err error) {
	p, t := &j.pieces, j.request.task
	if p.store, err = segment.Open(t.dir, t.plan); err != nil {
		return destinationFault(err)
	}
	p.large = *large
	return nil
}

// order reads from the plan what is to be known of a piece.
func (t *task) order() (segment.Order, error) {
	guide, err := t.plan.Guide()
	if err != nil {
		return segment.Order{}, usageFault("vsr plan writes a new one", "%w", err)
	}
	var before *segment.Piece
	if t.index > 0 {
		before = &t.plan.Pieces[t.index-1]
	}
	o, err := guide.Order(t.plan.Pieces[t.index], before)
	if err != nil {
		return o, usageFault("vsr plan writes a new one", "plan: %w", err)
	}
	return o, nil
}

// segment does one piece.
func (a *app) segment(parent context.Context, r runRequest) error {
	s, err := segment.Open(r.task.dir, r.task.plan)
	if err != nil {
		return destinationFault(err)
	}
	if _, done, err := s.Lookup(r.task.index); done || err != nil {
		if done {
			a.tell("piece %d is done already", r.task.index)
		}
		return err
	}
	order, err := r.task.order()
	if err != nil {
		return err
	}
	ctx, interrupts := a.watchInterrupts(parent)
	defer interrupts.end()
	j, err := a.prepare(ctx, r, interrupts.stopped)
	if err != nil {
		return err
	}
	j.source.Close() // it has told what the input is
	w := &worker{app: a, request: j.request, store: j.pieces.store, large: &j.pieces.large, upscaler: j.upscaler, stopped: interrupts.stopped,
		frames: new(atomic.Int64), current: &j.current}
	m, err := w.do(ctx, interrupts.soft, order)
	if err == nil && m.partial {
		err = fault{code: exitInterrupted, err: errors.New("interrupted, the piece is not finished")}
	}
	return errors.Join(err, j.finish(err))
}

// openJoin prepares the output of a plan.
func (j *job) openJoin(out string, large *media.Info) (err error) {
	p, t := &j.pieces, j.request.task
	if p.store, err = segment.Open(t.dir, t.plan); err != nil {
		return destinationFault(err)
	}
	if p.records, err = p.store.Done(); err != nil {
		return destinationFault(err)
	}
	p.large = *large
	return nil
}

// joinPlan makes the output of a plan.
func (a *app) joinPlan(ctx context.Context, r runRequest) error {
	j, err := a.prepare(ctx, r, func() bool { return false })
	if err != nil {
		return err
	}
	defer j.close()
	p := &j.pieces
	if n, all := len(p.records), len(r.task.plan.Pieces); n != all {
		var missing []string
		for i := range all {
			if _, ok, _ := p.store.Lookup(i); !ok {
				missing = append(missing, strconv.Itoa(i))
			}
		}
		return requestFault("vsr segment --plan P --index N does one", "%d of %d pieces are not done: %s", len(missing), all, strings.Join(missing, " "))
	}
	if j.times, err = p.store.Times(ctx, p.records, j.firstInfo.VideoTrack().TimeBase); err != nil {
		return err
	}
	j.report.Streams, err = segment.Join(ctx, p.store, p.records, j.report.Output, segment.JoinOptions{Input: r.in, Decode: r.Decode,
		Encode: j.request.Encode, Output: encode.FileOptions{Overwrite: r.replace, Logger: a.logger()}, Info: &p.large})
	if err != nil {
		return err
	}
	if err := j.checkFile(ctx); err != nil || r.task.keep {
		return err
	}
	fmt.Fprintln(a.stdout, j.report.Output)
	return p.store.Remove()
}
