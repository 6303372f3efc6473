package upscale

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/atomicfile"
	"vsr/media"
	"vsr/sr/engines"
	"vsr/upscale/segment"
)

// workFolder is what a job in segments keeps beside its output. The zero value is that of a job in one go.
type workFolder struct {
	store    *segment.Store
	writer   *segment.Writer // of one worker
	lock     io.Closer
	records  []segment.Record // of the first segments, without a gap
	done     int64            // frames of records
	marker   marker
	finished bool // an earlier run was killed after it had given the output its name, and before it had removed the folder
	ours     bool // the output is one that an earlier run has made out of this folder, and nobody has changed
	left     bool // end has decided what becomes of the folder
}

// maxName is the longest file name in bytes that file systems take.
const maxName = 255

// WorkDir is the folder in which the segments of an output are kept. It has the output's name in its own, cut where that is too long.
func WorkDir(output string) string {
	const suffix, enough = ".vsr-work", 200
	dir, base := filepath.Split(output)
	name := "." + base + suffix
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(base))
		name = fmt.Sprintf(".%s~%x%s", strings.ToValidUTF8(base[:enough], ""), sum[:6], suffix)
	}
	return filepath.Join(dir, name)
}

// longWork is how many pixels of input may be lost when a run is stopped: a slow machine has about 20 s to do with them. Tests change it.
var longWork int64 = 12_000_000

// inSegments reports whether a job is to be one that can be resumed: the input can be read again, it is more than one segment or long work, and
// the segments' container holds all of the video, which it does not for an alpha channel beside VP8 or VP9.
func (o *Options) inSegments(input string, info *media.Info, total int64) bool {
	st, err := os.Stat(input)
	if codec := family(o.Encode.Codec); info.Format.Alpha && (codec == "vp9" || codec == "vp8") {
		return false
	}
	name := cmp.Or(o.Output, input)
	if o.Output == "-" || encode.ImageCodec(name) != "" && !encode.IsSequence(name) {
		return false
	}
	again := err == nil && st.Mode().IsRegular()
	if files, err := decode.SequenceFiles(input); err == nil && len(files) > 0 {
		again = true
	}
	long := total*int64(info.Format.Width)*int64(info.Format.Height) > longWork && !encode.IsSequence(name) // images appear one by one
	return o.Resume && again && (long || o.manySegments(total))
}

// manySegments reports whether so many frames can be more than one segment; 0 is an unknown number.
func (o *Options) manySegments(total int64) bool {
	lo, _ := o.segmentLengths()
	return total == 0 || total > lo
}

// openWork opens the work folder, finds out what is done, and makes the writer. It is called instead of making a sink.
func (j *Job) openWork(out string, e *engines.Engine) error {
	w, o, dir := &j.work, &j.opts, WorkDir(out)
	plan, err := o.planOf(j.input, e.Name, e.Hash, e.Scale())
	if err != nil {
		return err
	}
	images := encode.IsSequence(out)
	if m, ok := readMarker(dir, out); ok && !m.Cut && (!images || m.Plan == plan.ID()) {
		w.marker, w.ours = m, true
		w.finished = m.Plan == plan.ID() && !o.Restart && (!images || m.Checked)
	}
	// The sink of a job in one go, begun and dropped: it knows at once whether name, container and codec will do.
	trial, err := encode.CreateFile(out, &j.large, o.Encode, encode.FileOptions{Overwrite: o.Replace || w.finished || (o.edited() || images) && w.ours || cutShort(dir, out), Audio: o.Audio})
	if err != nil {
		return outputError(err)
	}
	j.report.Streams = trial.Actions()
	if err := trial.Abort(); err != nil {
		return outputError(err)
	}
	if o.Restart {
		if err := discardWork(dir); err != nil {
			return outputError(err)
		}
	}
	if err := w.takeEdited(dir, plan, o); err != nil {
		return err
	}
	w.store, err = segment.Open(dir, plan)
	switch {
	case errors.Is(err, segment.ErrOtherJob):
		return requestError("give the settings of that run to continue it, or Options.Restart to throw its segments away", "%w", err)
	case err != nil:
		return outputError(err)
	}
	if w.lock, err = lockWork(dir); err != nil {
		return err
	}
	if w.records, err = w.store.Done(); err == nil {
		err = w.store.Sweep()
	}
	if err != nil {
		return outputError(err)
	}
	if n := len(w.records); n > 0 {
		w.done = w.records[n-1].First + w.records[n-1].Frames
	}
	if len(j.devices) > 1 || o.edited() { // segments may have to be made in gaps
		return nil
	}
	opt := o.writer(func() bool { return !j.pool.ended.Load() })
	if n := len(w.records); n > 0 {
		opt.After = &w.records[n-1]
	}
	w.writer = segment.NewWriter(w.store, &j.large, opt)
	j.door = &auditedSink{Sink: w.writer}
	return nil
}

// writer returns the options of a segment.Writer. cut is asked at its end whether a stop has left frames out.
func (o *Options) writer(cut func() bool) segment.WriterOptions {
	lo, hi := o.segmentLengths()
	return segment.WriterOptions{Encode: o.Encode, Min: lo, Max: hi, Stopped: cut}
}

// segmenter finds the segments behind those that are done.
func (w *workFolder) segmenter(o *Options) *segment.Segmenter {
	s := &segment.Segmenter{}
	s.Min, s.Max = o.segmentLengths()
	if n := len(w.records); n > 0 {
		s.After(w.records[n-1])
	}
	return s
}

// emitResumed says what an earlier run has done already.
func (w *workFolder) emitResumed(j *Job) {
	if w.store == nil || w.finished || j.step != nil {
		return
	}
	n := w.done + w.store.Spooled()
	if j.door == nil { // several workers take over segments behind a gap, too
		var err error
		if n, err = w.store.Frames(); err != nil {
			return
		}
	}
	if n > 0 {
		j.emit(Resumed{Frames: n, Total: max(j.total, n)})
	}
}

// lockWork keeps a second job of the same output away.
func lockWork(dir string) (io.Closer, error) {
	l, err := atomicfile.Lock(filepath.Join(dir, ".lock"))
	switch {
	case errors.Is(err, atomicfile.ErrLocked):
		return nil, &Error{Kind: Output, Err: fmt.Errorf("another vsr is working in %s", dir), Hint: "wait for it, or name another Options.Output"}
	case err != nil:
		return nil, outputError(err)
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
	lock, err := lockWork(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return s.Remove()
}

// sameSource checks, at the last frame that is done, that the source is still the one that the segments were made from.
func (w *workFolder) sameSource(n int64, f *media.Frame) error {
	if len(w.records) == 0 || n != w.done-1 {
		return nil
	}
	if last := w.records[len(w.records)-1]; f.PTS != last.LastPTS || f.Scene != last.LastScene {
		return requestError("Options.Restart begins anew", "frame %d is not the one that the work folder was made from (time %d in scene %d, was %d in %d)",
			n, f.PTS, f.Scene, last.LastPTS, last.LastScene)
	}
	return nil
}

// join makes the output from the segments, which stay.
func (j *Job) join(ctx context.Context) error {
	w := &j.work
	records, err := w.store.Done()
	if err != nil {
		return outputError(err)
	}
	if part, ok := j.pool.partials[len(records)]; ok {
		records = append(records, part)
	}
	var frames int64
	for _, r := range records {
		frames += r.Frames
	}
	if err := j.auditSegments(ctx, records); err != nil {
		return err
	}
	if seen := int64(len(j.times)); frames != seen {
		return &Error{Kind: Check, Err: fmt.Errorf("check: the segments hold %d frames, %d came in", frames, seen), Hint: "the same command makes the missing ones"}
	}
	j.report.Frames.Out = frames
	return j.concatenate(ctx, records, j.cut, j.opts.Replace || (j.opts.edited() || encode.IsSequence(j.report.Output)) && w.ours || cutShort(w.store.Dir(), j.report.Output))
}

// concatenate joins segments into the output and leaves a marker in the work folder.
func (j *Job) concatenate(ctx context.Context, records []segment.Record, cut, replace bool) (err error) {
	w := &j.work
	var frames int64
	for _, r := range records {
		frames += r.Frames
	}
	j.report.Streams, err = segment.Join(ctx, w.store, records, j.report.Output, segment.JoinOptions{Input: j.input, Decode: j.opts.Decode,
		Encode: j.opts.Encode, Output: encode.FileOptions{Overwrite: replace, Audio: j.opts.Audio, Logger: j.opts.Logger},
		Info: &j.large, Cut: cut, Begun: func(temp string) error {
			w.marker = marker{Plan: w.store.ID(), Cut: cut, Frames: frames}
			return w.marker.write(w.store.Dir(), temp)
		}})
	return err
}

// acknowledge ends a job whose output an earlier run has finished: it makes up for the check if that was not done.
func (j *Job) acknowledge(ctx context.Context) (err error) {
	w := &j.work
	j.report.Frames = FrameCounts{In: w.marker.Frames, Out: w.marker.Frames, Resumed: w.marker.Frames}
	if !w.marker.Checked {
		if j.times, err = w.store.Times(ctx, w.records, j.info.VideoTrack().TimeBase); err != nil {
			return err
		}
		if err := j.checkFile(ctx); err != nil {
			return err
		}
	}
	j.emit(Finished{j.report.Output})
	return nil
}

// end keeps or removes the work folder after a run, and says which.
func (w *workFolder) end(j *Job, err error) error {
	if w.store == nil || w.lock == nil {
		return nil
	}
	w.left = true
	if err == nil {
		w.marker.Checked = true
		if werr := w.marker.seal(w.store.Dir(), j.report.Output); werr != nil {
			return outputError(werr)
		}
		if j.opts.edited() {
			return w.keepEdited(j)
		}
		return outputError(w.store.Remove())
	}
	if errors.Is(err, ErrStopped) {
		if werr := w.marker.seal(w.store.Dir(), j.report.Output); werr != nil {
			return outputError(werr)
		}
	}
	frames, derr := w.store.Frames()
	if derr != nil {
		return outputError(derr)
	}
	// An output that a stop has cut short is known by its marker, so that the same command replaces it.
	if frames > 0 || errors.Is(err, ErrStopped) && w.marker.Cut {
		j.emit(Kept{frames, w.store.Dir()})
		return nil
	}
	if err := w.store.Sweep(); err != nil {
		return outputError(err)
	}
	return outputError(w.store.Remove())
}

// close lets go of the folder. One that Open has made and nothing was put into goes with it.
func (w *workFolder) close() error {
	if w.lock == nil {
		return nil
	}
	defer w.lock.Close()
	if w.left || w.finished {
		return nil
	}
	if n, err := w.store.Frames(); err != nil || n > 0 {
		return outputError(err)
	}
	return outputError(w.store.Remove())
}
