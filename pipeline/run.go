package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vsr/media"
)

// Options adjusts a run. The zero value is right for files.
type Options struct {
	// Stop, when it is closed, ends the source softly: what is under way is finished and the output is published.
	Stop <-chan struct{}
	// Depth of the queue in front of the sink; 0 means 4. The other queues are the steps' own.
	Depth int
	// AcceptFormatChange lets frames of another format follow on the same pipeline. Without it the first change of format
	// ends the run softly, and Run returns media.ErrFormatChanged.
	AcceptFormatChange bool
	// Progress is called every Interval (0 means 200 ms) from a goroutine of its own, and a last time before Run returns.
	Progress func(Stats)
	Interval time.Duration
	// SourceName and SinkName name the two ends in Stats; empty means decode and encode.
	SourceName, SinkName string
	Logger               *slog.Logger // nil means silence
}

// StageError says in which stage the first error came up. Its text is that of the stage's error.
type StageError struct {
	Stage string
	Err   error
}

// Error returns the text of the stage's error: stages already say who they are.
func (e *StageError) Error() string { return e.Err.Error() }

// Unwrap returns the stage's error.
func (e *StageError) Unwrap() error { return e.Err }

// Aborter is a Sink that can drop what it has written, instead of publishing it by Close.
type Aborter interface{ Abort() error }

// Interrupter is a Sink whose Close can be told from another goroutine to give up: it fails then, and what it has written is dropped.
type Interrupter interface{ Interrupt() }

// Run moves units from src through steps into sink until the source ends, a stage fails, or ctx is done.
//
// Each stage has one goroutine, and the bounded queues between them are the only way from one to the next. The first
// error stops every stage and is the one returned, as a *StageError; a run that ctx ended returns ctx's error.
// Run takes over both ends. The source is always closed. The sink is closed when all went well, or was stopped softly;
// otherwise it is aborted if it knows how, else closed. When Run returns, all its goroutines have ended and every
// unit that was under way has been released.
func Run(ctx context.Context, src Source, steps []Step, sink Sink, o Options) (Stats, error) {
	b := newRunner(src, steps, sink, o)
	progress := b.startProgress()
	err := b.run(ctx)
	if err == nil || errors.Is(err, media.ErrFormatChanged) {
		b.closing.Store(true)
		if cerr := b.closeSink(ctx); cerr != nil {
			err = cerr
		}
	} else {
		abort(sink)
	}
	if cerr := src.Close(); cerr != nil && err == nil {
		b.o.Logger.Warn("source did not close", "err", cerr)
	}
	progress()
	return b.stats(), err
}

func abort(sink Sink) {
	if a, ok := sink.(Aborter); ok {
		_ = a.Abort() // the run has already failed, and its error is the one to report
		return
	}
	_ = sink.Close()
}

// pipeline is one run.
type runner struct {
	src     Source
	steps   []Step
	sink    Sink
	o       Options
	start   time.Time
	queues  []queue  // queues[i] feeds step i; the last one feeds the sink
	meters  []*meter // source, steps, sink
	closing atomic.Bool
	changed atomic.Bool // the source stopped at a change of format
}

func newRunner(src Source, steps []Step, sink Sink, o Options) *runner {
	if o.SourceName == "" {
		o.SourceName = "decode"
	}
	if o.SinkName == "" {
		o.SinkName = "encode"
	}
	if o.Interval <= 0 {
		o.Interval = 200 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &runner{src: src, steps: steps, sink: sink, o: o, start: time.Now()}
	b.meters = append(b.meters, &meter{name: o.SourceName})
	for _, s := range steps {
		q := newQueue(s.Queue)
		b.queues = append(b.queues, q)
		b.meters = append(b.meters, &meter{name: s.Name, before: q})
	}
	q := newQueue(Queue{Depth: o.Depth})
	b.queues = append(b.queues, q)
	b.meters = append(b.meters, &meter{name: o.SinkName, before: q})
	return b
}

// run is the pipeline on one screen.
func (b *runner) run(parent context.Context) error {
	g, ctx := errgroup.WithContext(parent)
	stage := func(i int, f func(context.Context, *meter) error) {
		m := b.meters[i]
		g.Go(func() (err error) {
			pprof.Do(ctx, pprof.Labels("stage", m.name), func(ctx context.Context) { err = f(ctx, m) })
			if err != nil {
				err = &StageError{m.name, err}
			}
			return err
		})
	}
	soft, cancel := context.WithCancel(ctx) // ends with the source, or before it when Stop is closed
	defer cancel()
	g.Go(func() error {
		defer cancel()
		select {
		case <-b.o.Stop:
		case <-soft.Done():
		}
		return nil
	})
	stage(0, func(ctx context.Context, m *meter) error {
		defer cancel()
		return b.source(ctx, soft, m)
	})
	for i := range b.steps {
		stage(i+1, func(ctx context.Context, m *meter) error { return b.step(ctx, m, i) })
	}
	stage(len(b.steps)+1, b.drainToSink)
	err := g.Wait()
	for _, q := range b.queues {
		q.drain()
	}
	if parent.Err() != nil && err != nil {
		return context.Cause(parent)
	}
	if err == nil && b.changed.Load() {
		return &StageError{b.o.SourceName, media.ErrFormatChanged}
	}
	return err
}

// source pulls from the Source until it ends or soft does, which is a child of ctx.
func (b *runner) source(ctx, soft context.Context, m *meter) error {
	defer b.queues[0].close()
	for {
		if soft.Err() != nil {
			return ctx.Err() // nil after a soft stop: the rest drains
		}
		begin := time.Now()
		u, err := b.src.Next(soft)
		m.time(begin)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case soft.Err() != nil:
			continue // whatever a source says that was interrupted
		case errors.Is(err, media.ErrFormatChanged):
			if b.o.AcceptFormatChange {
				continue
			}
			b.changed.Store(true)
			return nil
		default:
			return err
		}
		if err := m.pass(ctx, b.queues[0], u); err != nil {
			return err
		}
	}
}

// step moves units through stage i.
func (b *runner) step(ctx context.Context, m *meter, i int) error {
	from, to, stage := b.queues[i], b.queues[i+1], b.steps[i].Stage
	defer to.close()
	for {
		u, ok, err := from.pull(ctx)
		if err != nil || !ok {
			return err
		}
		m.count(&m.in, u)
		begin := time.Now()
		u, err = stage(ctx, u)
		m.time(begin)
		if err != nil {
			return err
		}
		if u.Frame == nil && u.Packet == nil {
			continue
		}
		if err := m.pass(ctx, to, u); err != nil {
			return err
		}
	}
}

// drainToSink feeds the sink.
func (b *runner) drainToSink(ctx context.Context, m *meter) error {
	from := b.queues[len(b.queues)-1]
	for {
		u, ok, err := from.pull(ctx)
		if err != nil || !ok {
			return err
		}
		m.count(&m.in, u)
		frame := u.Frame != nil
		begin := time.Now()
		err = b.sink.Write(ctx, u)
		m.time(begin)
		if err != nil {
			return err
		}
		if frame {
			m.out.Add(1)
		} else {
			m.packets.Add(1)
		}
	}
}

// closeSink closes the sink, and interrupts it when ctx ends.
func (b *runner) closeSink(ctx context.Context) error {
	m := b.meters[len(b.meters)-1]
	defer m.time(time.Now())
	if s, ok := b.sink.(Interrupter); ok {
		defer context.AfterFunc(ctx, s.Interrupt)()
	}
	err := b.sink.Close()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &StageError{m.name, err}
}

// pass hands u to the next queue, or releases it.
func (m *meter) pass(ctx context.Context, to queue, u media.Unit) error {
	frame := u.Frame != nil
	if err := to.push(ctx, u); err != nil {
		u.Release()
		return err
	}
	if frame {
		m.out.Add(1)
	} else {
		m.packets.Add(1)
	}
	return nil
}

func (m *meter) count(frames *atomic.Int64, u media.Unit) {
	if u.Frame != nil {
		frames.Add(1)
	}
}

func (b *runner) stats() Stats {
	s := Stats{Elapsed: time.Since(b.start), Closing: b.closing.Load()}
	for _, m := range b.meters {
		s.Stages = append(s.Stages, m.stats())
	}
	return s
}

// startProgress starts the calls of Options.Progress; the func it returns makes the last one and waits for the end.
func (b *runner) startProgress() (stop func()) {
	if b.o.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(b.o.Interval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				b.o.Progress(b.stats())
			case <-quit:
				b.o.Progress(b.stats())
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
