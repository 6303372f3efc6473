package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/batch"
	"vsr/upscale/view"
)

// isFolder reports whether a name is that of a folder, there or not.
func isFolder(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir() || strings.HasSuffix(name, string(filepath.Separator))
}

// takeNames settles what goes in and what comes out: IN, IN OUT, -i IN, -i IN OUT, each perhaps with -o; or several files and folders with a folder
// for the outputs, which is -o or, after a single input, OUT.
func (r *runRequest) takeNames(names []string) error {
	if r.in != "" {
		names = append([]string{r.in}, names...)
	}
	if len(names) == 0 {
		return usageFault("as in vsr run clip.mp4", "which file?")
	}
	if len(names) == 2 && r.Output == "" {
		r.Output, names = names[1], names[:1]
	}
	folders := false
	for _, a := range names {
		folders = folders || isFolder(a)
	}
	if len(names) == 1 && !folders && !isFolder(r.Output) {
		r.in = names[0]
		return nil
	}
	switch st, err := os.Stat(r.Output); {
	case len(names) == 2 && err != nil && batch.IsVideo(r.Output) && !args.Exists(names[1]):
		return usageFault("", "the output is named twice: %s and %s", names[1], r.Output)
	case r.Output == "":
		return usageFault("as in vsr run a.mp4 b.mkv -o FOLDER, or vsr run FOLDER -o FOLDER", "several files need a folder for the outputs")
	case err == nil && !st.IsDir(), err != nil && batch.IsVideo(r.Output), r.Output == "-":
		return usageFault("-o FOLDER", "%s is to hold the outputs of several files, and is no folder", r.Output)
	case r.preview > 0:
		return usageFault("", "--preview is for one file")
	case r.scenes != "":
		return usageFault("", "--scenes is for one file")
	case r.Report != "":
		return usageFault("--json prints a line for each file", "--report is for one file")
	}
	r.many = names
	return nil
}

// settlePipe leaves standard output to the stream where it goes there. What is not compressed by request is passed on as it is.
func (r *runRequest) settlePipe(a *app, codecGiven bool) error {
	if r.Output == "-" {
		r.quiet(a)
	}
	switch {
	case r.Output != "-" && r.Container != "":
		return usageFault("the ending of its name says which container a file is", "--format is for standard output, -o -")
	case r.Output != "-":
	case r.json, r.Report == "-":
		return usageFault("--report FILE writes the report elsewhere", "standard output holds the stream and cannot hold the report too")
	case !codecGiven && r.Encode.Codec == defaultRun().Encode.Codec:
		r.Encode.Codec = ""
	}
	return nil
}

// eventLine writes one line of vsr run --json with several files: the fields of v and which event it is.
func eventLine(w io.Writer, event string, v any) {
	text, err := json.Marshal(v)
	if err != nil || len(text) < 2 {
		return
	}
	fmt.Fprintf(w, "{\"event\":%q,%s\n", event, text[1:]) // a reader that went away does not stop the run
}

// batch upscales several files and folders into a folder.
func (a *app) batch(parent context.Context, r runRequest) error {
	inputs, err := batch.Find(r.many, r.Output, r.recursive)
	if err != nil {
		if f, ok := fault.As(err); ok && f.Hint == "" && !r.recursive {
			f.Hint = "--recursive looks into the folders inside"
		}
		return err
	}
	ctx, signals := cli.Watch(parent, errAborted, func() { a.Tell("stopping; the same command goes on where it ends") }, nil)
	defer signals.End()
	r.Logger, r.Program = a.Logger(), versionString()
	if adjust != nil {
		adjust(&r.Options)
	}
	line := func(event string, v any) {
		if r.json {
			eventLine(a.Stdout, event, v)
		}
	}
	show := view.New(&a.Output, r.Progress)
	sum, err := batch.Run(ctx, inputs, batch.Options{Job: r.Options, Output: r.Output, Stop: signals.First, Events: func(e batch.Event) {
		switch e := e.(type) {
		case batch.Begun:
			line("begin", e)
			show = view.New(&a.Output, r.Progress)
		case batch.Job:
			if p, ok := e.Event.(upscale.Progress); ok {
				show.Event(p)
			}
		case batch.Ended:
			show.Finish()
			line("end", e)
			if !r.json {
				a.Tell("%s", endedLine(&e))
			}
		}
	}})
	show.Finish()
	line("summary", sum)
	if !r.json {
		a.Tell("%s", sum)
	}
	return batchFault(sum, err)
}

// endedLine says what became of an input.
func endedLine(e *batch.Ended) string {
	line := fmt.Sprintf("[%d/%d] %s", e.Index, e.Of, e.Input)
	switch e.Status {
	case batch.Done:
		line += " -> " + e.Report.Summary()
		if n := e.Report.Frames.Resumed; n > 0 {
			line += fmt.Sprintf(", %d frames by an earlier run", n)
		}
	case batch.Present:
		return fmt.Sprintf("%s -> %s: done before (-y makes it anew)", line, e.Output)
	default:
		line += fmt.Sprintf(": %s: %s", e.Status, e.Why)
		if e.Err == nil {
			break
		}
		if hint := explain(e.Err).Hint; hint != "" {
			line += " (" + hint + ")"
		}
	}
	for _, n := range e.Notes {
		line += "; note: " + n
	}
	return flagWords.Replace(line)
}

// batchFault is the fault of the gravest error, in words about all files.
func batchFault(sum batch.Summary, err error) error {
	if err == nil {
		return nil
	}
	f := explain(err)
	switch {
	case errors.Is(err, errAborted), f.Kind == fault.Interrupted:
		return &fault.Error{Kind: fault.Interrupted, Err: errors.New("interrupted"), Hint: "the same command goes on: finished files stay, the one under way continues at its last segment"}
	case sum.Counts[batch.Failed] == 0:
		return err
	}
	return fault.New(f.Kind, "the same command tries them again", "%d of %d files failed", sum.Counts[batch.Failed], sum.Inputs)
}
