package upscale

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/sr/engines"
	"vsr/upscale/segment"
)

// step is the part of a planned job that one process does.
type step struct {
	plan  *segment.Plan
	dir   string // the work folder
	join  bool   // instead of a segment
	plain int    // the scale of an engine that resamples in place of the plan's model; 0 takes the model
}

// StepOptions configures MakeSegment and Join. What the output is to be stands in the plan.
type StepOptions struct {
	Dir     string // the work folder, in which all who work on the plan meet; it is made if need be
	Input   string // where this process finds the input; empty is the name in the plan
	Model   string // where it finds the weights; empty is the name in the plan
	Plain   bool   // MakeSegment resamples the frames instead: for a segment that cannot be made otherwise
	Device  string // auto, cpu or cuda:N; empty is auto
	Threads int    // of the CPU engine; 0 is all cores
	Output  string // of Join; empty is that of the plan
	Replace bool   // Join replaces an output that is not of this plan
	Program string // version of the calling program, which must be that of the plan
	Stop    <-chan struct{}
	Events  func(Event) // of MakeSegment Progress, too
	Logger  *slog.Logger
}

// Made is a segment that MakeSegment has made or found.
type Made struct {
	segment.Record
	Device string // in words; empty if it was found
	Found  bool   // it was finished already
}

// Plan decodes input, finds its scenes and returns the list of segments that others are to make. It writes nothing.
func Plan(ctx context.Context, input string, o Options) (*segment.Plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := o.readDegradation(); err != nil {
		return nil, err
	}
	src, err := decode.Open(ctx, input, o.Decode)
	if err != nil {
		return nil, inputError(err)
	}
	if src, _, err = o.settleFields(ctx, input, src); err != nil {
		return nil, inputError(err)
	}
	plan, err := o.describe(ctx, input, src.Info())
	if err != nil {
		src.Close()
		return nil, err
	}
	lo, hi := o.segmentLengths()
	finder := segment.Finder{Segmenter: segment.Segmenter{Min: lo, Max: hi}, Found: func(t segment.Task) error {
		plan.Segments = append(plan.Segments, t.Range)
		return nil
	}}
	j := &Job{opts: o, scenes: scene.New(o.Scene)}
	j.changes = formatChanges{emit: j.emit, strict: o.Decode.Strict, timeBase: src.Info().VideoTrack().TimeBase}
	find := func(ctx context.Context, f *media.Frame) (*media.Frame, error) { return f, j.observe(ctx, f) }
	steps := []pipeline.Step{{Name: stageScene, Stage: pipeline.Video(find)}}
	if _, err := pipeline.Run(ctx, inputSource{Source: src}, steps, &finder, pipeline.Options{AcceptFormatChange: true, Logger: o.Logger}); err != nil {
		return nil, err
	}
	if len(plan.Segments) == 0 {
		return nil, blame(Input, "", encode.ErrNoFrames)
	}
	plan.SetFrameIndex(&finder.Index)
	return plan, nil
}

// describe names the job and its output. It opens the engine for its scale.
func (o *Options) describe(ctx context.Context, input string, info *media.Info) (*segment.Plan, error) {
	if _, err := o.settleScale(info); err != nil {
		return nil, err
	}
	e, err := engines.Open(ctx, o.engine(o.Device, info.Format.Height, o.Threads))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if err := o.settleSize(e, info.Format.Height); err != nil {
		return nil, err
	}
	plan, err := o.planOf(input, e.Name, e.Hash, e.Scale())
	if err != nil {
		return nil, err
	}
	plan.Weights = segment.Path(o.Model)
	switch {
	case o.Model == "" && !e.Fallback:
		plan.Weights = segment.Path(e.Name) // the one that was chosen, so that every worker takes it
	case strings.ContainsAny(o.Model, "/."):
		abs, err := filepath.Abs(o.Model)
		if err != nil {
			return nil, err
		}
		plan.Weights = segment.Path(abs)
	}
	out, err := o.outputName(input, e.Scale(), info)
	if plan.Output = segment.Path(out); err == nil && encode.ImageCodec(out) != "" {
		err = requestError("upscale.Open makes images", "images are not made in segments")
	}
	return plan, err
}

// openPlan opens the job of which a step is a part.
func openPlan(ctx context.Context, plan *segment.Plan, o StepOptions, join bool) (*Job, error) {
	opts := Defaults()
	var id identity
	if err := json.Unmarshal(plan.Identity, &id); err != nil {
		return nil, usageError("upscale.Plan writes a new one", "plan: %w", err)
	}
	id.restore(&opts)
	opts.Model, opts.Device, opts.Threads, opts.Workers, opts.Resume, opts.Program = cmp.Or(o.Model, string(plan.Weights)), o.Device, o.Threads, 0, false, o.Program
	opts.Output, opts.Replace, opts.Stop, opts.Events, opts.Logger = o.Output, o.Replace, o.Stop, o.Events, o.Logger
	if opts.Output == "" {
		opts.Output = string(plan.Output)
	}
	s := &step{plan: plan, dir: o.Dir, join: join}
	if o.Plain {
		s.plain = id.Scale
	}
	return open(ctx, cmp.Or(o.Input, string(plan.Source.Path)), opts, s)
}

// openStep opens the work folder of a plan.
func (j *Job) openStep(out string, e *engines.Engine) error {
	now, err := j.opts.planOf(j.input, e.Name, e.Hash, e.Scale())
	if err != nil {
		return err
	}
	if now.ID() != j.step.plan.ID() {
		return requestError("write a new plan", "input, model or program are not those of the plan")
	}
	w := &j.work
	if w.store, err = segment.Open(j.step.dir, j.step.plan); err != nil {
		return outputError(err)
	}
	if !j.step.join {
		return nil
	}
	if m, ok := readMarker(j.step.dir, out); ok && m.Plan == now.ID() && !m.Cut {
		w.marker, w.finished = m, true
	}
	w.records, err = w.store.Done()
	return outputError(err)
}

// MakeSegment makes segment index of a plan and commits it. Any number of processes may work at once; if the segment is finished
// already, by this or another process, its record is returned and nothing is done. When StepOptions.Stop is closed, the segment is
// given up and the error is of kind Interrupted.
func MakeSegment(ctx context.Context, plan *segment.Plan, index int, o StepOptions) (Made, error) {
	if n := len(plan.Segments); index < 0 || index >= n {
		return Made{}, requestError("", "segment %d: the plan has segments 0 to %d", index, n-1)
	}
	s, err := segment.Open(o.Dir, plan)
	if err != nil {
		return Made{}, outputError(err)
	}
	if r, ok, err := s.Lookup(index); ok || err != nil {
		return Made{r, "", ok}, outputError(err)
	}
	t, err := plan.Task(index)
	if err != nil {
		return Made{}, usageError("upscale.Plan writes a new one", "%w", err)
	}
	j, err := openPlan(ctx, plan, o, false)
	if err != nil {
		return Made{}, err
	}
	j.source.Close() // Open has read from it what the input is
	seen, began := &progressCounts{}, time.Now()
	stop := j.showProgress(func() Progress {
		made, resumed := seen.counts()
		return Progress{Phase: PhaseUpscale, Frames: made + resumed, Resumed: resumed, Total: t.Frames, Scene: seen.scene.Load(), Elapsed: time.Since(began)}
	})
	m, err := j.newWorker(j.upscaler, j.report.Device, seen).do(ctx, t)
	stop()
	if err == nil && m.partial {
		err = &Error{Kind: Interrupted, Err: errors.New("interrupted, the segment is not finished")}
	}
	return Made{Record: m.record, Device: j.report.Device}, errors.Join(err, j.Close())
}

// Join makes the output of a plan from its segments, all of which must be finished, and checks it. The segments stay; RemoveWork
// removes them. If the output is there from an earlier Join of the same plan, it is checked and not made again.
func Join(ctx context.Context, plan *segment.Plan, o StepOptions) (Report, error) {
	j, err := openPlan(ctx, plan, o, true)
	if err != nil {
		return Report{}, err
	}
	err = j.joinStep(ctx)
	if ferr := j.finish(err); err == nil {
		err = ferr
	}
	return j.report, err
}

func (j *Job) joinStep(ctx context.Context) (err error) {
	w, all := &j.work, len(j.step.plan.Segments)
	if n := len(w.records); n != all {
		var missing []string
		for i := range all {
			if _, ok, _ := w.store.Lookup(i); !ok {
				missing = append(missing, strconv.Itoa(i))
			}
		}
		return requestError("upscale.MakeSegment makes one", "%d of %d segments are not done: %s", len(missing), all, strings.Join(missing, " "))
	}
	if w.finished {
		if err := j.acknowledge(ctx); err != nil {
			return err
		}
	} else {
		if j.times, err = w.store.Times(ctx, w.records, j.info.VideoTrack().TimeBase); err != nil {
			return err
		}
		if err := j.concatenate(ctx, w.records, false, j.opts.Replace); err != nil {
			return err
		}
		n := int64(len(j.times))
		j.report.Frames = FrameCounts{In: n, Out: n, Resumed: n}
		if err := j.checkFile(ctx); err != nil {
			return err
		}
	}
	w.marker.Checked = true
	return outputError(w.marker.seal(w.store.Dir(), j.report.Output))
}

// RemoveWork removes the work folder of a plan with all segments in it. A folder that is not there is no error.
func RemoveWork(dir string) error {
	if err := discardWork(dir); err != nil {
		return outputError(fmt.Errorf("work folder: %w", err))
	}
	return nil
}
