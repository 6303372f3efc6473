package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The names by which Temporal knows what there is. They and the JSON of what is passed stay as they are, so that videos that are under way
// survive a new version; testdata/histories holds the promise.
const (
	WorkflowVideo  = "FilmWorkflow"
	WorkflowCorpus = "CorpusWorkflow"

	activityPlan    = "Plan"
	activitySegment = "Segment"
	activityJoin    = "Join"
	activityClean   = "Clean"
	activityPage    = "Page"

	queryState     = "state"
	signalPause    = "pause"
	signalResume   = "resume"
	signalPriority = "priority"
)

// Input is what FilmWorkflow starts with. Carried is set when a workflow goes on under a new history.
type Input struct {
	Request Request  `json:"request"`
	Carried *carried `json:"carried,omitempty"`
}

// carried is what a workflow takes along into a new history.
type carried struct {
	Planned  Planned        `json:"planned"`
	Done     bits           `json:"done"`
	Devices  map[string]int `json:"devices"`
	Flagged  []int          `json:"flagged,omitempty"`
	Began    time.Time      `json:"began"`
	Returned int            `json:"returned"`
	Paused   bool           `json:"paused,omitempty"`
	Priority int            `json:"priority"`
	Ready    int64          `json:"ready"` // frames that were committed before
}

// The states of a segment in State.Segments.
const (
	segWaits, segRuns, segDone, segPlain, segFailed = '.', 'r', 'd', 'p', 'x'
)

// The phases of a video. Those of a workflow that has ended are Temporal's.
const (
	PhasePlan    = "plan"
	PhaseUpscale = "upscale"
	PhaseJoin    = "join"
	PhaseDone    = "done"
)

// State is the answer of FilmWorkflow to the query "state".
type State struct {
	Phase    string         `json:"phase"`
	Input    string         `json:"input"`
	Output   string         `json:"output"`
	Plan     string         `json:"plan,omitempty"`
	Queue    string         `json:"queue,omitempty"` // of the workers that fit the plan
	Model    string         `json:"model,omitempty"`
	Frames   int64          `json:"frames"`             // of the video; 0 until it is planned
	Done     int64          `json:"done"`               // frames of committed segments
	Before   int64          `json:"before,omitempty"`   // of them, committed before this job began
	Segments string         `json:"segments,omitempty"` // a letter each: . waits, r runs, d done, p done by resampling, x failed
	Devices  map[string]int `json:"devices,omitempty"`  // segments by the device that made them
	Flagged  []int          `json:"fallback,omitempty"`
	Returned int            `json:"returned,omitempty"` // times that a worker gave a segment back, or could not work
	Paused   bool           `json:"paused,omitempty"`
	Priority int            `json:"priority"`
	Began    time.Time      `json:"began,omitzero"` // the work on segments
	FPS      float64        `json:"fps,omitempty"`  // of late
}

// video is a run of FilmWorkflow. Temporal runs one of its goroutines at a time.
type video struct {
	request Request
	carried
	lengths []int64
	states  []byte
	phase   string
	done    int64 // frames
	running int
	failed  error
	recent  []finished
	limit   int // segments in one history
}

// finished is a segment that was committed: when, and how many frames.
type finished struct {
	at     time.Time
	frames int64
}

// historyLimit is how many segments one history holds: some seven events each, of 51,200 that Temporal allows and 10,240 at which it warns.
const historyLimit = 1000

// FilmWorkflow makes one video.
func FilmWorkflow(ctx workflow.Context, in Input) (Result, error) {
	v := &video{request: in.Request, phase: PhasePlan, limit: historyLimit}
	v.Priority, v.Devices = in.Request.priority(), map[string]int{}
	if in.Carried != nil {
		v.carried = *in.Carried
		v.begin()
	}
	if err := workflow.SetQueryHandler(ctx, queryState, func() (State, error) { return v.state(), nil }); err != nil {
		return Result{}, err
	}
	v.listen(ctx)
	if in.Carried == nil {
		if err := v.plan(ctx); err != nil {
			return Result{}, err
		}
	}
	for {
		if err := v.segments(ctx); err != nil {
			return Result{}, err
		}
		if v.left() > 0 { // the history is full
			v.drain(ctx)
			return Result{}, workflow.NewContinueAsNewError(ctx, WorkflowVideo, Input{Request: v.request, Carried: &v.carried})
		}
		v.phase = PhaseJoin
		var joined Joined
		if err := v.call(ctx, joinQueue(v.Planned.Queue), activityJoin, JoinTask{v.request, v.Planned.Dir, v.Planned.Fit}, &joined); err != nil {
			return Result{}, err
		}
		if len(joined.Damaged) == 0 {
			return v.finish(ctx, joined)
		}
		v.remake(joined.Damaged)
	}
}

// plan has the input planned.
func (v *video) plan(ctx workflow.Context) error {
	if err := v.call(ctx, "", activityPlan, v.request, &v.Planned); err != nil {
		return err
	}
	n := len(unpackLengths(v.Planned.Lengths))
	v.Done = newBits(n)
	copy(v.Done, v.Planned.Done)
	v.Planned.Done, v.Began = nil, workflow.Now(ctx)
	v.begin()
	v.Ready = v.done
	return nil
}

// begin sets up what follows from what is carried.
func (v *video) begin() {
	v.phase, v.lengths = PhaseUpscale, unpackLengths(v.Planned.Lengths)
	v.states = make([]byte, len(v.lengths))
	for i, n := range v.lengths {
		v.states[i] = segWaits
		if v.Done.has(i) {
			v.states[i], v.done = segDone, v.done+n
		}
	}
	for _, i := range v.Flagged {
		v.states[i] = segPlain
	}
}

// left is how many segments are not committed.
func (v *video) left() (n int) {
	for i := range v.states {
		if !v.Done.has(i) {
			n++
		}
	}
	return n
}

// segments has all segments made that are not, as many at once as may be, until all are or the history is full.
func (v *video) segments(parent workflow.Context) error {
	ctx, cancel := workflow.WithCancel(parent)
	defer cancel()
	v.phase = PhaseUpscale
	next, begun := 0, 0
	for {
		for next < len(v.states) && v.states[next] != segWaits {
			next++
		}
		full := begun >= v.limit || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if next == len(v.states) || full || v.failed != nil {
			break
		}
		if err := workflow.Await(ctx, func() bool { return v.failed != nil || !v.Paused && v.running < v.request.inFlight() }); err != nil {
			v.wait(parent)
			return err
		}
		if v.failed != nil {
			break
		}
		i := next
		v.states[i] = segRuns
		v.running++
		begun++
		workflow.Go(ctx, func(ctx workflow.Context) { v.segment(ctx, i) })
	}
	if v.failed == nil {
		if err := workflow.Await(ctx, func() bool { return v.failed != nil || v.running == 0 }); err != nil {
			v.wait(parent)
			return err
		}
	}
	if v.failed != nil {
		cancel()
		v.wait(parent)
	}
	return v.failed
}

// wait lets what runs come to its end after it was cancelled.
func (v *video) wait(parent workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(parent)
	defer cancel()
	_ = workflow.Await(ctx, func() bool { return v.running == 0 }) // nothing cancels it
}

// segment has one segment made.
func (v *video) segment(ctx workflow.Context, i int) {
	defer func() { v.running-- }()
	task := Task{Dir: v.Planned.Dir, Input: v.request.Input, Model: v.request.Model, Index: i, Fit: v.Planned.Fit}
	var made Made
	err := v.call(ctx, v.Planned.Queue, activitySegment, task, &made)
	if err != nil && ctx.Err() == nil && v.request.OnFailure == OnFailureFallback && poisoned(err) {
		workflow.GetLogger(ctx).Warn("the segment is resampled", "segment", i, "err", err)
		task.Plain = true
		err = v.call(ctx, v.Planned.Queue, activitySegment, task, &made)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		v.states[i] = segWaits
	case err != nil:
		v.states[i] = segFailed
		if v.failed == nil {
			v.failed = temporal.NewApplicationErrorWithOptions(fmt.Sprintf("segment %d of %d: %s", i, len(v.lengths), reason(err)), failureType(err),
				temporal.ApplicationErrorOptions{NonRetryable: true, Cause: err, Details: []any{hintOf(err)}})
		}
	default:
		v.commit(ctx, i, made)
	}
}

func (v *video) commit(ctx workflow.Context, i int, made Made) {
	v.Done.set(i)
	v.states[i] = segDone
	v.done += v.lengths[i]
	v.Devices[made.Device]++
	if made.Plain {
		v.states[i] = segPlain
		v.Flagged = append(v.Flagged, i)
		slices.Sort(v.Flagged)
	}
	if v.recent = append(v.recent, finished{workflow.Now(ctx), v.lengths[i]}); len(v.recent) > 64 {
		v.recent = v.recent[1:]
	}
}

// remake puts segments back that were damaged after their commit.
func (v *video) remake(list []int) {
	for _, i := range list {
		if i < 0 || i >= len(v.states) || !v.Done.has(i) {
			continue
		}
		v.Done.clear(i)
		v.states[i] = segWaits
		v.done -= v.lengths[i]
		v.Flagged = slices.DeleteFunc(v.Flagged, func(f int) bool { return f == i })
	}
}

// finish removes the segments of a video that is published.
func (v *video) finish(ctx workflow.Context, joined Joined) (Result, error) {
	v.phase = PhaseDone
	if !v.request.Keep {
		if err := v.call(ctx, "", activityClean, v.Planned.Dir, nil); err != nil && ctx.Err() == nil {
			workflow.GetLogger(ctx).Warn("the segments are not removed", "dir", v.Planned.Dir, "err", err)
		}
	}
	return Result{Output: v.request.Output, Report: joined.Report, Frames: joined.Frames, Bytes: joined.Bytes, Devices: v.Devices, Flagged: v.Flagged}, nil
}

// call runs an activity. Temporal tries it again after a lost worker or an error that may pass, and counts; what a worker gives back, and
// what is the fault of one worker or of the storage, is tried again here and does not count.
func (v *video) call(ctx workflow.Context, queue, name string, in, out any) error {
	pause := time.Second
	for spare := 0; ; spare++ {
		o := workflow.ActivityOptions{TaskQueue: queue, StartToCloseTimeout: 24 * time.Hour, HeartbeatTimeout: v.request.heartbeat(), WaitForCancellation: true,
			Priority: temporal.Priority{PriorityKey: v.Priority},
			RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
				MaximumAttempts: int32(v.request.attempts())}}
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), name, in).Get(ctx, out)
		kind := errorType(err)
		if err == nil || ctx.Err() != nil || spare >= maxSpare || !uncounted(kind) {
			return err
		}
		v.Returned++
		if kind == errReturned {
			continue
		}
		if err := workflow.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// maxSpare is how often an activity is tried again without counting: a storage may be away for some twenty minutes.
const maxSpare = 40

func uncounted(kind string) bool {
	return kind == errReturned || kind == errWorker || kind == errUnfit || kind == errStorage
}

// poisoned reports whether a segment failed by itself: it cannot be read, or worker after worker died of it.
func poisoned(err error) bool {
	kind := errorType(err)
	return kind != errRequest && !uncounted(kind)
}

// failureType keeps the type of an activity's error; a lost worker has none.
func failureType(err error) string {
	if kind := errorType(err); kind != "" {
		return kind
	}
	return "lost"
}

func reason(err error) string {
	var a *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &a):
		return a.Message()
	case errors.As(err, &timeout):
		return "every worker that took it was lost (" + timeout.TimeoutType().String() + ")"
	}
	return err.Error()
}

func hintOf(err error) (hint string) {
	var a *temporal.ApplicationError
	if errors.As(err, &a) {
		_ = a.Details(&hint) // there may be none
	}
	return hint
}

// listen takes signals for the rest of the workflow.
func (v *video) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			s := workflow.NewSelector(ctx)
			v.signals(ctx, func(c workflow.ReceiveChannel, take func(workflow.ReceiveChannel)) {
				s.AddReceive(c, func(c workflow.ReceiveChannel, _ bool) { take(c) })
			})
			s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
			s.Select(ctx)
			if ctx.Err() != nil {
				return
			}
		}
	})
}

// signals calls each for every channel, with what is to be done with one signal of it.
func (v *video) signals(ctx workflow.Context, each func(c workflow.ReceiveChannel, take func(workflow.ReceiveChannel))) {
	each(workflow.GetSignalChannel(ctx, signalPause), func(c workflow.ReceiveChannel) {
		if c.ReceiveAsync(nil) {
			v.Paused = true
		}
	})
	each(workflow.GetSignalChannel(ctx, signalResume), func(c workflow.ReceiveChannel) {
		if c.ReceiveAsync(nil) {
			v.Paused = false
		}
	})
	each(workflow.GetSignalChannel(ctx, signalPriority), func(c workflow.ReceiveChannel) {
		var p int
		if c.ReceiveAsync(&p) && p >= 1 && p <= 5 {
			v.Priority = p
		}
	})
}

// drain takes the signals that came last, so that a new history does not lose them.
func (v *video) drain(ctx workflow.Context) {
	v.signals(ctx, func(c workflow.ReceiveChannel, take func(workflow.ReceiveChannel)) {
		for c.Len() > 0 {
			take(c)
		}
	})
}

// state answers the query.
func (v *video) state() State {
	s := State{Phase: v.phase, Input: v.request.Input, Output: v.request.Output, Plan: v.Planned.ID, Queue: v.Planned.Queue, Model: v.Planned.Model, Done: v.done, Before: v.Ready,
		Segments: string(v.states), Devices: v.Devices, Flagged: v.Flagged, Returned: v.Returned, Paused: v.Paused, Priority: v.Priority, Began: v.Began}
	for _, n := range v.lengths {
		s.Frames += n
	}
	if n := len(v.recent); n > 1 {
		var frames int64
		for _, f := range v.recent[1:] {
			frames += f.frames
		}
		if d := v.recent[n-1].at.Sub(v.recent[0].at).Seconds(); d > 0 {
			s.FPS = float64(frames) / d
		}
	}
	return s
}
