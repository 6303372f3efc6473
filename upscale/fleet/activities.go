package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/fleet/storage"
	"vsr/upscale/segment"
)

// activities is what a worker can do. Its methods are the activities.
type activities struct {
	stores  *storage.Stores
	cache   *storage.Cache
	scratch string // folder of this process
	device  string
	threads int
	program string
	fit     string
	queue   string // of workers that fit
	name    string // of this worker
	log     *slog.Logger
	leave   func(error) // ends the worker

	mu    sync.Mutex
	plans map[string]*segment.Plan // by address, the last few
}

// maxPlan is the largest plan in bytes that is read.
const maxPlan = 64 << 20

// storageError marks an error of the storage, which is nobody's fault here.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

// inStorage marks what a storage said, unless it says that something is missing or taken.
func inStorage(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	return storageError{err}
}

// fail gives an error its type, and ends the worker when the error is its own.
func (a *activities) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	kind := ""
	switch f := upscale.Classify(err); {
	case stopping(ctx) && (f.Kind == fault.Interrupted || errors.Is(err, context.Canceled)):
		kind = errReturned
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errOtherFit):
		kind = errUnfit
	case errors.As(err, new(storageError)):
		kind = errStorage
	case f.Kind == fault.Device, f.Kind == fault.Output:
		kind = errWorker
	case f.Kind == fault.Input:
		kind = errInput
	case f.Kind == fault.Request, f.Kind == fault.Usage:
		kind = errRequest
	case f.Kind == fault.Check:
		kind = errCheck
	}
	if kind == errWorker || kind == errUnfit {
		a.leave(err)
	}
	a.log.Warn("an activity failed", "activity", activity.GetInfo(ctx).ActivityType.Name, "type", kind, "err", err)
	return activityError(err, kind)
}

// errOtherFit says that a plan is of another version.
var errOtherFit = errors.New("this worker has another version of vsr or FFmpeg than the plan")

// stopping reports whether the worker is going away.
func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}

// beats sends heartbeats until the function that it returns is called: each second, with what frames says then.
func (a *activities) beats(ctx context.Context, index int, frames func() int64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(500 * time.Millisecond)
		defer t.Stop()
		for {
			activity.RecordHeartbeat(ctx, Beat{index, frames(), a.name})
			select {
			case <-t.C:
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

func none() int64 { return 0 }

// Plan reads the input and writes its plan into the storage. A plan that is there is taken, with what is committed of it.
func (a *activities) Plan(ctx context.Context, r Request) (Planned, error) {
	defer a.beats(ctx, -1, none)()
	p, err := a.plan(ctx, r)
	return p, a.fail(ctx, err)
}

func (a *activities) plan(ctx context.Context, r Request) (p Planned, err error) {
	o, err := upscale.ParsePortable(r.Options)
	if err != nil {
		return p, err
	}
	input, release, err := a.fetch(ctx, r.Input)
	if err != nil {
		return p, missing(err, r.Input)
	}
	defer release()
	if r.Model != "" {
		model, release, err := a.fetch(ctx, r.Model)
		if err != nil {
			return p, missing(err, r.Model)
		}
		defer release()
		o.Model = model
	}
	o.Device, o.Threads, o.Program, o.Output = a.device, a.threads, a.program, filepath.Join(a.scratch, "out"+filepath.Ext(r.Output))
	o.Logger = a.log
	plan, err := upscale.Plan(ctx, input, o)
	if err != nil {
		return p, err
	}
	if r.Model != "" && strings.HasPrefix(plan.Model, o.Model) {
		return p, fault.New(fault.Request, "vsr model import names one", "the weights file %s has no name in it", r.Model)
	}
	if len(plan.Segments) > maxSegments {
		return p, fault.New(fault.Request, "segment_max makes longer ones", "%d segments, a fleet takes %d", len(plan.Segments), maxSegments)
	}
	plan.Source.Path, plan.Weights, plan.Output = segment.Path(r.Input), segment.Path(r.Model), segment.Path(r.Output)
	if r.Model == "" {
		plan.Weights = segment.Path(strings.Fields(plan.Model)[0])
	}
	p = Planned{ID: plan.ID(), Dir: storage.Join(r.Work, folderName(plan, &r)), Fit: a.fit, Queue: a.queue, Model: plan.Model}
	if plan, err = a.keepPlan(ctx, p.Dir, plan); err != nil {
		return p, err
	}
	p.Lengths = packLengths(plan.Segments)
	p.Done, err = a.committed(ctx, p.Dir, len(plan.Segments))
	return p, err
}

// folderName names the folder of a job's segments. Two inputs may have one content, and so one plan: whichever is published first would take the
// other's segments away, so the output belongs to the name.
func folderName(plan *segment.Plan, r *Request) string { return plan.ID() + "-" + hashOf(r.Output)[:8] }

// missing blames the input where an object is not there.
func missing(err error, address string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Input, "every worker must see it under this name", "%s: not found", address)
	}
	return err
}

// keepPlan writes a plan into the storage, or returns the one that is there.
func (a *activities) keepPlan(ctx context.Context, dir string, plan *segment.Plan) (*segment.Plan, error) {
	s, key, err := a.stores.At(storage.Join(dir, planName))
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	err = storage.Write(ctx, s, key, b, true)
	if errors.Is(err, fs.ErrExist) {
		return a.readPlan(ctx, dir)
	}
	return plan, inStorage(err)
}

const planName = "plan.json"

// readPlan reads the plan of a folder.
func (a *activities) readPlan(ctx context.Context, dir string) (*segment.Plan, error) {
	a.mu.Lock()
	plan := a.plans[dir]
	a.mu.Unlock()
	if plan != nil {
		return plan, nil
	}
	s, key, err := a.stores.At(storage.Join(dir, planName))
	if err != nil {
		return nil, err
	}
	b, err := storage.Read(ctx, s, key, maxPlan)
	if err != nil {
		return nil, missing(inStorage(err), storage.Join(dir, planName))
	}
	if plan, err = segment.ParsePlan(b); err != nil {
		return nil, fault.New(fault.Input, "remove it, and start again", "%s: %w", dir, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.plans) >= 8 || a.plans == nil {
		a.plans = map[string]*segment.Plan{}
	}
	a.plans[dir] = plan
	return plan, nil
}

// fetch returns an object as a file.
func (a *activities) fetch(ctx context.Context, address string) (path string, release func(), err error) {
	s, key, err := a.stores.At(address)
	if err != nil {
		return "", nil, err
	}
	path, release, err = a.cache.Fetch(ctx, s, key)
	if err != nil && storage.IsURL(address) && !errors.As(err, new(*os.PathError)) { // a full disk here is not the storage's fault
		err = inStorage(err)
	}
	return path, release, err
}

// committed returns a bit for each segment of a folder that is committed.
func (a *activities) committed(ctx context.Context, dir string, n int) ([]byte, error) {
	s, key, err := a.stores.At(dir)
	if err != nil {
		return nil, err
	}
	list, err := s.List(ctx, key+"/")
	if err != nil {
		return nil, inStorage(err)
	}
	done := newBits(n)
	for _, o := range list {
		index := 0
		if _, err := fmt.Sscanf(filepath.Base(o.Key), "%06d.done", &index); err == nil && o.Key == key+"/"+commitName(index) && index < n {
			done.set(index)
		}
	}
	return done, nil
}

func commitName(index int) string { return fmt.Sprintf("%06d.done", index) }

// Segment makes a segment and commits it.
func (a *activities) Segment(ctx context.Context, t Task) (Made, error) {
	m, err := a.segment(ctx, t)
	return m, a.fail(ctx, err)
}

func (a *activities) segment(ctx context.Context, t Task) (Made, error) {
	if t.Fit != a.fit {
		return Made{}, errOtherFit
	}
	plan, err := a.readPlan(ctx, t.Dir)
	if err != nil {
		return Made{}, err
	}
	if c, err := a.lookup(ctx, t.Dir, t.Index); err == nil {
		return Made{c.Device, c.Plain, true}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Made{}, err
	}
	var seen frameCount
	defer a.beats(ctx, t.Index, seen.load)()
	began := time.Now()
	o := upscale.StepOptions{Device: a.device, Threads: a.threads, Program: a.program, Plain: t.Plain, Stop: activity.GetWorkerStopChannel(ctx),
		Events: seen.event, Logger: a.log, Model: string(plan.Weights)}
	input, release, err := a.fetch(ctx, t.Input)
	if err != nil {
		return Made{}, missing(err, t.Input)
	}
	defer release()
	o.Input = input
	if t.Model != "" {
		model, release, err := a.fetch(ctx, t.Model)
		if err != nil {
			return Made{}, missing(err, t.Model)
		}
		defer release()
		o.Model = model
	}
	o.Dir = filepath.Join(a.scratch, fmt.Sprintf("%s-%d", filepath.Base(t.Dir), t.Index))
	if t.Plain {
		o.Dir += "-plain"
	}
	defer os.RemoveAll(o.Dir)
	m, err := upscale.MakeSegment(ctx, plan, t.Index, o)
	if err != nil {
		return Made{}, err
	}
	c := Commit{Record: m.Record, Device: m.Device, Worker: a.name, Attempt: activity.GetInfo(ctx).Attempt, Seconds: time.Since(began).Seconds(), Plain: t.Plain}
	return a.commit(ctx, t.Dir, c, filepath.Join(o.Dir, m.Record.File))
}

// frameCount is how far a segment is.
type frameCount struct {
	mu sync.Mutex
	n  int64
}

func (f *frameCount) load() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

func (f *frameCount) event(e upscale.Event) {
	if p, ok := e.(upscale.Progress); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.n = p.Frames
	}
}

// lookup returns the commit of a segment, fs.ErrNotExist if there is none. One whose file is gone is removed.
func (a *activities) lookup(ctx context.Context, dir string, index int) (c Commit, err error) {
	s, key, err := a.stores.At(storage.Join(dir, commitName(index)))
	if err != nil {
		return c, err
	}
	b, err := storage.Read(ctx, s, key, 4<<20)
	if err != nil {
		return c, inStorage(err)
	}
	if err = json.Unmarshal(b, &c); err == nil && c.Index == index && c.File == filepath.Base(c.File) {
		_, file, err := a.stores.At(segmentAddress(dir, c.File))
		if err != nil {
			return c, err
		}
		o, err := s.Stat(ctx, file)
		switch {
		case err == nil && o.Size == c.Bytes:
			return c, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return c, inStorage(err)
		}
	}
	if err := s.Remove(ctx, key); err != nil {
		return c, inStorage(err)
	}
	return c, fs.ErrNotExist
}

func segmentAddress(dir, file string) string { return storage.Join(dir, "segments", file) }

// commit stores the file of a segment under a name of its own, and then its record, if nobody was first.
func (a *activities) commit(ctx context.Context, dir string, c Commit, path string) (Made, error) {
	c.File = fmt.Sprintf("%06d-%s%s", c.Index, hashOf([]any{a.name, time.Now().UnixNano()})[:12], filepath.Ext(path))
	address := segmentAddress(dir, c.File)
	if err := a.store(ctx, address, path, true); err != nil {
		return Made{}, err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return Made{}, err
	}
	s, key, err := a.stores.At(storage.Join(dir, commitName(c.Index)))
	if err != nil {
		return Made{}, err
	}
	err = storage.Write(ctx, s, key, b, true)
	if errors.Is(err, fs.ErrExist) { // another worker was first; its file counts
		if err := a.remove(ctx, address); err != nil {
			return Made{}, err
		}
		c, err := a.lookup(ctx, dir, c.Index)
		return Made{c.Device, c.Plain, true}, err
	}
	return Made{c.Device, c.Plain, false}, inStorage(err)
}

// store puts a file of this machine into the storage; where that is on the same disk the file only gets another name.
func (a *activities) store(ctx context.Context, address, path string, first bool) error {
	s, key, err := a.stores.At(address)
	if err != nil {
		return err
	}
	if l, ok := s.(storage.Local); ok {
		if err := l.Adopt(path, key, first); !errors.Is(err, storage.ErrOtherDisk) {
			return inStorage(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return inStorage(s.Put(ctx, key, io.NewSectionReader(f, 0, st.Size()), first))
}

func (a *activities) remove(ctx context.Context, address string) error {
	s, key, err := a.stores.At(address)
	if err != nil {
		return err
	}
	return inStorage(s.Remove(ctx, key))
}

// Clean removes the segments of a video that is published. Its report stays.
func (a *activities) Clean(ctx context.Context, dir string) error {
	defer a.beats(ctx, -1, none)()
	err := func() error {
		s, key, err := a.stores.At(dir)
		if err != nil {
			return err
		}
		list, err := s.List(ctx, key+"/")
		if err != nil {
			return inStorage(err)
		}
		for _, o := range list {
			if filepath.Base(o.Key) == reportName {
				continue
			}
			if err := s.Remove(ctx, o.Key); err != nil {
				return inStorage(err)
			}
		}
		return nil
	}()
	return a.fail(ctx, err)
}

// Page reads a part of a list of videos.
func (a *activities) Page(ctx context.Context, t PageTask) (p Page, err error) {
	s, key, err := a.stores.At(t.List)
	if err != nil {
		return p, a.fail(ctx, err)
	}
	r, err := s.Open(ctx, key, t.Offset, 4<<20)
	if err != nil {
		return p, a.fail(ctx, missing(inStorage(err), t.List))
	}
	defer r.Close()
	p.Next = t.Offset
	in, size := bufio.NewReader(r), 0
	for len(p.Items) < pageItems && size < pageBytes {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			p.Next = 0
			return p, nil
		}
		if err != nil {
			return p, a.fail(ctx, inStorage(err))
		}
		var item Item
		if err := json.Unmarshal(line, &item); err != nil {
			return p, a.fail(ctx, fault.New(fault.Input, "", "%s: at byte %d: %w", t.List, p.Next, err))
		}
		p.Items = append(p.Items, item)
		p.Next += int64(len(line))
		size += len(line)
	}
	return p, nil
}
