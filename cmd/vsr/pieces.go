package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"vsr/encode"
	"vsr/internal/atomicfile"
	"vsr/media"
	"vsr/segment"
)

// pieces is what a run that can be resumed keeps beside the job. The zero value is a run in one go.
type pieces struct {
	store   *segment.Store
	writer  *segment.Writer
	lock    io.Closer
	records []segment.Record
	done    int64 // frames that are finished already
	passed  int64 // frames that the upscaler has seen
	note    joinNote
	whole   bool // an earlier run was killed after it had given the output its name, and before it had removed the folder
	large   media.Info
	encode  encode.Options
}

// workFolder is where the pieces of an output are kept.
func workFolder(out string) string {
	dir, base := filepath.Split(out)
	return filepath.Join(dir, "."+base+".vsr-work")
}

// inPieces reports whether a run is to be one that can be resumed: the input can be read again, there is more than one piece, and
// the pieces' container holds all of the picture, which it does not for an alpha channel beside VP8 or VP9.
func (r *runRequest) inPieces(total int64) bool {
	st, err := os.Stat(r.in)
	if codec := family(r.Encode.Codec); r.alpha && (codec == "vp9" || codec == "vp8") {
		return false
	}
	return r.Resume && err == nil && st.Mode().IsRegular() && (total == 0 || total > r.PieceMin)
}

// jobPlan names a job: everything that changes the output's pictures or packets goes in.
func (r *runRequest) jobPlan(e *engine) (*segment.Plan, error) {
	source, err := segment.Fingerprint(r.in)
	if err != nil {
		return nil, inputFault(err, "")
	}
	c := r.runConfig
	c.Model, c.Device, c.Progress, c.Report, c.Threads, c.Workers, c.Decode.Threads, c.SR.Frames = "", "", "", "", 0, 0, 0, 0
	c.Resume = false
	var text bytes.Buffer
	if err := printConfig(&text, c); err != nil {
		return nil, err
	}
	return &segment.Plan{Version: segment.Version, Source: source, Model: e.Name + " " + e.Hash, Settings: map[string]string{
		"vsr": versionString(), "config": text.String(), "scale": strconv.Itoa(e.Scale()),
		"start": fmt.Sprint(r.Decode.Start), "duration": fmt.Sprint(r.Decode.Duration),
	}}, nil
}

// openPieces opens the work folder, finds out what is done, and makes the writer. It is called instead of making a sink.
func (j *job) openPieces(out string, e *engine, large *media.Info) error {
	p, r, dir := &j.pieces, &j.request, workFolder(out)
	plan, err := r.jobPlan(e)
	if err != nil {
		return err
	}
	if n, ok := readJoinNote(dir, out); ok && n.Plan == plan.ID() && !n.Cut && !r.restart {
		p.note, p.whole = n, true
	}
	// The sink of a run in one go, begun and dropped: it knows at once whether name, container and codec will do.
	trial, err := encode.CreateFile(out, large, r.Encode, encode.FileOptions{Overwrite: r.replace || p.whole || interrupted(dir, out)})
	if err != nil {
		return err
	}
	j.report.Streams = trial.Actions()
	if err := trial.Abort(); err != nil {
		return err
	}
	if r.restart {
		if err := discardWork(dir); err != nil {
			return destinationFault(err)
		}
	}
	p.store, err = segment.Open(dir, plan)
	switch {
	case errors.Is(err, segment.ErrOtherJob):
		return requestFault("give the settings of that run to go on, or --restart to throw its pieces away", "%w", err)
	case err != nil:
		return destinationFault(err)
	}
	if p.lock, err = lockFolder(dir); err != nil {
		return err
	}
	if p.records, err = p.store.Done(); err == nil {
		err = p.store.Sweep()
	}
	if err != nil {
		return destinationFault(err)
	}
	p.large, p.encode = *large, r.Encode
	w := segment.WriterOptions{Encode: r.Encode, Min: r.PieceMin, Max: r.PieceMax, Stopped: j.stopped}
	if n := len(p.records); n > 0 {
		last := p.records[n-1]
		w.After, p.done = &last, last.First+last.Frames
	}
	p.writer = segment.NewWriter(p.store, large, w)
	return nil
}

// tellResumed says what an earlier run has done already.
func (p *pieces) tellResumed(a *app, total int64, workers int) {
	if p.store == nil || p.whole {
		return
	}
	if workers < 2 {
		if p.done > 0 {
			a.tell("resuming at frame %d of %d", p.done, max(total, p.done))
		}
		return
	}
	if n, err := p.store.Frames(); err == nil && n > 0 {
		a.tell("resuming: %d of %d frames are finished", n, max(total, n))
	}
}

// lockFolder keeps a second run of the same output away. The system lets go of the lock when the process ends, however it ends.
func lockFolder(dir string) (io.Closer, error) {
	l, err := atomicfile.Lock(filepath.Join(dir, ".lock"))
	switch {
	case errors.Is(err, atomicfile.ErrLocked):
		return nil, fault{exitDestination, fmt.Errorf("another vsr is working in %s", dir), "wait for it, or name another output with -o"}
	case err != nil:
		return nil, destinationFault(err)
	}
	return l, nil
}

// discardWork removes a work folder, whatever job it belongs to.
func discardWork(dir string) error {
	plan, err := segment.ReadPlan(filepath.Join(dir, "plan.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := segment.Open(dir, plan)
	if err != nil {
		return err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return s.Remove()
}

// seen checks, at the last frame that is done, that the source is still the one that the pieces were made from.
func (p *pieces) seen(n int64, f *media.Frame) error {
	if len(p.records) == 0 || n != p.done-1 {
		return nil
	}
	if last := p.records[len(p.records)-1]; f.PTS != last.LastPTS || f.Scene != last.LastScene {
		return requestFault("--restart begins anew", "frame %d is not the one that the work folder was made from (time %d in scene %d, was %d in %d)",
			n, f.PTS, f.Scene, last.LastPTS, last.LastScene)
	}
	return nil
}

// upscale is the sr room's stage: frames that are done are only taken note of.
func (j *job) upscale(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	j.pieces.passed++
	if j.pieces.passed <= j.pieces.done {
		return nil, j.upscaler.Observe(ctx, f)
	}
	out, err := j.upscaler.Process(ctx, f)
	if err == nil && out.Surface != nil {
		j.card.written++
	}
	return out, err
}

// join makes the output from the pieces, which stay.
func (j *job) join(ctx context.Context, stopped bool) error {
	p := &j.pieces
	records, err := p.store.Done()
	if err != nil {
		return destinationFault(err)
	}
	if part, ok := j.partial(len(records)); ok {
		records = append(records, part)
	}
	var frames int64
	for _, r := range records {
		frames += r.Frames
	}
	if j.crew != nil {
		if err := j.crew.ledgers(ctx, records); err != nil {
			return err
		}
		p.done = j.report.Frames.Resumed
	}
	if seen := int64(len(j.times)); frames != seen {
		return fault{exitCheck, fmt.Errorf("check: the pieces hold %d frames, %d came in", frames, seen), "the same command makes the missing ones"}
	}
	j.report.Frames.Out, j.report.Frames.Resumed = frames, p.done
	j.report.Streams, err = segment.Join(ctx, p.store, records, j.report.Output, segment.JoinOptions{Input: j.request.in, Decode: j.request.Decode,
		Encode: p.encode, Output: encode.FileOptions{Overwrite: j.request.replace || interrupted(p.store.Dir(), j.report.Output), Logger: j.app.logger()},
		Info: &p.large, Cut: stopped, Begun: func(temp string) error {
			p.note = joinNote{Plan: p.store.ID(), Cut: stopped, Frames: frames}
			return p.note.write(p.store.Dir(), temp)
		}})
	return err
}

// partial is piece n if Ctrl-C has cut it short.
func (j *job) partial(n int) (segment.Record, bool) {
	if j.crew != nil {
		r, ok := j.crew.partials[n]
		return r, ok
	}
	if r := j.pieces.writer.Partial(); r != nil {
		return *r, true
	}
	return segment.Record{}, false
}

// end keeps or removes the work folder, and says which.
func (p *pieces) end(a *app, out string, err error) error {
	if p.store == nil || p.lock == nil {
		return nil
	}
	defer p.lock.Close()
	if err == nil {
		p.note.Checked = true
		if werr := p.note.seal(p.store.Dir(), out); werr != nil {
			return destinationFault(werr)
		}
		if rerr := p.store.Remove(); rerr != nil {
			return destinationFault(rerr)
		}
		return nil
	}
	if errors.Is(err, errStopped) {
		if werr := p.note.seal(p.store.Dir(), out); werr != nil {
			return destinationFault(werr)
		}
	}
	frames, derr := p.store.Frames()
	if derr != nil {
		return destinationFault(derr)
	}
	if frames > 0 {
		a.tell("%d frames are finished in %s; the same command goes on there", frames, p.store.Dir())
		return nil
	}
	if err := p.store.Sweep(); err != nil {
		return destinationFault(err)
	}
	return p.store.Remove()
}
