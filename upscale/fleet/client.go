package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/fleet/storage"
)

// Client starts jobs and asks about them.
type Client struct {
	temporal client.Client
	stores   *storage.Stores
	queue    string
}

// Dial connects to Temporal. The caller closes the client.
func Dial(ctx context.Context, o Connection) (*Client, error) {
	c, err := o.dial(ctx, "")
	if err != nil {
		return nil, err
	}
	return &Client{c, &storage.Stores{S3: o.S3}, o.queue()}, nil
}

// Close ends the connection. Jobs go on.
func (c *Client) Close() { c.temporal.Close() }

// start starts a workflow, or finds the one that is under way, or has succeeded unless again is true. fresh is true if it was started.
func (c *Client) start(ctx context.Context, id, kind string, in any, memo map[string]any, again bool) (fresh bool, err error) {
	o := client.StartWorkflowOptions{ID: id, TaskQueue: c.queue, Memo: memo, WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY}
	if again {
		o.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	_, err = c.temporal.ExecuteWorkflow(ctx, o, kind, in)
	if errors.As(err, new(*serviceerror.WorkflowExecutionAlreadyStarted)) {
		return false, nil
	}
	return err == nil, serverError(err)
}

// serverError blames the server, or the name that it does not know.
func serverError(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, new(*serviceerror.NotFound)), errors.As(err, new(*serviceerror.NamespaceNotFound)):
		return fault.New(fault.Request, "vsr fleet list shows what there is", "Temporal: %w", err)
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	return fault.New(fault.Output, "", "Temporal: %w", err)
}

// Entry is one job of a list.
type Entry struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"` // video or corpus
	Status string    `json:"status"`
	Input  string    `json:"input,omitempty"`
	Output string    `json:"output,omitempty"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
}

// The values of Entry.Kind.
const (
	KindVideo  = "video"
	KindCorpus = "corpus"
)

// statuses are Temporal's, in words.
var statuses = map[enums.WorkflowExecutionStatus]string{
	enums.WORKFLOW_EXECUTION_STATUS_RUNNING: "running", enums.WORKFLOW_EXECUTION_STATUS_COMPLETED: "done", enums.WORKFLOW_EXECUTION_STATUS_FAILED: "failed",
	enums.WORKFLOW_EXECUTION_STATUS_CANCELED: "cancelled", enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: "terminated",
	enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: "continued", enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: "timed out"}

// List returns up to limit jobs, the latest first. A status (running, failed, ...) shows only those.
func (c *Client) List(ctx context.Context, status string, limit int) (list []Entry, err error) {
	query := fmt.Sprintf("WorkflowType IN ('%s', '%s')", WorkflowVideo, WorkflowCorpus)
	if status != "" {
		wanted := enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
		for s, word := range statuses {
			if word == status {
				wanted = s
			}
		}
		if wanted == enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED {
			return nil, fault.New(fault.Usage, "running, done, failed, cancelled or terminated", "unknown status %s", status)
		}
		query += fmt.Sprintf(" AND ExecutionStatus = '%s'", wanted)
	}
	var token []byte
	for len(list) < limit {
		r, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: int32(min(limit, 1000)), NextPageToken: token})
		if err != nil {
			return nil, serverError(err)
		}
		for _, e := range r.Executions {
			if one := entry(e); one.Status != "continued" && len(list) < limit {
				list = append(list, one)
			}
		}
		if token = r.NextPageToken; len(token) == 0 {
			break
		}
	}
	return list, nil
}

func entry(e *workflow.WorkflowExecutionInfo) Entry {
	kind := KindVideo
	if e.GetType().GetName() == WorkflowCorpus {
		kind = KindCorpus
	}
	one := Entry{ID: e.GetExecution().GetWorkflowId(), Kind: kind, Status: statuses[e.GetStatus()], Began: e.GetStartTime().AsTime(),
		Input: memoText(e.GetMemo(), "input"), Output: memoText(e.GetMemo(), "output")}
	if t := e.GetCloseTime(); t != nil {
		one.Ended = t.AsTime()
	}
	return one
}

func memoText(m *commonpb.Memo, key string) (text string) {
	if p := m.GetFields()[key]; p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &text) // ours is a string
	}
	return text
}

// Snapshot is all that is known of a job at one moment.
type Snapshot struct {
	Entry
	Video  *State       `json:"video,omitempty"`
	Corpus *CorpusState `json:"corpus,omitempty"`
	Result *Result      `json:"result,omitempty"`
	Error  string       `json:"error,omitempty"`
	// Running are the activities under way or waiting for a worker.
	Running []Running `json:"running,omitempty"`
	// Fitting is how many workers fit the plan of a video, -1 if there is none yet.
	Fitting int       `json:"fitting_workers"`
	Now     time.Time `json:"now"`
}

// Running is an activity that has begun.
type Running struct {
	Activity string    `json:"activity"`
	Segment  int       `json:"segment"` // -1 if it is of none
	Frames   int64     `json:"frames"`
	Worker   string    `json:"worker,omitempty"`
	Attempt  int32     `json:"attempt"`
	Beat     time.Time `json:"last_heartbeat,omitzero"`
	Failure  string    `json:"last_failure,omitempty"`
	began    bool
}

// Show asks a job how it is.
func (c *Client) Show(ctx context.Context, id string) (s Snapshot, err error) {
	d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return s, serverError(err)
	}
	s = Snapshot{Entry: entry(d.GetWorkflowExecutionInfo()), Fitting: -1, Now: time.Now()}
	for _, p := range d.GetPendingActivities() {
		r := Running{Activity: p.GetActivityType().GetName(), Segment: -1, Attempt: p.GetAttempt(), began: p.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED,
			Failure: p.GetLastFailure().GetMessage()}
		var b Beat
		if list := p.GetHeartbeatDetails().GetPayloads(); len(list) > 0 && converter.GetDefaultDataConverter().FromPayload(list[0], &b) == nil {
			r.Segment, r.Frames, r.Worker, r.Beat = b.Segment, b.Frames, b.Worker, p.GetLastHeartbeatTime().AsTime()
		}
		if r.began || r.Attempt > 1 {
			s.Running = append(s.Running, r)
		}
	}
	if s.Status != "running" {
		c.ended(ctx, &s)
		return s, nil
	}
	return s, c.query(ctx, &s)
}

// queryLimit is how long an answer may take; without a worker there is none.
const queryLimit = 10 * time.Second

func (c *Client) query(ctx context.Context, s *Snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	v, err := c.temporal.QueryWorkflow(ctx, s.ID, "", queryState)
	if err != nil { // no worker is there to answer
		s.Fitting, s.Error = 0, "no worker answers: vsr fleet worker starts one"
		return nil
	}
	if s.Kind == KindCorpus {
		s.Corpus = &CorpusState{}
		return v.Get(s.Corpus)
	}
	s.Video = &State{}
	if err := v.Get(s.Video); err != nil {
		return err
	}
	if s.Video.Queue != "" {
		if q, err := c.temporal.DescribeTaskQueue(ctx, s.Video.Queue, enums.TASK_QUEUE_TYPE_ACTIVITY); err == nil {
			s.Fitting = len(q.GetPollers())
		}
	}
	return nil
}

// ended takes the result of a job that is over.
func (c *Client) ended(ctx context.Context, s *Snapshot) {
	run := c.temporal.GetWorkflow(ctx, s.ID, "")
	var err error
	if s.Kind == KindCorpus {
		var r CorpusState
		if err = run.Get(ctx, &r); err == nil {
			s.Corpus = &r
		}
	} else {
		var r Result
		if err = run.Get(ctx, &r); err == nil {
			s.Result = &r
		}
	}
	if err != nil {
		s.Error = fault.Line(Fault(err))
	}
}

// Progress is how far a video is, for those who show that of a single run.
func (s *Snapshot) Progress() upscale.Progress {
	p := upscale.Progress{Phase: upscale.PhaseUpscale}
	if v := s.Video; v != nil && !v.Began.IsZero() {
		p.Frames, p.Resumed, p.Total, p.Elapsed = v.Done, v.Before, v.Frames, s.Now.Sub(v.Began)
		for _, r := range s.Running {
			if r.Segment >= 0 && r.began {
				p.Frames += r.Frames
			}
		}
		p.Frames = min(p.Frames, p.Total)
		p.Closing = v.Phase == PhaseJoin || v.Phase == PhaseDone
	}
	return p
}

// Remaining estimates the time that is left from how fast segments came of late; 0 if that is not known.
func (s *Snapshot) Remaining() time.Duration {
	if v := s.Video; v != nil && v.FPS > 0 {
		return time.Duration(float64(v.Frames-v.Done) / v.FPS * float64(time.Second))
	}
	return 0
}

// attachEvery is the time between two looks at a job, patience how long the server may be away meanwhile.
const (
	attachEvery = time.Second
	patience    = 5 * time.Minute
)

// away reports whether an error is of a server that may come back.
func away(err error) bool {
	return errors.As(err, new(*serviceerror.Unavailable)) || errors.As(err, new(*serviceerror.DeadlineExceeded)) || errors.Is(err, context.DeadlineExceeded)
}

// Attach calls each with the state of a job until it is over, and returns its error then. When ctx ends the job goes on. The server
// may be away for five minutes.
func (c *Client) Attach(ctx context.Context, id string, each func(Snapshot)) (Snapshot, error) {
	for last := time.Now(); ; {
		s, err := c.Show(ctx, id)
		if err != nil && (!away(err) || ctx.Err() != nil || time.Since(last) > patience) {
			return s, err
		}
		if err == nil {
			last = time.Now()
			each(s)
			if s.Status != "running" {
				return s, Fault(c.temporal.GetWorkflow(ctx, id, "").Get(ctx, nil))
			}
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(attachEvery):
		}
	}
}

// Cancel stops a job. What is committed stays in the storage.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return serverError(c.temporal.CancelWorkflow(ctx, id, ""))
}

// Pause lets a job begin nothing more; what runs is finished. Resume undoes it.
func (c *Client) Pause(ctx context.Context, id string) error {
	return serverError(c.temporal.SignalWorkflow(ctx, id, "", signalPause, nil))
}

// Resume undoes Pause.
func (c *Client) Resume(ctx context.Context, id string) error {
	return serverError(c.temporal.SignalWorkflow(ctx, id, "", signalResume, nil))
}

// SetPriority makes what a job begins from now on come before others, or after: 1 is first, 5 last.
func (c *Client) SetPriority(ctx context.Context, id string, priority int) error {
	if priority < 1 || priority > 5 {
		return fault.New(fault.Usage, "", "priority %d: want 1 (first) to 5 (last)", priority)
	}
	return serverError(c.temporal.SignalWorkflow(ctx, id, "", signalPriority, priority))
}
