package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"

	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/batch"
	"vsr/upscale/fleet/storage"
)

// Job asks for one video or many, as a person does.
type Job struct {
	Inputs    []string // files, folders, s3://BUCKET/KEY, or s3://BUCKET/FOLDER/
	Output    string   // a file, or a folder for many
	Recursive bool     // folders in folders, too
	Options   upscale.Options
	// Work is a folder for plans and segments, which all workers see; empty is .vsr-fleet beside the output.
	Work      string
	OnFailure string // OnFailureFail or OnFailureFallback; empty is the first
	InFlight  int    // segments of one video at the same time; 0 is 200
	Videos    int    // of many, at the same time; 0 is 20
	Priority  int    // 1 (first) to 5 (last); 0 is 3
	Restart   bool   // do what was done again
	Keep      bool   // keep the segments of what is finished
	Attempts  int    // at a segment; 0 is 5
	// Heartbeat is after what silence a worker counts as lost; 0 is 30 s.
	Heartbeat time.Duration
}

// Submitted is a job that the fleet has.
type Submitted struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Total int    `json:"total"` // videos
	Fresh bool   `json:"fresh"` // it was started now; else it is under way, or done
}

// Submit gives a job to the fleet. The same job twice is one.
func (c *Client) Submit(ctx context.Context, j Job) (s Submitted, err error) {
	r, err := c.request(ctx, &j)
	if err != nil {
		return s, err
	}
	items, many, err := c.items(ctx, &j)
	if err != nil {
		return s, err
	}
	if r.Work == "" {
		folder := storage.Dir(items[0].Output)
		if many {
			folder = j.Output
		}
		r.Work = storage.Join(folder, ".vsr-fleet")
	}
	if j.Options.Model, err = c.shareModel(ctx, &r, j.Options.Model); err != nil {
		return s, err
	}
	if r.Options, err = j.Options.Portable(); err != nil {
		return s, err
	}
	if many {
		return c.submitMany(ctx, &j, r, items)
	}
	r.Input, r.Output, r.Version = items[0].Input, items[0].Output, items[0].Version
	return c.submitOne(ctx, &j, r)
}

// request is what of a job holds for each of its videos.
func (c *Client) request(_ context.Context, j *Job) (r Request, err error) {
	o := &j.Options
	switch {
	case len(j.Inputs) == 0 || j.Output == "":
		return r, fault.New(fault.Usage, "as in vsr fleet run in.mkv -o out.mkv", "an input and an output are needed")
	case j.OnFailure != "" && j.OnFailure != OnFailureFail && j.OnFailure != OnFailureFallback:
		return r, fault.New(fault.Usage, "", "on failure %q: want %s or %s", j.OnFailure, OnFailureFail, OnFailureFallback)
	case j.Priority < 0 || j.Priority > 5:
		return r, fault.New(fault.Usage, "", "priority %d: want 1 (first) to 5 (last)", j.Priority)
	case j.InFlight < 0 || j.InFlight > 1000:
		return r, fault.New(fault.Usage, "", "%d segments at the same time: want 1 to 1000", j.InFlight)
	case j.Attempts < 0 || j.Attempts > 1000:
		return r, fault.New(fault.Usage, "", "%d attempts: want 1 to 1000", j.Attempts)
	case j.Heartbeat != 0 && j.Heartbeat < 2*time.Second:
		return r, fault.New(fault.Usage, "", "heartbeat %s: want 2s or more", j.Heartbeat)
	case j.Videos < 0 || j.Videos > 1000:
		return r, fault.New(fault.Usage, "", "%d videos at the same time: want 1 to 1000", j.Videos)
	}
	if err := o.Validate(); err != nil {
		return r, err
	}
	r = Request{Replace: o.Replace, OnFailure: j.OnFailure, InFlight: j.InFlight, Priority: j.Priority, Keep: j.Keep, Heartbeat: j.Heartbeat, Attempts: j.Attempts}
	if j.Work != "" {
		r.Work, err = absolute(j.Work)
	}
	return r, err
}

// absolute makes a name one that means the same everywhere.
func absolute(address string) (string, error) {
	if storage.IsURL(address) {
		return address, nil
	}
	return filepath.Abs(address)
}

// items lists the videos of a job with what their outputs are called. many is true if the output is a folder.
func (c *Client) items(ctx context.Context, j *Job) (list []Item, many bool, err error) {
	inputs, err := c.find(ctx, j)
	if err != nil {
		return nil, false, err
	}
	out, err := absolute(j.Output)
	if err != nil {
		return nil, false, err
	}
	many = len(inputs) > 1 || len(j.Inputs) > 1 || isFolder(j.Inputs[0])
	into := many || isFolder(j.Output)
	if many && batch.IsVideo(out) && !isFolder(j.Output) {
		return nil, false, fault.New(fault.Usage, "-o FOLDER", "%s is to hold the outputs of several videos, and is no folder", j.Output)
	}
	j.Output = out
	seen := map[string]string{}
	for _, in := range inputs {
		s, key, err := c.stores.At(in)
		if err != nil {
			return nil, false, err
		}
		o, err := s.Stat(ctx, key)
		if err != nil {
			return nil, false, &fault.Error{Kind: fault.Input, Err: missing(err, in)}
		}
		item := Item{Input: in, Output: out, Version: o.Version}
		if into {
			item.Output = storage.Join(out, outputName(in))
		}
		if other, taken := seen[item.Output]; taken {
			return nil, false, fault.New(fault.Usage, "run them apart", "%s and %s would both be %s", other, in, item.Output)
		}
		seen[item.Output] = in
		if item.Output == in {
			return nil, false, fault.New(fault.Usage, "-o names another", "%s is both input and output", in)
		}
		list = append(list, item)
	}
	return list, many, nil
}

// isFolder reports whether an address is that of a folder.
func isFolder(address string) bool {
	if strings.HasSuffix(address, "/") {
		return true
	}
	st, err := os.Stat(address)
	return err == nil && st.IsDir()
}

// outputName is what the output of one video among many is called: containers that hold everything keep their name.
func outputName(in string) string {
	base := path.Base(filepath.ToSlash(in))
	ext := path.Ext(base)
	switch strings.ToLower(ext) {
	case ".mkv", ".mp4", ".mov", ".webm":
		return base
	}
	return strings.TrimSuffix(base, ext) + ".mkv"
}

// find lists the inputs of a job by address.
func (c *Client) find(ctx context.Context, j *Job) (list []string, err error) {
	for _, name := range j.Inputs {
		switch {
		case storage.IsURL(name) && strings.HasSuffix(name, "/"):
			s, prefix, err := c.stores.At(name)
			if err != nil {
				return nil, err
			}
			objects, err := s.List(ctx, prefix)
			if err != nil {
				return nil, &fault.Error{Kind: fault.Input, Err: err}
			}
			for _, o := range objects {
				if rest := strings.TrimPrefix(o.Key, prefix); batch.IsVideo(o.Key) && (j.Recursive || !strings.Contains(rest, "/")) && !strings.Contains("/"+rest, "/.") {
					list = append(list, name+rest)
				}
			}
		case storage.IsURL(name):
			list = append(list, name)
		case isFolder(name):
			inputs, err := batch.Find([]string{name}, j.Output, j.Recursive)
			if err != nil {
				return nil, err
			}
			for _, in := range inputs {
				if abs, err := filepath.Abs(in.Path); err == nil && batch.IsVideo(in.Path) {
					list = append(list, abs)
				}
			}
		default:
			abs, err := filepath.Abs(name)
			if err != nil {
				return nil, err
			}
			list = append(list, abs)
		}
	}
	slices.Sort(list)
	if list = slices.Compact(list); len(list) == 0 {
		return nil, fault.New(fault.Input, "", "no video in %s", strings.Join(j.Inputs, ", "))
	}
	return list, nil
}

// shareModel puts a weights file where all workers find it, and returns the name of a built-in model.
func (c *Client) shareModel(ctx context.Context, r *Request, model string) (string, error) {
	if !strings.ContainsAny(model, "/.") {
		return model, nil
	}
	b, err := os.ReadFile(model)
	if err != nil {
		return "", fault.New(fault.Request, "vsr model list shows the built-in models", "%w", err)
	}
	r.Model = storage.Join(r.Work, "models", fmt.Sprintf("%x.safetensors", sha256.Sum256(b)))
	s, key, err := c.stores.At(r.Model)
	if err != nil {
		return "", err
	}
	if _, err := s.Stat(ctx, key); err == nil {
		return "", nil
	}
	return "", workError(s.Put(ctx, key, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), false))
}

// workError blames the folder for plans and segments.
func workError(err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Output, Err: fmt.Errorf("work folder: %w", err), Hint: "--work names another"}
}

// submitOne starts the workflow of one video. What was finished is done again only if its output has gone.
func (c *Client) submitOne(ctx context.Context, j *Job, r Request) (Submitted, error) {
	s := Submitted{ID: r.ID(), Kind: KindVideo, Total: 1}
	store, key, err := c.stores.At(r.Output)
	if err != nil {
		return s, err
	}
	_, serr := store.Stat(ctx, key)
	if serr != nil && !errors.Is(serr, fs.ErrNotExist) {
		return s, &fault.Error{Kind: fault.Output, Err: serr}
	}
	there := serr == nil
	status := enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	if d, err := c.temporal.DescribeWorkflowExecution(ctx, s.ID, ""); err == nil {
		status = d.GetWorkflowExecutionInfo().GetStatus()
	}
	done := status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED && there
	if there && !r.Replace && !done && status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return s, fault.New(fault.Output, "-y replaces it", "%s exists", r.Output)
	}
	again := j.Restart || status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED && !there
	s.Fresh, err = c.start(ctx, s.ID, WorkflowVideo, Input{Request: r}, memoOf(r.Input, r.Output), again)
	return s, err
}

// submitMany writes the list of the videos into the work folder and starts the workflow that makes them.
func (c *Client) submitMany(ctx context.Context, j *Job, r Request, items []Item) (Submitted, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, item := range items {
		if err := e.Encode(item); err != nil {
			return Submitted{}, err
		}
	}
	list := storage.Join(r.Work, "lists", fmt.Sprintf("%x.jsonl", sha256.Sum256(b.Bytes())))
	s, key, err := c.stores.At(list)
	if err != nil {
		return Submitted{}, err
	}
	if err := storage.Write(ctx, s, key, b.Bytes(), false); err != nil {
		return Submitted{}, workError(err)
	}
	corpus := Corpus{Request: r, List: list, Total: len(items), InFlight: j.Videos}
	made := Submitted{ID: corpus.ID(), Kind: KindCorpus, Total: len(items)}
	made.Fresh, err = c.start(ctx, made.ID, WorkflowCorpus, corpus, memoOf(strings.Join(j.Inputs[:min(len(j.Inputs), 3)], " "), j.Output), j.Restart)
	return made, err
}

// ReadReport returns the report of a video that is finished, as JSON (Report).
func (c *Client) ReadReport(ctx context.Context, address string) ([]byte, error) {
	s, key, err := c.stores.At(address)
	if err != nil {
		return nil, err
	}
	b, err := storage.Read(ctx, s, key, 64<<20)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Output, Err: err, Hint: "--work names the folder where it was"}
	}
	return b, nil
}
