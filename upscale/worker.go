package upscale

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"vsr/decode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/upscale/segment"
)

// worker puts frames through the network and into a sink: those of one segment after the other, beginning anywhere in the input, or
// all that a feed gives.
type worker struct {
	opts     *Options
	adjuster *adjuster
	input    string
	store    *segment.Store
	large    *media.Info
	upscaler *sr.Upscaler
	device   string // in words
	threads  int    // of its decoders; 0 is all
	seen     *progressCounts

	next     int64              // number of the next frame in the video
	done     int64              // frames before this one are finished and only estimated on
	keeper   *keeper            // nil for an output in one go
	follow   *segment.Segmenter // finds the segments of a feed
	segments int64
	onGPU    int64                 // frames that it left in the GPU's memory
	stats    []pipeline.StageStats // summed up
}

// progressCounts is what the workers of a job have done so far.
type progressCounts struct {
	frames   atomic.Int64  // that the sinks have taken in this run
	kept     atomic.Int64  // of segments that an earlier run has made
	restored atomic.Int64  // of frames, those that an earlier run has kept
	scene    atomic.Uint64 // of the last frame that was upscaled
}

// resumed is how many frames an earlier run has computed, and made how many this one has.
func (p *progressCounts) counts() (made, resumed int64) {
	restored := p.restored.Load()
	return max(p.frames.Load()-restored, 0), p.kept.Load() + restored
}

func (j *Job) newWorker(u *sr.Upscaler, device string, seen *progressCounts) *worker {
	w := &worker{opts: &j.opts, adjuster: j.adjuster, input: j.input, store: j.work.store, large: &j.large, upscaler: u, device: device, threads: j.threads, seen: seen}
	if w.store != nil {
		w.keeper = &keeper{store: w.store, after: cmp.Or(j.opts.KeepAfter, keepAfter), now: j.now, log: j.opts.Logger}
	}
	return w
}

// stageFeed is the source of a worker that has a feed; it is in no report.
const stageFeed = "feed"

// all puts everything that a feed gives into sink.
func (w *worker) all(ctx context.Context, f feed, sink *auditedSink) (made, error) {
	sink.frames = &w.seen.frames
	err := w.pump(ctx, f, sink, pipeline.Options{SourceName: stageFeed})
	return made{scenes: w.upscaler.Scenes()}, err
}

// pump runs the pipeline from source over the network to sink.
func (w *worker) pump(ctx context.Context, source pipeline.Source, sink *auditedSink, o pipeline.Options) error {
	o.SinkName, o.Logger = stageEncode, w.opts.Logger
	stats, err := pipeline.Run(ctx, source, []pipeline.Step{{Name: stageSR, Stage: pipeline.Video(w.upscale)}}, sink, o)
	w.stats = addStats(w.stats, stats.Stages)
	if w.keeper != nil {
		w.keeper.close()
	}
	return err
}

// upscale is the sr stage.
func (w *worker) upscale(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	n, scene := w.next, f.Scene
	w.next++
	if n < w.done {
		return nil, deviceError(w.upscaler.Observe(ctx, f))
	}
	if out, err := w.restored(ctx, n, f); out != nil || err != nil {
		return out, err
	}
	out, err := w.upscaler.Process(ctx, f)
	if err != nil {
		return nil, deviceError(err)
	}
	w.seen.scene.Store(scene)
	if out.Surface != nil {
		w.onGPU++
	}
	if w.keeper != nil {
		w.keeper.keep(n, out)
	}
	return out, nil
}

// restored returns frame n as an earlier run has kept it, for f, which it consumes then. Without an error nil means that the frame is
// to be computed.
func (w *worker) restored(ctx context.Context, n int64, f *media.Frame) (*media.Frame, error) {
	if w.keeper == nil {
		return nil, nil
	}
	if w.follow != nil {
		if r, begins := w.follow.Next(f.Scene, f.PTS); begins {
			w.keeper.begin(r.Index)
		}
	}
	out, err := w.keeper.restore(ctx, n, w.upscaler.Output(media.Info{Format: f.Format}).Format)
	if err != nil {
		f.Release()
		return nil, err
	}
	if out == nil {
		return nil, nil
	}
	out.CopyProps(f)
	if err := w.upscaler.Observe(ctx, f); err != nil {
		out.Release()
		return nil, deviceError(err)
	}
	w.seen.restored.Add(1)
	return out, nil
}

// errOtherFrames says that seeking led to other frames than decoding from the start does.
var errOtherFrames = errors.New("the frames are not those that decoding from the start gives")

// made is the result of a task.
type made struct {
	record  segment.Record
	scenes  []sr.SceneRecord
	partial bool // stopped in its middle: finished, but not committed
	kept    bool // it had been made before
}

// do makes a segment, unless it is there. Where seeking does not lead to the very frames that decoding from the start gives, it
// decodes from the start.
func (w *worker) do(ctx context.Context, t segment.Task) (made, error) {
	if m, ok, err := w.lookUp(t); ok || err != nil {
		return m, err
	}
	m, err := w.make(ctx, t, true)
	if errors.Is(err, errOtherFrames) {
		w.opts.Logger.Info("seeking does not give the same frames; decoding from the start", "stage", stageDecode, "segment", t.Index)
		m, err = w.make(ctx, t, false)
	}
	if errors.Is(err, errOtherFrames) {
		err = &Error{Kind: Input, Err: fmt.Errorf("decode: segment %d: the input decodes to other frames each time it is read", t.Index), Hint: "work in one go: Options.Workers 1"}
	}
	return m, err
}

// lookUp finds a segment that is finished. A damaged one is thrown away.
func (w *worker) lookUp(t segment.Task) (m made, ok bool, err error) {
	r, ok, err := w.store.Lookup(t.Index)
	if err != nil || !ok {
		return m, false, outputError(err)
	}
	if w.store.Check(r) != nil {
		return m, false, outputError(w.store.Discard(r))
	}
	if r.Range != t.Range {
		return m, false, requestError("Options.Restart begins anew", "segment %d was made of frames %d to %d and should be of %d to %d: the input is another one",
			t.Index, r.First, r.First+r.Frames-1, t.First, t.First+t.Frames-1)
	}
	m = made{record: r, kept: true}
	_ = json.Unmarshal(r.Report, &m.scenes) // a job with one worker keeps none
	return m, true, nil
}

// make decodes, upscales and encodes a segment.
func (w *worker) make(ctx context.Context, t segment.Task, seek bool) (m made, err error) {
	w.upscaler.Forget()
	for _, c := range t.Cuts {
		w.adjuster.place(c.Scene, c.Frame)
	}
	for _, s := range t.Returns {
		if err := w.learn(ctx, s, seek); err != nil {
			return m, err
		}
	}
	known := len(w.upscaler.Scenes())
	if err := w.settle(ctx, t.Lead, seek, t.Cuts[0]); err != nil {
		return m, err
	}
	src, err := w.open(ctx, t.Fingerprints, seek, func(i int) segment.Cut { return t.SceneOf(t.First + int64(i)) })
	if err != nil {
		return m, err
	}
	opt := w.opts.writer(func() bool { return !src.ended() })
	if t.Before != nil {
		opt.After = &segment.Record{Range: *t.Before}
	}
	opt.Report = func() (json.RawMessage, error) {
		m.scenes = placeScenes(w.upscaler.Scenes()[known:], t)
		return json.Marshal(m.scenes)
	}
	w.next = t.First
	w.keeper.begin(t.Index)
	writer := segment.NewWriter(w.store, w.large, opt)
	err = w.pump(ctx, src, &auditedSink{Sink: writer, frames: &w.seen.frames}, pipeline.Options{
		Stop: w.opts.Stop, AcceptFormatChange: true, SourceName: stageDecode})
	if err != nil {
		return m, err
	}
	if p := writer.Partial(); p != nil {
		return made{record: *p, partial: true, scenes: placeScenes(w.upscaler.Scenes()[known:], t)}, nil
	}
	if !src.ended() {
		return made{partial: true}, nil
	}
	r, ok, err := w.store.Lookup(t.Index)
	if err != nil {
		return m, outputError(err)
	}
	if !ok {
		return m, outputError(fmt.Errorf("segment %d is gone as soon as it was finished: the work folder was removed or its disk lost it", t.Index))
	}
	if r.Range != t.Range {
		return m, &Error{Kind: Check, Err: fmt.Errorf("check: the segment is %+v and not %+v of the plan", r.Range, t.Range)}
	}
	m.record = r
	w.segments++
	return m, nil
}

// learn makes the upscaler estimate a scene of another segment, to which one of its own returns.
func (w *worker) learn(ctx context.Context, s segment.Scene, seek bool) error {
	if w.upscaler.Knows(s.Number) {
		return nil
	}
	defer w.upscaler.Forget()
	return w.settle(ctx, s.Frames, seek, segment.Cut{Frame: s.First, Scene: s.Number})
}

// settle gives the upscaler frames of one scene, from its first on, until its degradation is settled.
func (w *worker) settle(ctx context.Context, frames []segment.Fingerprint, seek bool, scene segment.Cut) error {
	if len(frames) == 0 {
		return nil
	}
	src, err := w.open(ctx, frames, seek, func(int) segment.Cut { return scene })
	if err != nil {
		return err
	}
	defer src.Close()
	for !w.upscaler.Settled() {
		u, err := src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case err != nil:
			return err
		}
		if err := w.upscaler.Observe(ctx, u.Frame); err != nil {
			return deviceError(err)
		}
	}
	return nil
}

// open opens the input at the first of some frames. The source gives those frames and no packets.
func (w *worker) open(ctx context.Context, frames []segment.Fingerprint, seek bool, scene func(int) segment.Cut) (*indexedSource, error) {
	o := w.opts.Decode
	if w.threads > 0 {
		o.Threads = w.threads
	}
	if seek {
		o.SkipTo = frames[0].PTS
	}
	src, err := decode.Open(ctx, w.input, o)
	switch {
	case err == nil:
	case seek && ctx.Err() == nil:
		return nil, errOtherFrames
	default:
		return nil, inputError(err)
	}
	return &indexedSource{Source: src, frames: frames, scene: scene}, nil
}

// indexedSource is a source that gives certain frames and makes sure that they are the right ones.
type indexedSource struct {
	*decode.Source
	frames []segment.Fingerprint
	scene  func(int) segment.Cut // of frame i
	next   int
}

// ended reports whether all of the frames were given.
func (s *indexedSource) ended() bool { return s.next == len(s.frames) }

// Next returns the next of the frames, io.EOF after the last.
func (s *indexedSource) Next(ctx context.Context) (media.Unit, error) {
	for s.next < len(s.frames) {
		u, err := s.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return u, errOtherFrames
		}
		f := u.Frame
		switch {
		case err != nil:
			return u, inputError(err)
		case f == nil:
			continue
		case s.next == 0 && f.PTS < s.frames[0].PTS:
			f.Release()
			continue
		case segment.FingerprintOf(f) != s.frames[s.next]:
			f.Release()
			return media.Unit{}, errOtherFrames
		}
		c := s.scene(s.next)
		f.Scene, f.Like = c.Scene, c.Like
		s.next++
		return u, nil
	}
	return media.Unit{}, io.EOF
}

// placeScenes gives scene records the position of the scenes in the whole video.
func placeScenes(list []sr.SceneRecord, t segment.Task) []sr.SceneRecord {
	for i := range list {
		for _, c := range t.Cuts {
			if c.Scene != list[i].Index {
				continue
			}
			list[i].FirstFrame = c.Frame
			if c.Frame < t.First {
				list[i].FirstPTS = t.Lead[0].PTS
			} else {
				list[i].FirstPTS = t.Fingerprints[c.Frame-t.First].PTS
			}
		}
	}
	return list
}
