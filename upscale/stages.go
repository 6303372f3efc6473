package upscale

import (
	"context"
	"slices"
	"time"

	"vsr/media"
	"vsr/pipeline"
)

// upscaleAll puts every frame through the network: into the output itself, or into the segments of it. One worker takes the frames as
// the decoder gives them; several get segments to decode by themselves.
func (j *Job) upscaleAll(ctx context.Context) (err error) {
	if len(j.devices) < 2 {
		return j.inline(ctx)
	}
	if j.pool, err = j.newPool(ctx); err != nil {
		return err
	}
	return j.pool.run(ctx)
}

// inline is the whole pipeline in one: decode, scene detection, network, encoder.
func (j *Job) inline(ctx context.Context) error {
	steps := []pipeline.Step{
		{Name: stageScene, Stage: pipeline.Video(j.find)},
		{Name: stageSR, Stage: pipeline.Video(j.upscale)},
	}
	var last pipeline.Stats
	stats, err := pipeline.Run(ctx, inputSource{j.source}, steps, j.door, pipeline.Options{
		Stop: j.opts.Stop, AcceptFormatChange: true, SourceName: stageDecode, SinkName: stageEncode, Logger: j.opts.Logger,
		Progress: func(s pipeline.Stats) {
			last = s
			j.emit(j.progress(s.FramesOut(), j.work.done, s.Elapsed, s.Closing))
		},
	})
	p := j.progress(last.FramesOut(), j.work.done, last.Elapsed, last.Closing)
	p.Last = true
	j.emit(p)
	j.report.timing(stats)
	j.report.Frames = FrameCounts{In: stats.FramesIn(), Out: stats.FramesOut(), Repeated: j.repeated}
	return err
}

// progress is an event about the frames that passed the encoder in this run, and those that were there before.
func (j *Job) progress(frames, kept int64, elapsed time.Duration, closing bool) Progress {
	return Progress{Phase: PhaseUpscale, Frames: frames + kept, Resumed: kept, Total: j.total, Scene: j.current.Load(), Elapsed: elapsed, Closing: closing}
}

// observe is what every job does with every frame of its source, in order: it numbers scenes and follows the format.
func (j *Job) observe(ctx context.Context, f *media.Frame) error {
	if err := j.markScene(ctx, f); err != nil {
		return err
	}
	if f.Repeat {
		j.repeated++
	}
	return j.changes.observe(f)
}

// find is the scene stage of one worker.
func (j *Job) find(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	if err := j.observe(ctx, f); err != nil {
		return f, err
	}
	n := int64(len(j.times))
	if err := j.work.sameSource(n, f); err != nil {
		return f, err
	}
	if n >= j.work.done {
		j.in.add(f.PTS)
	}
	j.times = append(j.times, f.PTS)
	j.current.Store(f.Scene)
	j.adjuster.place(f.Scene, n)
	return f, nil
}

// upscale is the sr stage of one worker: frames that are done are only estimated on.
func (j *Job) upscale(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	j.work.passed++
	if j.work.passed <= j.work.done {
		return nil, deviceError(j.upscaler.Observe(ctx, f))
	}
	out, err := j.upscaler.Process(ctx, f)
	if err == nil && out.Surface != nil {
		j.gpu.written++
	}
	return out, deviceError(err)
}

// addStats adds up what stages of the same name have done.
func addStats(sum []pipeline.StageStats, more []pipeline.StageStats) []pipeline.StageStats {
	for _, r := range more {
		i := slices.IndexFunc(sum, func(have pipeline.StageStats) bool { return have.Name == r.Name })
		if i < 0 {
			sum = append(sum, r)
			continue
		}
		have := &sum[i]
		have.FramesIn, have.FramesOut, have.Busy, have.BusyMS = have.FramesIn+r.FramesIn, have.FramesOut+r.FramesOut, have.Busy+r.Busy, have.BusyMS+r.BusyMS
	}
	return sum
}
