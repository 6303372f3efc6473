package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"vsr/internal/fault"
	"vsr/upscale/segment"
)

// fakes stand for workers: Temporal's test environment runs the workflow with time skipped.
type fakes struct {
	segments int
	done     []int                                // committed before
	segment  func(t Task, call int) (Made, error) // call counts from 1, for each segment; nil succeeds
	join     func(call int) (Joined, error)       // nil succeeds
	took     time.Duration                        // by each segment, in the workflow's time

	mu      sync.Mutex
	calls   map[string]int // by segment, with p behind it if it is to be resampled
	joins   int
	cleaned []string
	starts  []time.Time
}

const framesEach = 240

func (f *fakes) planned() Planned {
	p := Planned{ID: "1234", Dir: "/work/1234", Fit: "fit", Queue: "vsr-fit", Model: "nano-x2 abc"}
	var list []segment.Range
	for range f.segments {
		list = append(list, segment.Range{Frames: framesEach})
	}
	p.Lengths = packLengths(list)
	done := newBits(f.segments)
	for _, i := range f.done {
		done.set(i)
	}
	p.Done = done
	return p
}

// environment returns one in which the activities are the fakes'.
func (f *fakes) environment(t *testing.T) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var s testsuite.WorkflowTestSuite
	s.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := s.NewTestWorkflowEnvironment()
	env.SetTestTimeout(5 * time.Minute)
	Register(env)
	f.calls = map[string]int{}
	stub := func(name string, fn any) {
		env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	a := &activities{}
	stub(activityPlan, a.Plan)
	stub(activitySegment, a.Segment)
	stub(activityJoin, a.Join)
	stub(activityClean, a.Clean)
	stub(activityPage, a.Page)
	env.OnActivity(activityPlan, mock.Anything, mock.Anything).Return(func(context.Context, Request) (Planned, error) { return f.planned(), nil })
	made := env.OnActivity(activitySegment, mock.Anything, mock.Anything).Return(func(_ context.Context, t Task) (Made, error) { return f.make(env.Now(), t) })
	if f.took > 0 {
		made.After(f.took)
	}
	env.OnActivity(activityJoin, mock.Anything, mock.Anything).Return(func(_ context.Context, t JoinTask) (Joined, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.joins++; f.join != nil {
			return f.join(f.joins)
		}
		return Joined{Report: t.Dir + "/report.json", Frames: int64(f.segments) * framesEach, Bytes: 1}, nil
	})
	env.OnActivity(activityClean, mock.Anything, mock.Anything).Return(func(_ context.Context, dir string) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.cleaned = append(f.cleaned, dir)
		return nil
	}).Maybe()
	return env
}

func (f *fakes) make(now time.Time, t Task) (Made, error) {
	key := fmt.Sprint(t.Index)
	if t.Plain {
		key += "p"
	}
	f.mu.Lock()
	f.calls[key]++
	call := f.calls[key]
	f.starts = append(f.starts, now)
	f.mu.Unlock()
	if f.segment != nil {
		return f.segment(t, call)
	}
	return Made{Device: "cpu"}, nil
}

// total is how many times a segment was begun.
func (f *fakes) total() (n int) {
	for _, c := range f.calls {
		n += c
	}
	return n
}

func request() Request {
	return Request{Input: "/in.mkv", Output: "/out.mkv", Work: "/work", Options: json.RawMessage(`{}`)}
}

// run executes the workflow and returns its result.
func run(t *testing.T, env *testsuite.TestWorkflowEnvironment, r Request) (Result, error) {
	t.Helper()
	env.ExecuteWorkflow(WorkflowVideo, Input{Request: r})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not ended")
	}
	if err := env.GetWorkflowError(); err != nil {
		return Result{}, err
	}
	var result Result
	return result, env.GetWorkflowResult(&result)
}

func stateOf(t *testing.T, env *testsuite.TestWorkflowEnvironment) (s State) {
	t.Helper()
	v, err := env.QueryWorkflow(queryState)
	if err == nil {
		err = v.Get(&s)
	}
	if err != nil {
		t.Error(err)
	}
	return s
}

func TestVideo(t *testing.T) {
	f := &fakes{segments: 20, done: []int{3, 4}, segment: func(t Task, _ int) (Made, error) {
		if t.Index%2 == 0 {
			return Made{Device: "cuda:0"}, nil
		}
		return Made{Device: "cpu"}, nil
	}}
	env := f.environment(t)
	result, err := run(t, env, request())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(result.Devices, map[string]int{"cuda:0": 9, "cpu": 9}) || result.Frames != 20*framesEach || result.Report != "/work/1234/report.json" {
		t.Errorf("%+v", result)
	}
	if f.total() != 18 || f.calls["3"] != 0 || f.joins != 1 || !slices.Equal(f.cleaned, []string{"/work/1234"}) {
		t.Errorf("%v segments, %d joins, cleaned %v", f.calls, f.joins, f.cleaned)
	}
	s := stateOf(t, env)
	if s.Phase != PhaseDone || s.Done != s.Frames || s.Before != 2*framesEach || s.Segments != strings.Repeat("d", 20) || s.Model != "nano-x2 abc" {
		t.Errorf("%+v", s)
	}
}

// What may pass is tried again: each segment fails twice, a lost worker first.
func TestSegmentsAreTriedAgain(t *testing.T) {
	f := &fakes{segments: 20, segment: func(_ Task, call int) (Made, error) {
		switch call {
		case 1:
			return Made{}, temporal.NewHeartbeatTimeoutError()
		case 2:
			return Made{}, errors.New("something passes")
		}
		return Made{Device: "cpu"}, nil
	}}
	env := f.environment(t)
	if _, err := run(t, env, request()); err != nil {
		t.Fatal(err)
	}
	if f.total() != 60 {
		t.Errorf("%d calls, want 60", f.total())
	}
	if s := stateOf(t, env); s.Returned != 0 {
		t.Errorf("%d came back", s.Returned)
	}
}

// A segment that fails each time fails the video, after five attempts; nothing is published.
func TestPoisonFails(t *testing.T) {
	f := &fakes{segments: 20, segment: func(t Task, _ int) (Made, error) {
		if t.Index == 7 {
			return Made{}, temporal.NewHeartbeatTimeoutError()
		}
		return Made{Device: "cpu"}, nil
	}}
	env := f.environment(t)
	_, err := run(t, env, request())
	if err == nil || !strings.Contains(err.Error(), "segment 7 of 20: every worker that took it was lost") {
		t.Fatalf("%v", err)
	}
	if f.calls["7"] != 5 || f.joins != 0 || len(f.cleaned) != 0 {
		t.Errorf("%d attempts, %d joins, cleaned %v", f.calls["7"], f.joins, f.cleaned)
	}
	if s := stateOf(t, env); s.Segments[7] != segFailed || s.Done != 19*framesEach {
		t.Errorf("%+v", s)
	}
}

// With fallback it is resampled and flagged.
func TestPoisonIsResampled(t *testing.T) {
	f := &fakes{segments: 20, segment: func(t Task, _ int) (Made, error) {
		switch {
		case t.Plain:
			return Made{Device: "cpu, resampled", Plain: true}, nil
		case t.Index == 7:
			return Made{}, temporal.NewHeartbeatTimeoutError()
		case t.Index == 9:
			return Made{}, activityError(fault.New(fault.Input, "", "damaged"), errInput)
		}
		return Made{Device: "cpu"}, nil
	}}
	env := f.environment(t)
	r := request()
	r.OnFailure = OnFailureFallback
	result, err := run(t, env, r)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(result.Flagged, []int{7, 9}) || result.Devices["cpu, resampled"] != 2 || f.calls["7"] != 5 || f.calls["9"] != 1 || f.calls["7p"] != 1 {
		t.Errorf("%+v after %v", result, f.calls)
	}
	if s := stateOf(t, env); s.Segments[7] != segPlain || s.Segments[9] != segPlain {
		t.Errorf("%s", s.Segments)
	}
}

// What nobody can mend is not tried again; the error keeps kind and hint.
func TestFaultOfTheInput(t *testing.T) {
	for kind, want := range map[string]fault.Kind{errInput: fault.Input, errRequest: fault.Request} {
		f := &fakes{segments: 5, segment: func(Task, int) (Made, error) {
			return Made{}, activityError(fault.New(fault.Input, "look at it", "it is damaged"), kind)
		}}
		_, err := run(t, f.environment(t), request())
		var a *temporal.ApplicationError
		if !errors.As(err, &a) || a.Type() != kind {
			t.Fatalf("%v", err)
		}
		if got, ok := fault.As(Fault(a)); !ok || got.Kind != want || got.Hint != "look at it" || !strings.Contains(got.Error(), "it is damaged") {
			t.Errorf("%+v", got)
		}
		for _, n := range f.calls {
			if n != 1 {
				t.Errorf("%v", f.calls)
			}
		}
	}
}

// What a worker gives back, what its own disk or version prevents, and a storage that is away do not count as attempts.
func TestSpareTriesDoNotCount(t *testing.T) {
	for _, kind := range []string{errReturned, errWorker, errUnfit, errStorage} {
		f := &fakes{segments: 3, segment: func(_ Task, call int) (Made, error) {
			if call <= 12 {
				return Made{}, activityError(errors.New("not here"), kind)
			}
			return Made{Device: "cpu"}, nil
		}}
		env := f.environment(t)
		r := request()
		r.Attempts = 1
		if _, err := run(t, env, r); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if s := stateOf(t, env); s.Returned != 36 || f.total() != 39 {
			t.Errorf("%s: %d came back of %d", kind, s.Returned, f.total())
		}
	}
	f := &fakes{segments: 1, segment: func(Task, int) (Made, error) { return Made{}, activityError(errors.New("away"), errStorage) }}
	if _, err := run(t, f.environment(t), request()); err == nil || f.total() != maxSpare+1 {
		t.Errorf("a storage that stays away: %d tries, %v", f.total(), err)
	}
}

func TestCancel(t *testing.T) {
	f := &fakes{segments: 50, took: time.Minute}
	env := f.environment(t)
	env.RegisterDelayedCallback(env.CancelWorkflow, 90*time.Second)
	r := request()
	r.InFlight = 10
	_, err := run(t, env, r)
	if !temporal.IsCanceledError(err) || f.joins != 0 || len(f.cleaned) != 0 {
		t.Errorf("%v, %d joins, cleaned %v", err, f.joins, f.cleaned)
	}
	if k, ok := fault.As(Fault(err)); !ok || k.Kind != fault.Interrupted {
		t.Errorf("%v", Fault(err))
	}
	if n := f.total(); n < 10 || n > 30 {
		t.Errorf("%d segments were begun in a minute and a half", n)
	}
}

// While a video is paused nothing begins; what runs is finished.
func TestPauseAndPriority(t *testing.T) {
	f := &fakes{segments: 40, took: time.Minute}
	env := f.environment(t)
	var paused, later State
	began := env.Now()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(signalPause, nil) }, 90*time.Second)
	env.RegisterDelayedCallback(func() { paused = stateOf(t, env) }, 4*time.Minute)
	env.RegisterDelayedCallback(func() { later = stateOf(t, env) }, 30*time.Minute)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(signalPriority, 1)
		env.SignalWorkflow(signalPriority, 9) // is none
		env.SignalWorkflow(signalResume, nil)
	}, time.Hour)
	r := request()
	r.InFlight = 5
	if _, err := run(t, env, r); err != nil {
		t.Fatal(err)
	}
	if !paused.Paused || paused.Done != 10*framesEach || strings.Contains(paused.Segments, "r") {
		t.Errorf("paused: %+v", paused)
	}
	if later.Done != paused.Done || later.Priority != 3 {
		t.Errorf("later: %+v", later)
	}
	if s := stateOf(t, env); s.Paused || s.Priority != 1 || s.FPS <= 0 {
		t.Errorf("at the end: %+v", s)
	}
	for _, at := range f.starts {
		if d := at.Sub(began); d > 2*time.Minute+time.Second && d < time.Hour {
			t.Errorf("a segment began after %s", d)
		}
	}
}

// No more segments wait or run than were allowed.
func TestInFlight(t *testing.T) {
	f := &fakes{segments: 60, took: time.Minute}
	env := f.environment(t)
	r := request()
	r.InFlight = 7
	most := 0
	for i := range 8 {
		env.RegisterDelayedCallback(func() { most = max(most, strings.Count(stateOf(t, env).Segments, "r")) }, time.Duration(i)*time.Minute+30*time.Second)
	}
	if _, err := run(t, env, r); err != nil {
		t.Fatal(err)
	}
	if most != 7 {
		t.Errorf("%d at the same time, want 7", most)
	}
}

// Segments that are damaged when they are to be joined are made again.
func TestDamagedSegmentsAreMadeAgain(t *testing.T) {
	f := &fakes{segments: 5, join: func(call int) (Joined, error) {
		if call == 1 {
			return Joined{Damaged: []int{1, 3, 99}}, nil
		}
		return Joined{Frames: 5 * framesEach}, nil
	}}
	env := f.environment(t)
	if _, err := run(t, env, request()); err != nil {
		t.Fatal(err)
	}
	if f.joins != 2 || f.calls["1"] != 2 || f.calls["3"] != 2 || f.total() != 7 {
		t.Errorf("%v, %d joins", f.calls, f.joins)
	}
	if s := stateOf(t, env); s.Done != 5*framesEach {
		t.Errorf("%+v", s)
	}
}

// A long video goes on under new histories; each segment is made once, and what is carried is small.
func TestContinueAsNew(t *testing.T) {
	const segments = 2*historyLimit + 300
	f := &fakes{segments: segments}
	made := map[string]int{}
	in := Input{Request: request()}
	runs := 0
	for {
		runs++
		env := f.environment(t)
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(signalPriority, 2) }, 0) // carried along
		env.ExecuteWorkflow(WorkflowVideo, in)
		for key, n := range f.calls {
			made[key] += n
		}
		err := env.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if runs > 5 {
			t.Fatal("it never ends")
		}
		in = Input{}
		if err := converterOf(again, &in); err != nil {
			t.Fatal(err)
		}
		if in.Carried == nil || in.Carried.Priority != 2 {
			t.Fatalf("carried: %+v", in.Carried)
		}
	}
	if runs != 3 || len(made) != segments {
		t.Errorf("%d histories, %d segments", runs, len(made))
	}
	for key, n := range made {
		if n != 1 {
			t.Errorf("segment %s was made %d times", key, n)
		}
	}
}

// Nothing that passes through Temporal is larger than 100 KB, up to the longest video.
func TestPayloads(t *testing.T) {
	f := &fakes{segments: maxSegments}
	v := &video{request: request()}
	v.Planned, v.Devices = f.planned(), map[string]int{}
	v.Done = newBits(maxSegments)
	v.begin()
	for i := range 500 {
		v.Flagged = append(v.Flagged, maxSegments-i-1)
	}
	for i := range 50 {
		v.Devices[fmt.Sprintf("cpu (avx512, fp16, %d threads)", i)] = 400
	}
	page := Page{}
	for range pageItems {
		page.Items = append(page.Items, Item{Input: "s3://bucket/" + strings.Repeat("x", 250), Output: "s3://bucket/" + strings.Repeat("y", 250), Version: strings.Repeat("z", 40)})
	}
	c := CorpusState{}
	for range maxFailures {
		c.Failures = append(c.Failures, Failure{"video-0123456789abcdef0123", strings.Repeat("x", 250), strings.Repeat("y", maxWhy)})
	}
	for what, v := range map[string]any{"plan": v.Planned, "carried": Input{v.request, &v.carried}, "state": v.state(), "page": page, "corpus": c} {
		b, err := json.Marshal(v)
		if err != nil || len(b) > 100_000 {
			t.Errorf("%s: %d bytes, %v", what, len(b), err)
		}
	}
}

func TestRequestID(t *testing.T) {
	a, b := request(), request()
	b.Priority, b.InFlight, b.Replace, b.Keep = 1, 7, true, true
	if a.ID() != b.ID() {
		t.Error("how it is made changes what is made")
	}
	for name, change := range map[string]func(*Request){"input": func(r *Request) { r.Input = "/other" }, "version": func(r *Request) { r.Version = "2" },
		"output": func(r *Request) { r.Output = "/other" }, "options": func(r *Request) { r.Options = json.RawMessage(`{"crf":1}`) }, "model": func(r *Request) { r.Model = "m" }} {
		c := request()
		if change(&c); c.ID() == a.ID() {
			t.Errorf("another %s is the same job", name)
		}
	}
}
