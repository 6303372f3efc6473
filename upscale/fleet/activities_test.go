package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/kdsr"
	"vsr/upscale"
	"vsr/upscale/fleet/storage"
)

// hand is a worker whose activities are called by a test.
type hand struct {
	*activities
	env  *testsuite.TestActivityEnvironment
	left error // why it went away
}

func newHand(t *testing.T) *hand {
	t.Helper()
	var s testsuite.WorkflowTestSuite
	s.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	h := &hand{env: s.NewTestActivityEnvironment()}
	h.env.SetTestTimeout(10 * time.Minute)
	scratch := t.TempDir()
	h.activities = &activities{stores: &storage.Stores{}, cache: &storage.Cache{Dir: filepath.Join(scratch, "cache")}, scratch: filepath.Join(scratch, "own"), device: "cpu", threads: 1,
		program: "test", fit: Fit("test", "libraries"), queue: FittingQueue("", Fit("test", "libraries")), name: t.Name(), log: slog.New(slog.DiscardHandler), leave: func(err error) { h.left = err }}
	if err := os.MkdirAll(h.scratch, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]any{activityPlan: h.Plan, activitySegment: h.Segment, activityJoin: h.Join, activityClean: h.Clean, activityPage: h.Page} {
		h.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	return h
}

func call[T any](h *hand, name string, in any) (out T, err error) {
	v, err := h.env.ExecuteActivity(name, in)
	if err == nil && v.HasValue() {
		err = v.Get(&out)
	}
	return out, err
}

// typeOf is the type of an activity's error.
func typeOf(err error) string {
	var a *temporal.ApplicationError
	if errors.As(err, &a) {
		return a.Type()
	}
	return fmt.Sprint(err)
}

// share is a folder with a clip of several segments and a request for it.
func share(t *testing.T) (dir string, r Request) {
	t.Helper()
	dir = t.TempDir()
	w, err := kdsr.RandomWeights(kdsr.Config{C: 4, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Meta[kdsr.MetaName] = "tiny"
	r = Request{Input: filepath.Join(dir, "in.mp4"), Output: filepath.Join(dir, "out", "large.mp4"), Work: filepath.Join(dir, "work"), Model: filepath.Join(dir, "tiny.safetensors")}
	if err := w.Save(r.Model, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	format := media.Format{Width: 96, Height: 64, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
	if err := testmedia.WriteClip(r.Input, testmedia.Options{Format: format, Frames: 60, Cuts: []int{20, 40}, Tone: 440}, encode.Options{CRF: 18, Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	o := upscale.Defaults()
	o.SegmentMin, o.SegmentMax, o.Repeatable, o.Encode.Preset = 16, 40, true, "ultrafast"
	if r.Options, err = o.Portable(); err != nil {
		t.Fatal(err)
	}
	return dir, r
}

// files lists a folder, with the random part of segments' names left out.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			if at := strings.IndexByte(filepath.Base(rel), '-'); at > 0 {
				rel = filepath.Join(filepath.Dir(rel), filepath.Base(rel)[:at])
			}
			list = append(list, rel)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	return list
}

// A video is planned, made by two workers at once, damaged, made again, joined and published once.
func TestActivities(t *testing.T) {
	dir, r := share(t)
	a, b := newHand(t), newHand(t)
	p, err := call[Planned](a, activityPlan, r)
	if err != nil {
		t.Fatal(err)
	}
	lengths := unpackLengths(p.Lengths)
	if len(lengths) != 3 || p.Queue != a.queue || !strings.HasPrefix(p.Model, "tiny ") || len(p.Done) != 1 || p.Done[0] != 0 {
		t.Fatalf("%+v", p)
	}
	task := Task{Dir: p.Dir, Input: r.Input, Model: r.Model, Fit: p.Fit}
	var wg sync.WaitGroup
	var made [2]Made
	for i, h := range []*hand{a, b} {
		wg.Go(func() {
			var err error
			if made[i], err = call[Made](h, activitySegment, task); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made[0].Before == made[1].Before || made[0].Device == "" || made[1].Device != made[0].Device {
		t.Errorf("two at once: %+v", made)
	}
	if got := files(t, filepath.Join(p.Dir, "segments")); !slices.Equal(got, []string{"000000"}) {
		t.Errorf("files: %v", got)
	}
	if _, err := call[Joined](a, activityJoin, JoinTask{r, p.Dir, p.Fit}); err != nil { // it names what is missing
		t.Error(err)
	}
	task.Index, task.Plain = 1, true
	if m, err := call[Made](b, activitySegment, task); err != nil || !m.Plain || m.Device != "cpu, resampled" {
		t.Errorf("resampled: %+v, %v", m, err)
	}
	task.Index, task.Plain = 2, false
	if _, err := call[Made](b, activitySegment, task); err != nil {
		t.Error(err)
	}
	again, err := call[Planned](b, activityPlan, r)
	if err != nil || again.Dir != p.Dir || !bits(again.Done).has(0) || !bits(again.Done).has(1) || !bits(again.Done).has(2) || !bytes.Equal(again.Lengths, p.Lengths) {
		t.Errorf("planned again: %+v, %v", again, err)
	}
	spoil(t, filepath.Join(p.Dir, "segments", "000002-*"))
	j, err := call[Joined](a, activityJoin, JoinTask{r, p.Dir, p.Fit})
	if err != nil || !slices.Equal(j.Damaged, []int{2}) {
		t.Errorf("a damaged segment: %+v, %v", j, err)
	}
	if m, err := call[Made](a, activitySegment, task); err != nil || m.Before {
		t.Errorf("made again: %+v, %v", m, err)
	}
	for range 2 { // the second is that of a worker that died after it had published
		j, err = call[Joined](a, activityJoin, JoinTask{r, p.Dir, p.Fit})
		if err != nil || len(j.Damaged) > 0 || j.Frames != 60 {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	checkReport(t, j.Report, r.Output)
	if v, err := upscale.Verify(t.Context(), r.Input, r.Output, upscale.VerifyOptions{Quick: true}); err != nil || !v.OK {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if err := os.WriteFile(r.Output, []byte("somebody else's"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := call[Joined](b, activityJoin, JoinTask{r, p.Dir, p.Fit}); typeOf(err) != errRequest {
		t.Errorf("somebody else's output: %v", err)
	}
	r.Replace = true
	if _, err := call[Joined](b, activityJoin, JoinTask{r, p.Dir, p.Fit}); err != nil {
		t.Errorf("replaced: %v", err)
	}
	if _, err := call[bool](a, activityClean, p.Dir); err != nil {
		t.Error(err)
	}
	if got := files(t, filepath.Join(dir, "work")); !slices.Equal(got, []string{filepath.Join(filepath.Base(p.Dir), reportName)}) {
		t.Errorf("left: %v", got)
	}
	for _, h := range []*hand{a, b} {
		if got := files(t, h.scratch); h.left != nil || len(got) > 0 {
			t.Errorf("scratch: %v, %v", got, h.left)
		}
	}
	if got := files(t, filepath.Join(dir, "out")); !slices.Equal(got, []string{"large.mp4"}) {
		t.Errorf("beside the output: %v", got)
	}
}

// spoil changes a byte in the middle of a file.
func spoil(t *testing.T, pattern string) {
	t.Helper()
	list, _ := filepath.Glob(pattern)
	if len(list) != 1 {
		t.Fatalf("%s: %v", pattern, list)
	}
	b, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(list[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func checkReport(t *testing.T, path, output string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !r.OK || r.Output != output || len(r.Segments) != 3 || !r.Segments[1].Plain || r.Segments[0].Worker == "" || len(r.Workers) != 2 || len(r.Checks) == 0 {
		t.Errorf("%s", text)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "segment 1 (frames 20 to 39) is resampled") }) {
		t.Errorf("notes: %q", r.Notes)
	}
}

// Whose fault an error is decides what follows.
func TestErrorsOfActivities(t *testing.T) {
	_, r := share(t)
	a := newHand(t)
	p, err := call[Planned](a, activityPlan, r)
	if err != nil {
		t.Fatal(err)
	}
	task := Task{Dir: p.Dir, Input: r.Input, Model: r.Model, Fit: p.Fit}
	for what, c := range map[string]struct {
		change func(h *hand, t *Task)
		want   string
		leaves bool
	}{
		"another version":      {func(_ *hand, t *Task) { t.Fit = "other" }, errUnfit, true},
		"no input":             {func(_ *hand, t *Task) { t.Input = "/nowhere/in.mp4" }, errInput, false},
		"no plan":              {func(_ *hand, t *Task) { t.Dir = "/nowhere" }, errInput, false},
		"no such segment":      {func(_ *hand, t *Task) { t.Index = 3 }, errRequest, false},
		"another input":        {func(_ *hand, t *Task) { t.Input = r.Model }, errInput, false},
		"no scratch":           {func(h *hand, _ *Task) { h.scratch = filepath.Join(r.Input, "below a file") }, errWorker, true},
		"no such device":       {func(h *hand, _ *Task) { h.device = "cuda:63" }, errWorker, true},
		"no address":           {func(_ *hand, t *Task) { t.Input = "ftp://host/in.mp4" }, errRequest, false},
		"a store that is away": {func(h *hand, t *Task) { h.stores.S3.Endpoint, t.Dir = "http://127.0.0.1:1", "s3://b/work" }, errStorage, false},
	} {
		h, one := newHand(t), task
		if c.change(h, &one); what == "a store that is away" {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := h.readPlan(ctx, one.Dir) // through the activity the client would try for a minute
			if !errors.As(err, new(storageError)) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		_, err := call[Made](h, activitySegment, one)
		if typeOf(err) != c.want || (h.left != nil) != c.leaves {
			t.Errorf("%s: %s (%v), the worker leaves: %v", what, typeOf(err), err, h.left)
		}
	}
	if got := files(t, filepath.Join(p.Dir, "segments")); len(got) > 0 {
		t.Errorf("segments: %v", got)
	}
}

// A list is read in pages that a message holds.
func TestPages(t *testing.T) {
	h, path := newHand(t), filepath.Join(t.TempDir(), "list.jsonl")
	var b bytes.Buffer
	const n = 2*pageItems + 31
	for i := range n {
		fmt.Fprintf(&b, "{\"input\":\"/in/%d.mkv\",\"output\":\"/out/%d.mkv\"}\n", i, i)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	seen, offset := 0, int64(0)
	for pages := 1; ; pages++ {
		p, err := call[Page](h, activityPage, PageTask{path, offset})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range p.Items {
			if item.Input != fmt.Sprintf("/in/%d.mkv", seen) {
				t.Fatalf("%s after %d", item.Input, seen)
			}
			seen++
		}
		if offset = p.Next; offset == 0 {
			if pages != 3 || seen != n {
				t.Errorf("%d pages, %d videos", pages, seen)
			}
			break
		}
	}
	if err := os.WriteFile(path, []byte("no JSON\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := call[Page](h, activityPage, PageTask{List: path}); typeOf(err) != errInput {
		t.Errorf("a damaged list: %v", err)
	}
}

// Two inputs of one content are two jobs: the one that is published first leaves the other's segments alone.
func TestSameContentTwice(t *testing.T) {
	dir, r := share(t)
	b, err := os.ReadFile(r.Input)
	if err != nil {
		t.Fatal(err)
	}
	other := r
	other.Input, other.Output = filepath.Join(dir, "again.mp4"), filepath.Join(dir, "out", "again.mp4")
	if err := os.WriteFile(other.Input, b, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHand(t)
	var planned [2]Planned
	for i, r := range []Request{r, other} {
		if planned[i], err = call[Planned](h, activityPlan, r); err != nil {
			t.Fatal(err)
		}
	}
	if planned[0].ID != planned[1].ID || planned[0].Dir == planned[1].Dir {
		t.Fatalf("plans %s and %s, folders %s and %s", planned[0].ID, planned[1].ID, planned[0].Dir, planned[1].Dir)
	}
	for i, r := range []Request{r, other} {
		p := planned[i]
		for n := range unpackLengths(p.Lengths) {
			if _, err := call[Made](h, activitySegment, Task{Dir: p.Dir, Input: r.Input, Model: r.Model, Index: n, Fit: p.Fit}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, r := range []Request{r, other} {
		if _, err := call[Joined](h, activityJoin, JoinTask{r, planned[i].Dir, planned[i].Fit}); err != nil {
			t.Fatal(err)
		}
		if _, err := call[any](h, activityClean, planned[i].Dir); err != nil {
			t.Fatal(err)
		}
	}
}
