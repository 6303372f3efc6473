package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"vsr/internal/fault"
)

// converterOf reads what a workflow goes on with.
func converterOf(e *workflow.ContinueAsNewError, in any) error {
	return converter.GetDefaultDataConverter().FromPayloads(e.Input, in)
}

// list gives a corpus of n videos in pages.
func list(env *testsuite.TestWorkflowEnvironment, n int) {
	env.OnActivity(activityPage, mock.Anything, mock.Anything).Return(func(_ context.Context, t PageTask) (p Page, err error) {
		for i := t.Offset; i < int64(n) && len(p.Items) < pageItems; i++ {
			p.Items = append(p.Items, Item{Input: fmt.Sprintf("/in/%d.mkv", i), Output: fmt.Sprintf("/out/%d.mkv", i)})
			p.Next = i + 1
		}
		if p.Next == int64(n) {
			p.Next = 0
		}
		return p, nil
	})
}

func corpusOf(n int) Corpus {
	r := request()
	r.Input, r.Output = "", ""
	return Corpus{Request: r, List: "/work/list.jsonl", Total: n}
}

// Two hundred short videos, one of them poison: the others are published, and the one is named.
func TestCorpus(t *testing.T) {
	const n = 200
	f := &fakes{segments: 2, took: time.Minute, segment: func(t Task, _ int) (Made, error) {
		if t.Input == "/in/77.mkv" {
			return Made{}, activityError(fault.New(fault.Input, "", "it is damaged"), errInput)
		}
		return Made{Device: "cpu"}, nil
	}}
	env := f.environment(t)
	list(env, n)
	var half CorpusState
	env.RegisterDelayedCallback(func() {
		if v, err := env.QueryWorkflow(queryState); err != nil || v.Get(&half) != nil {
			t.Error(err)
		}
	}, 5*time.Minute+30*time.Second)
	env.ExecuteWorkflow(WorkflowCorpus, corpusOf(n))
	var s CorpusState
	if err := errors.Join(env.GetWorkflowError(), env.GetWorkflowResult(&s)); err != nil {
		t.Fatal(err)
	}
	if s.Published != n-1 || s.Failed != 1 || s.Frames != (n-1)*2*framesEach || s.Running != 0 {
		t.Errorf("%+v", s)
	}
	if len(s.Failures) != 1 || s.Failures[0].Input != "/in/77.mkv" || !strings.Contains(s.Failures[0].Why, "it is damaged") {
		t.Errorf("%+v", s.Failures)
	}
	if half.Running != 20 || half.Published < 60 || half.Published > 140 {
		t.Errorf("in the middle: %+v", half)
	}
	if f.joins != n-1 {
		t.Errorf("%d videos were joined", f.joins)
	}
}

// A corpus larger than one history goes on under another, at the right place.
func TestCorpusContinuesAsNew(t *testing.T) {
	const n = corpusLimit + 150
	var joined []string
	in := corpusOf(n)
	in.InFlight = 100
	var s CorpusState
	for runs := 1; ; runs++ {
		f := &fakes{segments: 1}
		env := f.environment(t)
		list(env, n)
		env.OnWorkflow(WorkflowVideo, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in Input) (Result, error) {
			joined = append(joined, in.Request.Input)
			return Result{Frames: 1}, nil
		})
		env.ExecuteWorkflow(WorkflowCorpus, in)
		err := env.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			if err = errors.Join(err, env.GetWorkflowResult(&s)); err != nil || runs != 2 {
				t.Fatalf("%d histories, %v", runs, err)
			}
			break
		}
		in = Corpus{}
		if err := converterOf(again, &in); err != nil || runs > 2 {
			t.Fatalf("%d histories, %v", runs, err)
		}
	}
	slices.Sort(joined)
	if all := len(joined); all != n || len(slices.Compact(joined)) != n || s.Published != n || s.Frames != n {
		t.Errorf("%d videos: %+v", all, s)
	}
}

// Cancelling a corpus cancels its videos.
func TestCorpusCancel(t *testing.T) {
	f := &fakes{segments: 2, took: time.Hour}
	env := f.environment(t)
	list(env, 50)
	env.RegisterDelayedCallback(env.CancelWorkflow, 30*time.Minute)
	env.ExecuteWorkflow(WorkflowCorpus, corpusOf(50))
	if err := env.GetWorkflowError(); err == nil || f.joins != 0 {
		t.Errorf("%v, %d joins", err, f.joins)
	}
}
