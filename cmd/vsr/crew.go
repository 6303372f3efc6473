package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vsr/media"
	"vsr/pipeline"
	"vsr/segment"
	"vsr/sr"
)

// devices lists the workers' devices, one for each worker.
func (c *runConfig) devices() []string {
	list := strings.Split(c.Device, ",")
	n := max(c.Workers, len(list))
	for len(list) < n {
		list = append(list, list[len(list)%strings.Count(c.Device+",", ",")])
	}
	return list
}

// share is how many threads each worker on the CPU gets of those there are; 0 means all, for one worker.
func (c *runConfig) share(devices []string) int {
	onCPU := 0
	for _, d := range devices {
		if kind, _, _ := parseDevice(d); kind != "cuda" {
			onCPU++
		}
	}
	if len(devices) < 2 {
		return c.Threads
	}
	all := c.Threads
	if all == 0 {
		all = runtime.NumCPU()
	}
	return max(all/max(onCPU, 1), 1)
}

// crew is a run by several workers. One goroutine decodes the input once from start to end and finds pieces and scenes; each
// worker takes a piece, seeks to it and makes it with an engine, a decoder and an encoder of its own.
type crew struct {
	job     *job
	workers []*worker
	guide   segment.Guide
	stopped func() bool
	frames  atomic.Int64 // upscaled in this run
	kept    atomic.Int64 // frames of pieces that an earlier run has made
	began   time.Time

	mu       sync.Mutex
	scenes   map[uint64]sr.SceneRecord
	from     map[uint64]int // the piece that the record is of
	partials map[int]segment.Record
}

// newCrew opens an engine for each worker but the first, who has the job's.
func (j *job) newCrew() (*crew, error) {
	c := &crew{job: j, stopped: j.stopped, scenes: map[uint64]sr.SceneRecord{}, from: map[uint64]int{}, partials: map[int]segment.Record{}}
	names := []string{j.report.Device}
	for i, device := range j.devices {
		u := j.upscaler
		if i > 0 {
			r := &j.request
			e, err := openEngine(engineOptions{r.Model, device, r.factor(j.firstInfo.Format.Height), j.threads, r.Precision, j.app.logger()})
			if err != nil {
				c.close()
				return nil, err
			}
			if u, err = sr.New(e, r.SR); err != nil {
				e.Close()
				c.close()
				return nil, fault{exitUsage, err, ""}
			}
			names = append(names, e.Device)
		}
		c.workers = append(c.workers, &worker{app: j.app, request: j.request, store: j.pieces.store, large: &j.pieces.large, upscaler: u,
			device: names[i], threads: j.threads, stopped: j.stopped, frames: &c.frames, current: &j.current})
	}
	j.report.Device = strings.Join(names, "; ")
	return c, nil
}

// close closes the engines of all workers but the first.
func (c *crew) close() {
	for i, w := range c.workers {
		if i > 0 {
			w.upscaler.Close()
		}
	}
}

// run makes all pieces and fills the report in.
func (c *crew) run(ctx context.Context, soft <-chan struct{}) error {
	c.began = time.Now()
	show := c.job.app.newProgress(c.job.request.Progress, c.job.total, c.job.current.Load)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				show.update(c.progress())
			case <-quit:
				show.update(c.progress())
				return
			}
		}
	}()
	orders := make(chan segment.Order, 2*len(c.workers))
	g, gctx := errgroup.WithContext(ctx)
	var found pipeline.Stats
	g.Go(func() (err error) {
		defer close(orders)
		found, err = c.plan(gctx, soft, orders)
		return err
	})
	for _, w := range c.workers {
		g.Go(func() error { return c.work(gctx, soft, w, orders) })
	}
	err := g.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	close(quit)
	<-done
	show.finish()
	c.report(found)
	return err
}

// progress counts the frames that are done, whoever did them.
func (c *crew) progress() pipeline.Stats {
	return pipeline.Stats{Rooms: []pipeline.RoomStats{{FramesOut: c.frames.Load() + c.kept.Load()}}, Elapsed: time.Since(c.began)}
}

// work makes pieces until there are no more.
func (c *crew) work(ctx context.Context, soft <-chan struct{}, w *worker, orders <-chan segment.Order) error {
	for o := range orders {
		if c.stopped() || ctx.Err() != nil {
			continue // the planner must not be left waiting
		}
		m, err := w.do(ctx, soft, o)
		if err != nil {
			return err
		}
		c.note(o, m)
	}
	return nil
}

// note keeps what the report and the join need of a piece.
func (c *crew) note(o segment.Order, m made) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.partial {
		if m.record.File != "" {
			c.partials[o.Index] = m.record
		}
	} else if m.kept {
		c.kept.Add(o.Frames)
	}
	for _, s := range m.scenes {
		// A scene that goes over several pieces has seen most of its estimates in the last of them.
		if at, known := c.from[s.Index]; !known || o.Index > at {
			c.scenes[s.Index], c.from[s.Index] = s, o.Index
		}
	}
}

// plan decodes the input, finds scenes, and orders each piece as soon as its end is known.
func (c *crew) plan(ctx context.Context, soft <-chan struct{}, orders chan<- segment.Order) (pipeline.Stats, error) {
	j := c.job
	sink := &ordering{crew: c, ctx: ctx, orders: orders, cutter: segment.Cutter{Min: j.request.PieceMin, Max: j.request.PieceMax}}
	mark := func(_ context.Context, f *media.Frame) (*media.Frame, error) {
		j.scenes.Mark(f)
		if f.Repeat {
			j.repeated++
		}
		return f, j.turns.see(f)
	}
	return pipeline.Run(ctx, j.source, []pipeline.Step{{Name: roomScene, Stage: pipeline.Video(mark)}}, sink, pipeline.Options{
		Stop: soft, AcceptFormatChange: true, SourceName: roomDecode, SinkName: "plan", Logger: j.app.logger()})
}

// ordering is a sink that makes orders of the frames it sees.
type ordering struct {
	crew    *crew
	ctx     context.Context
	orders  chan<- segment.Order
	cutter  segment.Cutter
	current segment.Piece
	before  *segment.Piece
}

// Write looks at a frame and releases it.
func (s *ordering) Write(_ context.Context, u media.Unit) error {
	defer u.Release()
	if u.Frame == nil {
		return nil
	}
	p, begins := s.cutter.Next(u.Frame.Scene, u.Frame.PTS)
	if begins {
		if err := s.order(); err != nil {
			return err
		}
	}
	s.current = p
	s.crew.guide.Add(u.Frame)
	return nil
}

// order hands the piece that has just ended to whoever is free.
func (s *ordering) order() error {
	if s.current.Frames == 0 {
		return nil
	}
	o, err := s.crew.guide.Order(s.current, s.before)
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	p := s.current
	s.before = &p
	select {
	case s.orders <- o:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// Close orders the last piece. One that Ctrl-C has cut short is not whole.
func (s *ordering) Close() error {
	if s.crew.stopped() {
		return nil
	}
	return s.order()
}

// report fills in what all have done.
func (c *crew) report(found pipeline.Stats) {
	r, j := &c.job.report, c.job
	sum := worker{}
	sum.add(found)
	for _, w := range c.workers {
		sum.add(pipeline.Stats{Rooms: w.stats})
		r.Workers = append(r.Workers, workerReport{w.device, w.pieces, w.upscaler.Stats().Frames})
	}
	r.timing(pipeline.Stats{Rooms: sum.stats, Elapsed: time.Since(c.began)})
	delete(r.Stages, "plan")
	r.FPS = float64(c.frames.Load()) / time.Since(c.began).Seconds()
	r.Frames = frameCounts{In: c.guide.Frames(), Out: c.frames.Load() + c.kept.Load(), Resumed: c.kept.Load(), Repeated: j.repeated}
	j.times = c.guide.Times()
	r.Scenes = slices.SortedFunc(maps.Values(c.scenes), func(a, b sr.SceneRecord) int { return cmp.Compare(a.Index, b.Index) })
	r.Upscale = sr.Stats{}
	for _, w := range c.workers {
		s := w.upscaler.Stats()
		r.Upscale.Frames, r.Upscale.Observed, r.Upscale.Estimates, r.Upscale.Modulates = r.Upscale.Frames+s.Frames, r.Upscale.Observed+s.Observed,
			r.Upscale.Estimates+s.Estimates, r.Upscale.Modulates+s.Modulates
		r.Upscale.Estimate, r.Upscale.Upscale, r.Upscale.Resize = r.Upscale.Estimate+s.Estimate, r.Upscale.Upscale+s.Upscale, r.Upscale.Resize+s.Resize
		r.Upscale.Reused, r.Upscale.Exact = r.Upscale.Reused+s.Reused, r.Upscale.Exact+s.Exact
	}
	r.Upscale.Scenes = int64(len(r.Scenes))
}

// ledgers writes down the times that came in and those that the pieces hold.
func (c *crew) ledgers(ctx context.Context, records []segment.Record) error {
	j := c.job
	pts, err := j.pieces.store.Times(ctx, records, j.firstInfo.VideoTrack().TimeBase)
	if err != nil {
		return err
	}
	j.times = j.times[:min(len(j.times), len(pts))] // after Ctrl-C the rest is not in the output
	j.in, j.out = ledger{}, ledger{}
	for _, t := range j.times {
		j.in.note(t)
	}
	for _, t := range pts {
		j.out.note(t)
	}
	return nil
}
