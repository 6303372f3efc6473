package fleet

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Corpus asks for many videos. Which they are stands in a list in the storage, a line of JSON each (Item).
type Corpus struct {
	Request  Request `json:"request"` // what holds for each; its Input and Output are empty
	List     string  `json:"list"`    // address
	Total    int     `json:"total"`
	InFlight int     `json:"in_flight,omitempty"` // videos at the same time; 0 is 20
	// Carried is set when the workflow goes on under a new history.
	Carried *CorpusState `json:"carried,omitempty"`
}

// Item is one video of a list.
type Item struct {
	Input   string `json:"input"`
	Output  string `json:"output"`
	Version string `json:"version,omitempty"`
}

// ID is the name of the corpus's workflow.
func (c *Corpus) ID() string {
	return "corpus-" + hashOf(struct {
		List    string
		Options any
	}{c.List, c.Request.Options})
}

// CorpusState is the answer of CorpusWorkflow to the query "state", and its result.
type CorpusState struct {
	Total     int `json:"total"`
	Running   int `json:"running"`
	Published int `json:"published"`
	Failed    int `json:"failed"`
	// Failures are the first hundred.
	Failures []Failure `json:"failures,omitempty"`
	Frames   int64     `json:"frames"` // of the published videos
	Fallback int       `json:"fallback,omitempty"`
	Paused   bool      `json:"paused,omitempty"`
	Priority int       `json:"priority"`
	Began    time.Time `json:"began"`
	Offset   int64     `json:"offset"` // in the list, of the next page
}

// Failure says why a video was not made.
type Failure struct {
	ID    string `json:"id"`
	Input string `json:"input"`
	Why   string `json:"why"`
}

// PageTask asks for a part of a list.
type PageTask struct {
	List   string `json:"list"`
	Offset int64  `json:"offset"`
}

// Page is a part of a list, at most pageItems of it.
type Page struct {
	Items []Item `json:"items"`
	Next  int64  `json:"next"` // offset of what follows; 0 at the end
}

const (
	pageItems = 100
	pageBytes = 60_000
	// corpusLimit is how many videos one history holds: some six events each.
	corpusLimit = 1000
	maxFailures = 100
	maxWhy      = 300 // bytes
)

// corpus is a run of CorpusWorkflow.
type corpus struct {
	in    Corpus
	state CorpusState
}

// CorpusWorkflow makes all videos of a list, some at the same time. A video that fails is noted and does not stop the others.
func CorpusWorkflow(ctx workflow.Context, in Corpus) (CorpusState, error) {
	c := &corpus{in: in, state: CorpusState{Total: in.Total, Began: workflow.Now(ctx), Priority: in.Request.priority()}}
	if in.Carried != nil {
		c.state = *in.Carried
	}
	if err := workflow.SetQueryHandler(ctx, queryState, func() (CorpusState, error) { return c.state, nil }); err != nil {
		return c.state, err
	}
	control := &video{}
	control.Paused, control.Priority = c.state.Paused, c.state.Priority
	control.listen(ctx)
	begun := 0
	for {
		page, err := c.page(ctx)
		if err != nil {
			return c.state, err
		}
		for _, item := range page.Items {
			if err := workflow.Await(ctx, func() bool {
				c.state.Paused, c.state.Priority = control.Paused, control.Priority
				return !control.Paused && c.state.Running < or(in.InFlight, 20)
			}); err != nil {
				return c.wait(ctx, err)
			}
			c.state.Running++
			begun++
			workflow.Go(ctx, func(ctx workflow.Context) { c.video(ctx, item) })
		}
		c.state.Offset = page.Next
		full := begun >= corpusLimit || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if page.Next != 0 && !full {
			continue
		}
		if err := workflow.Await(ctx, func() bool { return c.state.Running == 0 }); err != nil {
			return c.wait(ctx, err)
		}
		if page.Next == 0 {
			return c.state, nil
		}
		control.drain(ctx)
		c.state.Paused, c.state.Priority = control.Paused, control.Priority
		in.Carried = &c.state
		return c.state, workflow.NewContinueAsNewError(ctx, WorkflowCorpus, in)
	}
}

// wait lets the videos that were cancelled come to their ends.
func (c *corpus) wait(parent workflow.Context, err error) (CorpusState, error) {
	ctx, cancel := workflow.NewDisconnectedContext(parent)
	defer cancel()
	_ = workflow.Await(ctx, func() bool { return c.state.Running == 0 }) // nothing cancels it
	return c.state, err
}

func (c *corpus) page(ctx workflow.Context) (p Page, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 5 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute, NonRetryableErrorTypes: []string{errInput, errRequest}}})
	err = workflow.ExecuteActivity(ctx, activityPage, PageTask{c.in.List, c.state.Offset}).Get(ctx, &p)
	return p, err
}

// video makes one of the videos, by a workflow of its own.
func (c *corpus) video(ctx workflow.Context, item Item) {
	defer func() { c.state.Running-- }()
	r := c.in.Request
	r.Input, r.Output, r.Version, r.Priority = item.Input, item.Output, item.Version, c.state.Priority
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: r.ID(), WaitForCancellation: true,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, Memo: memoOf(r.Input, r.Output),
		Priority: temporal.Priority{PriorityKey: r.priority()}})
	var result Result
	err := workflow.ExecuteChildWorkflow(ctx, WorkflowVideo, Input{Request: r}).Get(ctx, &result)
	switch {
	case err == nil:
		c.state.Published++
		c.state.Frames += result.Frames
		c.state.Fallback += len(result.Flagged)
	case ctx.Err() != nil:
	default:
		c.state.Failed++
		if len(c.state.Failures) < maxFailures {
			why := reason(err)
			c.state.Failures = append(c.state.Failures, Failure{r.ID(), item.Input, why[:min(len(why), maxWhy)]})
		}
	}
}

// memoOf is what a list of workflows shows of a video.
func memoOf(input, output string) map[string]any {
	return map[string]any{"input": input, "output": output}
}
