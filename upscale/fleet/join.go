package fleet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/fleet/storage"
	"vsr/upscale/segment"
)

const reportName = "report.json"

// Report is what is known of a finished video: that of upscale, and who made which segment.
type Report struct {
	upscale.Report
	Segments []SegmentReport `json:"segments"`
}

// SegmentReport says who made a segment.
type SegmentReport struct {
	Index   int     `json:"index"`
	First   int64   `json:"first_frame"`
	Frames  int64   `json:"frames"`
	Device  string  `json:"device"`
	Worker  string  `json:"worker"`
	Attempt int32   `json:"attempt"`
	Seconds float64 `json:"seconds"`
	Plain   bool    `json:"fallback,omitempty"` // resampled, because the network's way failed
}

// Join makes the output from all segments, checks it and publishes it.
func (a *activities) Join(ctx context.Context, t JoinTask) (Joined, error) {
	defer a.beats(ctx, -1, none)()
	j, err := a.join(ctx, t)
	return j, a.fail(ctx, err)
}

func (a *activities) join(ctx context.Context, t JoinTask) (j Joined, err error) {
	if t.Fit != a.fit {
		return j, errOtherFit
	}
	r := t.Request
	plan, err := a.readPlan(ctx, t.Dir)
	if err != nil {
		return j, err
	}
	target, key, err := a.stores.At(r.Output)
	if err != nil {
		return j, err
	}
	dir := filepath.Join(a.scratch, filepath.Base(t.Dir)+"-join")
	output := filepath.Join(dir, "out"+filepath.Ext(r.Output))
	if l, ok := target.(storage.Local); ok { // on the output's disk, so that it only needs a name
		output = filepath.Join(filepath.Dir(l.Path(key)), ".vsr-join-"+filepath.Base(a.scratch)+"-"+filepath.Base(t.Dir), "out"+filepath.Ext(r.Output))
		if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
			return j, storageError{err}
		}
		defer os.RemoveAll(filepath.Dir(output))
	}
	defer os.RemoveAll(dir)
	commits, damaged, release, err := a.collect(ctx, t.Dir, plan, dir)
	defer release()
	if err != nil || len(damaged) > 0 {
		return Joined{Damaged: damaged}, err
	}
	report, err := a.concatenate(ctx, r, plan, dir, output)
	if err != nil {
		return j, err
	}
	st, err := os.Stat(output)
	if err != nil {
		return j, err
	}
	if err := a.publish(ctx, t, output); err != nil {
		return j, err
	}
	full := Report{report, nil}
	full.Input.Path, full.Output = r.Input, r.Output
	full.tell(commits)
	j = Joined{Report: storage.Join(t.Dir, reportName), Frames: report.Frames.Out, Bytes: st.Size()}
	return j, a.writeReport(ctx, j.Report, &full)
}

// collect gets all segments into a work folder. Those that are missing, or do not hold what their records say, are returned, and their records
// are removed.
func (a *activities) collect(ctx context.Context, from string, plan *segment.Plan, dir string) (list []Commit, damaged []int, release func(), err error) {
	var releases []func()
	release = func() {
		for _, f := range releases {
			f()
		}
	}
	store, err := segment.Open(dir, plan)
	if err != nil {
		return nil, nil, release, err
	}
	list = make([]Commit, len(plan.Segments))
	bad := make([]bool, len(list))
	free := make([]func(), len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range list {
		g.Go(func() (err error) {
			list[i], free[i], err = a.collectOne(ctx, from, i, store)
			if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
				bad[i], err = true, nil
			}
			return err
		})
	}
	err = g.Wait()
	for i, f := range free {
		if f != nil {
			releases = append(releases, f)
		}
		if bad[i] {
			damaged = append(damaged, i)
		}
	}
	return list, damaged, release, err
}

var errDamaged = errors.New("the segment is not what its record says")

func (a *activities) collectOne(ctx context.Context, from string, i int, store *segment.Store) (c Commit, release func(), err error) {
	if c, err = a.lookup(ctx, from, i); err != nil {
		return c, nil, err
	}
	path, release, err := a.fetch(ctx, segmentAddress(from, c.File))
	if err != nil {
		return c, nil, err
	}
	link := filepath.Join(store.Dir(), c.File)
	if err := os.Symlink(path, link); err != nil {
		return c, release, err
	}
	r, err := store.Commit(c.Record, link)
	if err != nil {
		return c, release, err
	}
	if r.SHA256 != c.SHA256 {
		if err := a.remove(ctx, storage.Join(from, commitName(i))); err != nil {
			return c, release, err
		}
		return c, release, errDamaged
	}
	return c, release, nil
}

// concatenate joins the segments of a work folder and checks the output.
func (a *activities) concatenate(ctx context.Context, r Request, plan *segment.Plan, dir, output string) (report upscale.Report, err error) {
	input, release, err := a.fetch(ctx, r.Input)
	if err != nil {
		return report, missing(err, r.Input)
	}
	defer release()
	o := upscale.StepOptions{Dir: dir, Input: input, Output: output, Replace: true, Device: "cpu", Threads: a.threads, Program: a.program, Logger: a.log, Model: string(plan.Weights)}
	if r.Model != "" {
		model, release, err := a.fetch(ctx, r.Model)
		if err != nil {
			return report, missing(err, r.Model)
		}
		defer release()
		o.Model = model
	}
	report, err = upscale.Join(ctx, plan, o)
	if f := upscale.Classify(err); err != nil && f.Kind == fault.Output && filepath.Dir(output) != dir {
		err = storageError{err} // the folder of the outputs is everybody's
	}
	return report, err
}

// publish gives the output its name. A try that died after that is recognized by the hash that it left.
func (a *activities) publish(ctx context.Context, t JoinTask, path string) error {
	sum, err := fileHash(path)
	if err != nil {
		return err
	}
	if err := a.note(ctx, storage.Join(t.Dir, "joined-"+sum)); err != nil {
		return err
	}
	r := t.Request
	err = a.store(ctx, r.Output, path, !r.Replace)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	s, key, err := a.stores.At(r.Output)
	if err != nil {
		return err
	}
	b, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return inStorage(err)
	}
	defer b.Close()
	h := sha256.New()
	if _, err := io.Copy(h, b); err != nil {
		return inStorage(err)
	}
	marks, key, err := a.stores.At(storage.Join(t.Dir, "joined-"+hex.EncodeToString(h.Sum(nil))))
	if err != nil {
		return err
	}
	if _, err := marks.Stat(ctx, key); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Request, "-y replaces it", "%s exists", r.Output)
		}
		return inStorage(err)
	}
	return nil
}

// note writes an empty object.
func (a *activities) note(ctx context.Context, address string) error {
	s, key, err := a.stores.At(address)
	if err != nil {
		return err
	}
	return inStorage(storage.Write(ctx, s, key, nil, false))
}

func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// tell adds who made what.
func (r *Report) tell(commits []Commit) {
	at := map[string]int{}
	for _, c := range commits {
		r.Segments = append(r.Segments, SegmentReport{c.Index, c.First, c.Frames, c.Device, c.Worker, c.Attempt, c.Seconds, c.Plain})
		i, ok := at[c.Device]
		if !ok {
			i = len(r.Workers)
			at[c.Device] = i
			r.Workers = append(r.Workers, upscale.WorkerReport{Device: c.Device})
		}
		r.Workers[i].Segments++
		r.Workers[i].Frames += c.Frames
		if c.Plain {
			r.Notes = append(r.Notes, fmt.Sprintf("segment %d (frames %d to %d) is resampled: the network's way failed", c.Index, c.First, c.First+c.Frames-1))
		}
	}
	slices.SortFunc(r.Workers, func(a, b upscale.WorkerReport) int { return cmp.Compare(a.Device, b.Device) })
	r.Device = ""
	for i, w := range r.Workers {
		if i > 0 {
			r.Device += "; "
		}
		r.Device += w.Device
	}
}

func (a *activities) writeReport(ctx context.Context, address string, r *Report) error {
	b, err := reportJSON(r)
	if err != nil {
		return err
	}
	s, key, err := a.stores.At(address)
	if err != nil {
		return err
	}
	return inStorage(storage.Write(ctx, s, key, b, false))
}

func reportJSON(r *Report) ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}
