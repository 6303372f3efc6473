package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/sr"
)

// job is one run with everything open.
type job struct {
	app      *app
	request  runRequest
	source   *decode.Source
	scenes   *scene.Detector
	upscaler *sr.Upscaler
	sink     *encode.Sink
	door     *counted
	in       ledger
	turns    *turns
	current  atomic.Uint64 // scene number
	repeated int64
	total    int64 // frames expected, 0 if unknown
	report   report

	firstInfo *media.Info // of the source, when it was opened
	times     []int64     // of all frames of the source
	pieces    pieces      // of a run that can be resumed
	devices   []string    // one for each worker
	threads   int         // of each worker on the CPU; 0 is all
	crew      *crew       // of a run by several workers, else nil
	out       ledger      // of what the pieces of several workers hold
	stopped   func() bool // by the first Ctrl-C
	card      onCard
}

// prepare opens the input, the engine and the output, in this order. After an error nothing is left open.
func (a *app) prepare(ctx context.Context, r runRequest, stopped func() bool) (j *job, err error) {
	j = &job{app: a, request: r, stopped: stopped}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	log := a.logger()
	r.Decode.Logger, r.Encode.Logger, r.SR.Logger = log, log, log
	j.offerCard(&r)
	if j.source, err = decode.Open(ctx, r.in, r.Decode); err != nil {
		return j, openFault(err)
	}
	info := *j.source.Info()
	j.total, r.alpha = expectedFrames(&info, r.Decode), info.Format.Alpha
	j.chooseWorkers(&r)
	e, err := openEngine(engineOptions{r.Model, j.devices[0], r.factor(info.Format.Height), j.threads, r.Precision, log})
	if err != nil {
		return j, err
	}
	if err = r.settleSize(e, info.Format.Height); err != nil {
		e.Close()
		return j, err
	}
	if err = j.keepOnCard(ctx, &r, e, info.Format); err != nil {
		e.Close()
		return j, err
	}
	if j.upscaler, err = sr.New(e, r.SR); err != nil {
		e.Close()
		return j, fault{exitUsage, err, ""}
	}
	out, err := r.outputName(e.Scale())
	if err != nil {
		return j, err
	}
	j.firstInfo = &info
	large := j.upscaler.Output(info)
	j.request = r
	notes := j.report.Notes
	j.report = report{Notes: notes, Version: versionString(), Input: inputReport{Path: r.in}, Output: out, Device: e.Device,
		Model: modelReport{e.Name, e.Hash, e.Scale(), e.StandIn}}
	if err := j.openOutput(out, e, &large); err != nil {
		return j, err
	}
	j.scenes, j.turns = scene.New(r.Scene), j.newTurns()
	j.notes(&info, e)
	return j, nil
}

// openOutput makes the sink: an encoder into the output, or a writer of pieces.
func (j *job) openOutput(out string, e *engine, large *media.Info) (err error) {
	r := &j.request
	if r.Repeatable && family(r.Encode.Codec) == "h264" && !strings.HasSuffix(r.Encode.Codec, "_nvenc") {
		r.Encode.FFmpeg = map[string]string{"mbtree": "0"}
	}
	if r.task != nil {
		if err := r.samePlan(e); err != nil {
			return err
		}
	}
	switch {
	case r.task != nil && r.task.join:
		return j.openJoin(out, large)
	case r.task != nil:
		return j.openSegment(large)
	case r.inPieces(j.total):
		if err := j.openPieces(out, e, large); err != nil || len(j.devices) > 1 {
			return err
		}
		j.door = &counted{Sink: j.pieces.writer}
		return nil
	}
	if j.sink, err = encode.CreateFile(out, large, r.Encode, encode.FileOptions{Overwrite: r.replace}); err != nil {
		return err
	}
	j.door, j.report.Streams = &counted{Sink: j.sink}, j.sink.Actions()
	return nil
}

// chooseWorkers settles how many there are. Work in one go is for one.
func (j *job) chooseWorkers(r *runRequest) {
	j.devices = r.devices()
	if len(j.devices) > 1 && (r.task != nil || !r.inPieces(j.total)) {
		j.devices = j.devices[:1]
		j.report.Notes = append(j.report.Notes, "one worker does it: only files of more than one piece are shared")
	}
	j.threads = r.share(j.devices)
}

// factor is how much larger the picture is to become.
func (r *runRequest) factor(height int) float64 {
	switch {
	case r.SR.Height > 0:
		return float64(r.SR.Height) / float64(height)
	case r.Scale > 0:
		return float64(r.Scale)
	}
	return 4
}

// settleSize reconciles what was asked for with the scale of the model. A default model of another scale is followed by the
// resampler; a model that was named is taken at its word.
func (r *runRequest) settleSize(e *engine, height int) error {
	switch {
	case r.SR.Height > 0 && r.SR.Height < height:
		return requestFault("", "height %d is less than the input's %d", r.SR.Height, height)
	case r.Scale == 0 || r.Scale == e.Scale():
		return nil
	case r.Model != "":
		return requestFault("--height reaches any size", "model %s enlarges by %d, not by %d", e.Name, e.Scale(), r.Scale)
	}
	r.SR.Height = r.Scale * height
	return nil
}

// expectedFrames is an estimate for the progress display.
func expectedFrames(info *media.Info, o decode.Options) int64 {
	rate := info.FrameRate.Float()
	n := info.Frames
	if n == 0 {
		n = int64(info.Duration*rate + 0.5)
	}
	if o.Start > 0 {
		n = max(n-int64(o.Start*rate), 0)
	}
	if o.Duration > 0 && n > 0 {
		n = min(n, max(int64(o.Duration*rate+0.5), 1))
	}
	return n
}

// notes collects what the user should hear before the work starts.
func (j *job) notes(info *media.Info, e *engine) {
	note := func(format string, args ...any) {
		j.report.Notes = append(j.report.Notes, fmt.Sprintf(format, args...))
	}
	if e.StandIn {
		note(standInNotice)
	}
	if e.Notice != "" {
		note("%s", e.Notice)
	}
	if info.Interlaced && j.request.Decode.Deinterlace != decode.DeinterlaceOff {
		note("the input is interlaced and is deinterlaced (bwdif)")
	}
	if hdr := info.Format.Color.Transfer; hdr == media.TransferPQ || hdr == media.TransferHLG {
		note("the input is HDR: the network, trained on SDR, works on its code values as they are (docs/formats.md)")
	}
	for _, s := range j.report.Streams {
		if s.Index == info.Video && (strings.Contains(s.Why, encode.AlphaDropped) || strings.Contains(s.Why, "Dolby Vision")) {
			note("%s", s.Why)
		}
		if s.Action == encode.Dropped {
			note("stream %d (%s %s) is dropped: %s", s.Index, s.Type, s.Codec, s.Why)
		}
	}
}

// belt moves everything and fills the report in.
func (j *job) belt(ctx context.Context, soft <-chan struct{}) error {
	show := j.app.newProgress(j.request.Progress, max(j.total-j.pieces.done, 0), j.current.Load)
	steps := []pipeline.Step{
		{Name: roomScene, Stage: pipeline.Video(j.mark)},
		{Name: roomUpscale, Stage: pipeline.Video(j.upscale)},
	}
	stats, err := pipeline.Run(ctx, j.source, steps, j.door, pipeline.Options{
		Stop: soft, Progress: show.update, AcceptFormatChange: true, SourceName: roomDecode, SinkName: roomEncode, Logger: j.app.logger(),
	})
	show.finish()
	j.report.timing(stats)
	j.report.Frames = frameCounts{In: stats.FramesIn(), Out: stats.FramesOut(), Repeated: j.repeated}
	return err
}

// mark is the scene room's stage.
func (j *job) mark(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	if err := j.look(ctx, f); err != nil {
		return f, err
	}
	if err := j.turns.see(f); err != nil {
		return f, err
	}
	if err := j.pieces.seen(int64(len(j.times)), f); err != nil {
		return f, err
	}
	if int64(len(j.times)) >= j.pieces.done {
		j.in.note(f.PTS)
	}
	j.times = append(j.times, f.PTS)
	j.current.Store(f.Scene)
	if f.Repeat {
		j.repeated++
	}
	return f, nil
}

// check proves that every frame that came in went out with its own time, and that the file holds it all.
func (j *job) check(ctx context.Context) error {
	out := &j.out
	if j.door != nil {
		out = &j.door.ledger
	}
	err := agree(&j.in, out)
	if j.sink != nil {
		j.report.Streams = j.sink.Actions()
		if frames, packets := j.sink.Frames(); err == nil && frames != packets {
			err = fmt.Errorf("the encoder took %d frames and gave %d pictures", frames, packets)
		}
	}
	switch {
	case err != nil:
		return j.keepFailed(err)
	case j.stopped():
		return nil
	}
	return j.checkFile(ctx)
}

// keepFailed gives an output that failed a check another name.
func (j *job) keepFailed(err error) error {
	ext := filepath.Ext(j.report.Output)
	kept := strings.TrimSuffix(j.report.Output, ext) + ".failed" + ext
	if os.Rename(j.report.Output, kept) == nil {
		j.report.Output = kept
	}
	return fault{exitCheck, fmt.Errorf("check: %w; the output is kept as %s", err, kept), "please report this, with the input if you can"}
}

// finish closes what is left and writes the report.
func (j *job) finish(err error) error {
	if j.crew == nil {
		j.report.Upscale, j.report.Scenes = j.upscaler.Stats(), j.upscaler.Scenes()
	} else {
		j.crew.close()
	}
	if s := j.report.Upscale; s.Frames > 0 {
		j.report.Frames.Reused = s.Reused / float64(s.Frames)
		if s.Exact > 0 {
			j.report.Notes = append(j.report.Notes, fmt.Sprintf("%d frames were computed in float32, because half precision cannot hold their numbers", s.Exact))
		}
	}
	j.report.OK = err == nil
	if err != nil {
		j.report.Error = explain(err).line()
	}
	st := j.source.Stats()
	j.report.Input.from(st)
	for _, n := range append(st.Notes(), j.request.Encode.FrameDataNotes(st.Captions, st.HDR10Plus)...) {
		j.report.Notes = append(j.report.Notes, n)
		j.app.tell("note: %s", n)
	}
	j.report.Input.Turns, j.report.Input.FormatChanges = j.turns.list, j.turns.count
	j.turns.aspect(j.source.Stats(), j.firstInfo.SampleAspect)
	if damage := j.report.Input.damage(); damage != "" {
		j.app.tell("note: the input is damaged: %s", damage)
	}
	j.report.Card = j.card.report(j.source.Stats())
	cerr := errors.Join(j.upscaler.Close(), j.card.close())
	if j.request.Report != "" {
		cerr = errors.Join(cerr, j.report.write(j.request.Report, j.app.stdout))
	}
	return cerr
}

// close gives up what prepare has opened, after a failure.
func (j *job) close() {
	if j.upscaler != nil {
		j.upscaler.Close()
	}
	if j.source != nil {
		j.source.Close()
	}
	if j.pieces.lock != nil {
		j.pieces.lock.Close()
	}
	_ = j.card.close() // there is an error already
}
