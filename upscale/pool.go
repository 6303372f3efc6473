package upscale

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/upscale/segment"
)

// pool is the work of a job by one or several workers. One goroutine decodes the input once from start to end and finds the scenes. A
// single worker gets its frames as they come. Several get segments: each takes one, seeks to it and makes it with an engine, a decoder
// and an encoder of its own.
type pool struct {
	job     *Job
	workers []*worker
	feed    *feed // of a single worker
	finder  segment.Finder
	seen    progressCounts
	ended   atomic.Bool // the search has come to the input's end
	skipped atomic.Bool // a stop has left segments out
	began   time.Time

	mu       sync.Mutex
	scenes   map[uint64]sr.SceneRecord
	from     map[uint64]int // the segment that the record is of
	partials map[int]segment.Record
}

// upscaleAll puts every frame through the network: into the output itself, or into the segments of it.
func (j *Job) upscaleAll(ctx context.Context) (err error) {
	if j.pool, err = j.newPool(ctx); err != nil {
		return err
	}
	err = j.pool.run(ctx)
	j.cut = !j.pool.ended.Load() || j.pool.skipped.Load() || len(j.pool.partials) > 0
	return err
}

// newPool opens an engine for each worker but the first, which has the job's.
func (j *Job) newPool(ctx context.Context) (*pool, error) {
	p := &pool{job: j, scenes: map[uint64]sr.SceneRecord{}, from: map[uint64]int{}, partials: map[int]segment.Record{}}
	if j.door != nil {
		p.feed = &feed{make(chan media.Unit)}
		p.seen.kept.Store(j.work.done)
	}
	names := []string{j.report.Device}
	for i, device := range j.devices {
		u := j.upscaler
		if i > 0 {
			var err error
			if u, device, err = j.openAnother(ctx, device); err != nil {
				p.close()
				return nil, err
			}
			names = append(names, device)
		}
		p.workers = append(p.workers, j.newWorker(u, names[i], &p.seen))
	}
	j.report.Device = strings.Join(names, "; ")
	return p, nil
}

// close closes the engines of all workers but the first.
func (p *pool) close() {
	for i, w := range p.workers {
		if i > 0 {
			w.upscaler.Close()
		}
	}
}

// run does all the work and fills the report in.
func (p *pool) run(ctx context.Context) error {
	p.began = time.Now()
	s := segment.Scheduler{}
	var found pipeline.Stats
	s.Find = func(ctx context.Context, take func(segment.Task) error) (err error) {
		found, err = p.find(ctx, take)
		return err
	}
	if p.feed == nil { // a feed is emptied in any case
		s.Stopped = p.stopped
	}
	for _, w := range p.workers {
		s.Workers = append(s.Workers, func(ctx context.Context, t segment.Task) error {
			m, err := p.work(ctx, w, t)
			if err == nil {
				p.note(t, m)
			}
			return err
		})
	}
	stop := p.job.showProgress(p.progress)
	err := s.Run(ctx)
	stop()
	p.report(found)
	return err
}

// work does a task: a segment, or with a feed everything.
func (p *pool) work(ctx context.Context, w *worker, t segment.Task) (made, error) {
	if p.feed == nil {
		return w.do(ctx, t)
	}
	w.done = p.job.work.done
	if p.job.work.store != nil {
		w.follow = p.job.work.segmenter(&p.job.opts)
	}
	m, err := w.all(ctx, *p.feed, p.job.door)
	if writer := p.job.work.writer; writer != nil && writer.Partial() != nil {
		m.record, m.partial = *writer.Partial(), true
	}
	return m, err
}

// stopped reports whether the segments that are not begun are to be left out.
func (p *pool) stopped() bool {
	if !p.job.opts.stopped() {
		return false
	}
	p.skipped.Store(true)
	return true
}

// showProgress sends events until the function that it returns is called.
func (j *Job) showProgress(now func() Progress) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				j.emit(now())
			case <-quit:
				last := now()
				last.Last = true
				j.emit(last)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// progress is an event about the frames that are finished.
func (p *pool) progress() Progress {
	made, resumed := p.seen.counts()
	closing := p.job.door != nil && p.job.door.closing.Load()
	return Progress{Phase: PhaseUpscale, Frames: made + resumed, Resumed: resumed, Total: p.job.total, Scene: p.seen.scene.Load(),
		Elapsed: time.Since(p.began), Closing: closing}
}

// find decodes the input and finds scenes. It feeds the single worker, or gives the task of each segment as soon as its end is known.
func (p *pool) find(ctx context.Context, take func(segment.Task) error) (pipeline.Stats, error) {
	j := p.job
	o := pipeline.Options{Stop: j.opts.Stop, AcceptFormatChange: true, SourceName: stageDecode, SinkName: stageFind, Logger: j.opts.Logger}
	var sink pipeline.Sink = &p.finder
	if p.feed != nil {
		sink, o.Depth = feedSink{*p.feed}, 1
		if err := take(segment.Task{}); err != nil {
			return pipeline.Stats{}, err
		}
	} else {
		lo, hi := j.opts.segmentLengths()
		p.finder = segment.Finder{Segmenter: segment.Segmenter{Min: lo, Max: hi}, Found: take, Stopped: func() bool { return !p.ended.Load() }}
	}
	steps := []pipeline.Step{{Name: stageScene, Stage: pipeline.Video(j.find)}}
	return pipeline.Run(ctx, inputSource{j.source, &p.ended}, steps, sink, o)
}

// stageFind is the sink of the search; it is in no report.
const stageFind = "find"

// note keeps what the report and the join need of a task.
func (p *pool) note(t segment.Task, m made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.partial {
		p.skipped.Store(true)
		if m.record.File != "" {
			p.partials[m.record.Index] = m.record
		}
	} else if m.kept {
		p.seen.kept.Add(t.Frames)
	}
	for _, s := range m.scenes {
		// A scene that goes over several segments has had most of its estimates in the last of them.
		if at, known := p.from[s.Index]; !known || t.Index > at {
			p.scenes[s.Index], p.from[s.Index] = s, t.Index
		}
	}
}

// report fills in what all have done.
func (p *pool) report(found pipeline.Stats) {
	r, j := &p.job.report, p.job
	sum := addStats(nil, found.Stages)
	for _, w := range p.workers {
		sum = addStats(sum, w.stats)
		addUpscale(&r.Upscale, w.upscaler.Stats())
		if p.feed != nil {
			r.Upscale.Scenes = w.upscaler.Stats().Scenes // its records have a limit
		} else {
			r.Workers = append(r.Workers, WorkerReport{w.device, w.segments, w.upscaler.Stats().Frames})
		}
		j.gpu.written += w.onGPU
	}
	sum = slices.DeleteFunc(sum, func(s pipeline.StageStats) bool { return s.Name == stageFind || s.Name == stageFeed })
	elapsed := time.Since(p.began)
	made, resumed := p.seen.counts()
	r.timing(pipeline.Stats{Stages: sum, Elapsed: elapsed})
	r.FPS = float64(made) / elapsed.Seconds()
	r.Frames = FrameCounts{In: int64(len(j.times)), Out: made + resumed, Resumed: resumed, Repeated: j.repeated}
	r.Scenes = j.adjuster.read(slices.SortedFunc(maps.Values(p.scenes), func(a, b sr.SceneRecord) int { return cmp.Compare(a.Index, b.Index) }))
	r.Upscale.Scenes = max(r.Upscale.Scenes, int64(len(r.Scenes)))
	for _, t := range j.times {
		j.in.add(t)
	}
	if j.door != nil {
		j.out = j.door.audit
	}
}

// addUpscale adds the counts of one upscaler to a sum.
func addUpscale(sum *sr.Stats, s sr.Stats) {
	sum.Frames, sum.Observed, sum.Estimates, sum.Modulates = sum.Frames+s.Frames, sum.Observed+s.Observed, sum.Estimates+s.Estimates, sum.Modulates+s.Modulates
	sum.Estimate, sum.Upscale, sum.Resize = sum.Estimate+s.Estimate, sum.Upscale+s.Upscale, sum.Resize+s.Resize
	sum.Reused, sum.Exact = sum.Reused+s.Reused, sum.Exact+s.Exact
}

// auditSegments records the times that came in and those that the segments hold.
func (j *Job) auditSegments(ctx context.Context, records []segment.Record) error {
	pts, err := j.work.store.Times(ctx, records, j.info.VideoTrack().TimeBase)
	if err != nil {
		return err
	}
	if j.cut {
		j.times = j.times[:min(len(j.times), len(pts))] // the rest is not in the output
	}
	j.in, j.out = audit{}, audit{}
	for _, t := range j.times {
		j.in.add(t)
	}
	for _, t := range pts {
		j.out.add(t)
	}
	return nil
}
