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

// pool is a job by several workers. One goroutine decodes the input once from start to end and finds segments and scenes; each worker
// takes a segment, seeks to it and makes it with an engine, a decoder and an encoder of its own.
type pool struct {
	job     *Job
	workers []*worker
	finder  segment.Finder
	frames  atomic.Int64 // upscaled in this run
	kept    atomic.Int64 // frames of segments that an earlier run has made
	began   time.Time

	mu       sync.Mutex
	scenes   map[uint64]sr.SceneRecord
	from     map[uint64]int // the segment that the record is of
	partials map[int]segment.Record
}

// newPool opens an engine for each worker but the first, which has the job's.
func (j *Job) newPool(ctx context.Context) (*pool, error) {
	p := &pool{job: j, scenes: map[uint64]sr.SceneRecord{}, from: map[uint64]int{}, partials: map[int]segment.Record{}}
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
		w := j.newWorker(u, names[i])
		w.frames = &p.frames
		p.workers = append(p.workers, w)
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

// run makes all segments and fills the report in.
func (p *pool) run(ctx context.Context) error {
	p.began = time.Now()
	s := segment.Scheduler{Stopped: p.job.opts.stopped}
	var found pipeline.Stats
	s.Find = func(ctx context.Context, take func(segment.Task) error) (err error) {
		found, err = p.find(ctx, take)
		return err
	}
	for _, w := range p.workers {
		s.Workers = append(s.Workers, func(ctx context.Context, t segment.Task) error {
			m, err := w.do(ctx, t)
			if err == nil {
				p.note(t, m)
			}
			return err
		})
	}
	stop := p.showProgress()
	err := s.Run(ctx)
	stop()
	p.report(found)
	return err
}

// showProgress sends events until the function that it returns is called.
func (p *pool) showProgress() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	emit := func(last bool) {
		e := p.job.progress(p.frames.Load(), p.kept.Load(), time.Since(p.began), false)
		e.Last = last
		p.job.emit(e)
	}
	go func() {
		defer close(done)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				emit(false)
			case <-quit:
				emit(true)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// find decodes the input, finds scenes, and gives the task of each segment as soon as its end is known.
func (p *pool) find(ctx context.Context, take func(segment.Task) error) (pipeline.Stats, error) {
	j := p.job
	lo, hi := j.opts.segmentLengths()
	p.finder = segment.Finder{Segmenter: segment.Segmenter{Min: lo, Max: hi}, Found: take, Stopped: j.opts.stopped}
	scene := func(ctx context.Context, f *media.Frame) (*media.Frame, error) { return f, j.observe(ctx, f) }
	return pipeline.Run(ctx, inputSource{j.source}, []pipeline.Step{{Name: stageScene, Stage: pipeline.Video(scene)}}, &p.finder, pipeline.Options{
		Stop: j.opts.Stop, AcceptFormatChange: true, SourceName: stageDecode, SinkName: stageFind, Logger: j.opts.Logger})
}

// stageFind is the sink of the search; it is in no report.
const stageFind = "find"

// note keeps what the report and the join need of a segment.
func (p *pool) note(t segment.Task, m made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.partial {
		if m.record.File != "" {
			p.partials[t.Index] = m.record
		}
	} else if m.kept {
		p.kept.Add(t.Frames)
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
		r.Workers = append(r.Workers, WorkerReport{w.device, w.segments, w.upscaler.Stats().Frames})
	}
	elapsed := time.Since(p.began)
	r.timing(pipeline.Stats{Stages: sum, Elapsed: elapsed})
	delete(r.Stages, stageFind)
	r.FPS = float64(p.frames.Load()) / elapsed.Seconds()
	r.Frames = FrameCounts{In: p.finder.Index.Frames(), Out: p.frames.Load() + p.kept.Load(), Resumed: p.kept.Load(), Repeated: j.repeated}
	j.times = p.finder.Index.Times()
	r.Scenes = j.adjuster.read(slices.SortedFunc(maps.Values(p.scenes), func(a, b sr.SceneRecord) int { return cmp.Compare(a.Index, b.Index) }))
	r.Upscale = sr.Stats{}
	for _, w := range p.workers {
		addUpscale(&r.Upscale, w.upscaler.Stats())
	}
	r.Upscale.Scenes = int64(len(r.Scenes))
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
	j.times = j.times[:min(len(j.times), len(pts))] // after a stop the rest is not in the output
	j.in, j.out = audit{}, audit{}
	for _, t := range j.times {
		j.in.add(t)
	}
	for _, t := range pts {
		j.out.add(t)
	}
	return nil
}
