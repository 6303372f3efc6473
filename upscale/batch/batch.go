package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"vsr/internal/fault"
	"vsr/upscale"
)

// Options of a batch.
type Options struct {
	// Job is what every job is given. Its Output, Place, Stop and Events are those of the batch.
	Job    upscale.Options
	Output string // folder of the outputs; it is made if need be
	// Stop, when it is closed, gives up the job under way, whose finished segments stay, and ends the batch. Nil never does.
	Stop   <-chan struct{}
	Events func(Event) // gets what there is to say, one event at a time; nil ignores it
}

// Status is what became of one input.
type Status string

// The statuses.
const (
	Done    Status = "done"
	Present Status = "present" // the output was whole already
	Skipped Status = "skipped" // not a video
	Failed  Status = "failed"
	Stopped Status = "stopped" // it was under way when the batch was stopped
)

// Event is Begun, Job or Ended.
type Event interface{ event() }

// Begun says that an input is worked on next.
type Begun struct {
	Index int    `json:"index"` // from 1
	Of    int    `json:"of"`
	Input string `json:"input"`
}

// Job passes on an event of the job under way.
type Job struct{ Event upscale.Event }

// Ended says what became of an input.
type Ended struct {
	Index   int             `json:"index"` // from 1
	Of      int             `json:"of"`
	Input   string          `json:"input"`
	Output  string          `json:"output,omitempty"`
	Status  Status          `json:"status"`
	Why     string          `json:"why,omitempty"`  // of what was skipped or failed
	Kind    string          `json:"kind,omitempty"` // of an error, as in input or device
	Frames  int64           `json:"frames,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Notes   []string        `json:"notes,omitempty"`
	Err     error           `json:"-"`
	Report  *upscale.Report `json:"-"` // nil if nothing was done
}

func (Begun) event() {}
func (Job) event()   {}
func (Ended) event() {}

// Summary counts what became of the inputs.
type Summary struct {
	Inputs  int            `json:"inputs"`
	Counts  map[Status]int `json:"counts"`
	Frames  int64          `json:"frames"` // made in this run or resumed by it
	Seconds float64        `json:"seconds"`
	Worst   error          `json:"-"` // the gravest error, nil if there was none
}

// String is the summary for a person, on one line.
func (s Summary) String() string {
	var parts []string
	for _, k := range []Status{Done, Present, Skipped, Failed, Stopped} {
		if n := s.Counts[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, map[Status]string{Done: "done", Present: "done before", Skipped: "skipped", Failed: "failed", Stopped: "stopped"}[k]))
		}
	}
	left := s.Inputs
	for _, n := range s.Counts {
		left -= n
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%d not begun", left))
	}
	return fmt.Sprintf("%d files: %s", s.Inputs, strings.Join(parts, ", "))
}

// graver orders the kinds of errors for Summary.Worst.
var graver = []fault.Kind{fault.Usage, fault.Input, fault.Request, fault.Output, fault.Device, fault.Check, fault.Internal, fault.Interrupted}

func gravity(err error) int {
	if err == nil {
		return -1
	}
	return slices.Index(graver, upscale.Classify(err).Kind)
}

// errPresent ends Open of a job whose output is whole.
var errPresent = errors.New("the output is there")

// Run works on the inputs, one after another. An input that fails does not keep the others from being made, but for a full disk. The error is
// Summary.Worst, or that of the context.
func Run(ctx context.Context, inputs []Input, o Options) (Summary, error) {
	began := time.Now()
	b := &batch{opts: o, sum: Summary{Inputs: len(inputs), Counts: map[Status]int{}}}
	if err := os.MkdirAll(o.Output, 0o777); err != nil {
		return b.sum, upscale.OutputError(err)
	}
	for n, in := range inputs {
		if b.stopped() {
			b.worst(&fault.Error{Kind: fault.Interrupted, Err: errStopped})
			break
		}
		e := Ended{Index: n + 1, Of: len(inputs), Input: in.Path, Status: Skipped, Why: in.why}
		if in.why == "" {
			b.emit(Begun{n + 1, len(inputs), in.Path})
			b.one(ctx, in, &e)
		}
		b.sum.Counts[e.Status]++
		b.sum.Frames += e.Frames
		b.emit(e)
		if ctx.Err() != nil {
			return b.sum, context.Cause(ctx)
		}
		if errors.Is(e.Err, syscall.ENOSPC) {
			break
		}
	}
	b.sum.Seconds = time.Since(began).Seconds()
	return b.sum, b.sum.Worst
}

// errStopped is the result of a batch that Options.Stop ended.
var errStopped = errors.New("interrupted")

type batch struct {
	opts Options
	sum  Summary
}

func (b *batch) emit(e Event) {
	if b.opts.Events != nil {
		b.opts.Events(e)
	}
}

func (b *batch) stopped() bool {
	select {
	case <-b.opts.Stop:
		return true
	default:
		return false
	}
}

func (b *batch) worst(err error) {
	if gravity(err) > gravity(b.sum.Worst) {
		b.sum.Worst = err
	}
}

// one works on an input and fills e in.
func (b *batch) one(parent context.Context, in Input, e *Ended) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		select {
		case <-b.opts.Stop:
			cancel(errStopped)
		case <-quit:
		}
	}()
	o := b.opts.Job
	o.Output, o.Stop = "", nil
	o.Events = func(j upscale.Event) { b.emit(Job{j}) }
	o.Place = func(name string) (string, error) {
		e.Output = b.place(in, name)
		return e.Output, b.present(e.Output)
	}
	began := time.Now()
	report, err := run(ctx, in.Path, o)
	e.Seconds = time.Since(began).Seconds()
	if report != nil {
		e.Report, e.Frames, e.Notes = report, report.Frames.Out, report.Notes
	}
	switch {
	case err == nil:
		e.Status, e.Why = Done, ""
	case errors.Is(err, errPresent):
		e.Status, e.Why = Present, "the output is there"
	case in.found && upscale.NoVideo(err):
		e.Status, e.Why = Skipped, "no video stream"
	case context.Cause(ctx) == errStopped:
		e.Status, e.Why, e.Err = Stopped, errStopped.Error(), &fault.Error{Kind: fault.Interrupted, Err: errStopped}
	default:
		e.Status, e.Why, e.Err, e.Kind = Failed, fault.Line(err), err, upscale.Classify(err).Kind.String()
	}
	b.worst(e.Err)
}

// run is one job.
func run(ctx context.Context, input string, o upscale.Options) (*upscale.Report, error) {
	job, err := upscale.Open(ctx, input, o)
	if err != nil {
		return nil, err
	}
	defer job.Close()
	r, err := job.Run(ctx)
	return &r, err
}

// place is the name of an output: name, the default one beside the input, with another stem.
func (b *batch) place(in Input, name string) string {
	base := filepath.Base(in.Path)
	rest, ok := strings.CutPrefix(filepath.Base(name), strings.TrimSuffix(base, filepath.Ext(base)))
	if !ok { // an address, whose default name is of no input
		rest = filepath.Base(name)
	}
	return in.Stem + rest
}

// present reports, as errPresent, that an output is whole: it is there, and no work folder beside it says that it was cut short. With Replace
// it never is. The folder for it is made.
func (b *batch) present(output string) error {
	if err := os.MkdirAll(filepath.Dir(output), 0o777); err != nil {
		return upscale.OutputError(err)
	}
	if b.opts.Job.Replace {
		return nil
	}
	if _, err := os.Stat(output); err != nil {
		return nil
	}
	if _, err := os.Stat(upscale.WorkDir(output)); errors.Is(err, fs.ErrNotExist) {
		return errPresent
	}
	return nil
}
