package upscale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/engines"
)

// The names of the stages, in reports and logs.
const (
	stageDecode = "decode"
	stageScene  = "scene"
	stageSR     = "sr"
	stageEncode = "encode"
)

// Job is one input on its way to one output. Open makes it; Run works once.
type Job struct {
	opts  Options
	input string
	step  *step // of a plan that others share, else nil

	source   *decode.Source
	info     media.Info // of the source, when it was opened
	large    media.Info // of the output
	scenes   *scene.Detector
	adjuster *adjuster
	upscaler *sr.Upscaler
	sink     *encode.Sink // of a job in one go
	door     *auditedSink // what one worker writes to: the output, or the segments; nil with several
	work     workFolder   // of a job in segments
	gpu      residency
	changes  formatChanges

	devices []string // one for each worker
	threads int      // of each worker on the CPU; 0 is all
	total   int64    // frames expected, 0 if unknown

	defaultFor int // displayed rows that the default scale followed; 0 if the scale was asked for

	times    []int64 // of all frames of the source
	repeated int64
	in, out  audit // of the frames that came in, and of those that the output or its segments hold
	pool     *pool // nil before Run
	cut      bool  // a stop left frames out

	now    func() time.Time
	mu     sync.Mutex // of Options.Events
	report Report
	closed bool
	fields string // what to tell of the fields of interlaced frames
}

// Open opens input, a file name, an address or - for standard input, the engine and the output, in this order. Nothing is left open
// after an error. The caller closes the job.
func Open(ctx context.Context, input string, o Options) (*Job, error) {
	return open(ctx, input, o, nil)
}

func open(ctx context.Context, input string, o Options, s *step) (j *Job, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := o.readDegradation(); err != nil {
		return nil, err
	}
	j = &Job{opts: o, input: input, step: s, now: time.Now}
	defer func() {
		if err != nil {
			_ = j.Close() // there is an error already
			j = nil
		}
	}()
	if o.Logger == nil {
		j.opts.Logger = slog.New(slog.DiscardHandler)
	}
	j.opts.Decode.Logger, j.opts.Encode.Logger, j.opts.SR.Logger = j.opts.Logger, j.opts.Logger, j.opts.Logger
	j.opts.Decode.RGB = true
	if o.Output == "-" || encode.ImageCodec(cmp.Or(o.Output, input)) != "" || o.Output == "" && decode.IsImage(input) { // images cannot say how they are turned
		j.opts.Decode.Autorotate = true
	}
	j.offerGPU()
	if j.source, err = decode.Open(ctx, input, j.opts.Decode); err != nil {
		return j, inputError(err)
	}
	if j.source, j.fields, err = j.opts.settleFields(ctx, input, j.source); err != nil {
		return j, inputError(err)
	}
	j.info = *j.source.Info()
	j.opts.squarePixels(&j.info)
	j.total = expectedFrames(&j.info, j.opts.Decode)
	if j.defaultFor, err = j.opts.settleScale(&j.info); err != nil {
		return j, err
	}
	j.chooseWorkers()
	e, err := j.openEngine(ctx)
	if err != nil {
		return j, err
	}
	if err = j.openUpscaler(ctx, e); err != nil {
		return j, err
	}
	if j.large = j.upscaler.Output(j.info); j.opts.SR.Stretch != 0 {
		j.large.SampleAspect = media.Rational{Num: 1, Den: 1}
	}
	out, err := j.opts.outputName(input, e.Scale(), &j.info)
	if err != nil {
		return j, err
	}
	j.opts.Encode = j.opts.Encode.ForFile(out)
	j.opts.forPipe(out, &j.info)
	j.scenes = scene.New(j.opts.Scene)
	j.changes = formatChanges{emit: j.emit, strict: j.opts.Decode.Strict, timeBase: j.info.VideoTrack().TimeBase}
	notes := j.report.Notes
	j.report = Report{SchemaVersion: ReportVersion, Notes: notes, Version: o.Program, Input: InputReport{Path: input}, Output: out, Device: e.Device,
		Model: ModelReport{e.Name, e.Hash, e.Scale(), e.Fallback}}
	if err := j.openOutput(out, e); err != nil {
		return j, err
	}
	j.notes(e)
	if in, to := strings.ToLower(filepath.Ext(input)), strings.ToLower(filepath.Ext(out)); o.Output == "" && in != "" && in != to && !strings.Contains(input, "://") {
		j.report.Notes = append(j.report.Notes, fmt.Sprintf("the output is a %s file: vsr writes no %s with this codec (Options.Output names another)", to, in))
	}
	return j, nil
}

// openEngine opens the network, or what a step takes in its place, under the network's name: the job is the same.
func (j *Job) openEngine(ctx context.Context) (*engines.Engine, error) {
	if s := j.step; s != nil && s.plain > 0 {
		e, err := engines.Plain(s.plain, j.opts.Logger)
		if err == nil {
			at := strings.LastIndex(s.plan.Model, " ")
			e.Name, e.Hash = s.plan.Model[:max(at, 0)], s.plan.Model[at+1:]
			e.Device += ", resampled"
		}
		return e, err
	}
	return engines.Open(ctx, j.opts.engine(j.devices[0], j.info.Format.Height, j.threads))
}

// openUpscaler settles the size and makes the upscaler, which owns the engine.
func (j *Job) openUpscaler(ctx context.Context, e *engines.Engine) (err error) {
	err = j.opts.settleSize(e, j.info.Format.Height)
	if err == nil {
		err = j.settleResidency(ctx, e, j.info.Format)
	}
	if err == nil {
		err = j.openAdjuster(ctx, e)
	}
	if err == nil {
		if j.upscaler, err = sr.New(e, j.opts.SR); err != nil {
			err = &Error{Kind: Usage, Err: err}
		}
	}
	if err != nil {
		e.Close()
	}
	return err
}

// openOutput opens what frames are written to: an encoder into the output, or the work folder.
func (j *Job) openOutput(out string, e *engines.Engine) (err error) {
	o := &j.opts
	if o.Repeatable && family(o.Encode.Codec) == "h264" && !strings.HasSuffix(o.Encode.Codec, "_nvenc") {
		o.Encode.FFmpeg = map[string]string{"mbtree": "0"}
	}
	if j.step != nil {
		return j.openStep(out, e)
	}
	if o.inSegments(j.input, &j.info, j.total) {
		return j.openWork(out, e)
	}
	if j.sink, err = encode.CreateFile(out, &j.large, o.Encode, encode.FileOptions{Overwrite: o.Replace, Audio: o.Audio, Container: o.Container}); err != nil {
		return outputError(err)
	}
	j.door, j.report.Streams = &auditedSink{Sink: j.sink}, j.sink.Actions()
	return nil
}

// chooseWorkers settles how many workers there are. A job that is one segment is for one.
func (j *Job) chooseWorkers() {
	j.devices = j.opts.devices()
	if len(j.devices) > 1 && (j.step != nil || !j.opts.inSegments(j.input, &j.info, j.total) || !j.opts.manySegments(j.total)) {
		j.devices = j.devices[:1]
		j.report.Notes = append(j.report.Notes, "one worker does it: only files of more than one segment are shared")
	}
	j.threads = j.opts.threadsOf(j.devices)
}

// settleSize reconciles what was asked for with the scale of the model. A default model of another scale is followed by the
// resampler; a model that was named is taken at its word.
func (o *Options) settleSize(e *engines.Engine, height int) error {
	switch {
	case o.SR.Height > 0 && o.SR.Height < height:
		return requestError("", "height %d is less than the input's %d", o.SR.Height, height)
	case o.Scale == 0 || o.Scale == e.Scale():
		return nil
	case o.Model != "":
		return requestError("Options.SR.Height reaches any size", "model %s enlarges by %d, not by %d", e.Name, e.Scale(), o.Scale)
	}
	o.SR.Height = o.Scale * height
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
func (j *Job) notes(e *engines.Engine) {
	note := func(format string, args ...any) {
		j.report.Notes = append(j.report.Notes, fmt.Sprintf(format, args...))
	}
	if e.Fallback {
		note(engines.FallbackNotice)
	}
	if e.Notice != "" {
		note("%s", e.Notice)
	}
	if j.info.Interlaced && j.opts.Decode.Deinterlace != decode.DeinterlaceOff {
		switch {
		case j.opts.Decode.FieldRate:
			note("the input is interlaced: each field becomes a frame (bwdif)")
		case j.opts.Decode.Deinterlace != decode.DeinterlaceTelecine:
			note("the input is interlaced and is deinterlaced (bwdif)")
		}
	}
	if j.fields != "" {
		note("%s", j.fields)
	}
	if hdr := j.info.Format.Color.Transfer; hdr == media.TransferPQ || hdr == media.TransferHLG {
		note("the input is HDR: the network, trained on SDR, works on its code values as they are (docs/formats.md)")
	}
	for _, n := range j.opts.Encode.FrameDataNotes(frameData(j.source.Stats())) { // of the first frames; others may follow
		note("%s", n)
	}
	for _, s := range j.report.Streams {
		if s.Index == j.info.Video && (strings.Contains(s.Why, encode.AlphaDropped) || strings.Contains(s.Why, encode.RGBStored) || s.Why == encode.TimesDropped || strings.Contains(s.Why, "left out")) {
			note("%s", s.Why)
		}
		if s.Action == encode.Converted && s.Type == media.TrackAudio.String() {
			note("stream %d (audio %s) is converted %s", s.Index, s.Codec, s.Why)
		}
		switch {
		case s.Action != encode.Dropped:
		case s.Index < 0 && s.Codec != "":
			note("tags are left out (%s): %s", strings.ReplaceAll(s.Codec, ",", ", "), s.Why)
		case s.Index < 0:
			note("the %s are left out: %s", s.Type, s.Why)
		default:
			note("stream %d (%s %s) is dropped: %s", s.Index, s.Type, s.Codec, s.Why)
		}
	}
}

// frameData counts the frames with metadata of their own.
func frameData(s decode.Stats) encode.FrameData {
	return encode.FrameData{Captions: s.Captions, HDR10Plus: s.HDR10Plus, ICC: s.ICC, Timecodes: s.Timecodes}
}

// emit sends an event.
func (j *Job) emit(e Event) {
	if j.opts.Events == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.opts.Events(e)
}

// Report returns what is known so far: before Run the names, the notes and what becomes of each stream.
func (j *Job) Report() Report { return j.report }

// Expected is how many frames the output will have, 0 if the input does not say.
func (j *Job) Expected() int64 { return j.total }

// Run makes the output and returns the report, which is filled in also after an error. It works once.
func (j *Job) Run(ctx context.Context) (Report, error) {
	in, large := j.info.Format, j.large.Format
	j.emit(Started{Input: j.input, Output: j.report.Output, Width: in.Width, Height: in.Height, OutputWidth: large.Width, OutputHeight: large.Height,
		Rate: j.info.FrameRate.Float(), Scale: j.opts.Scale, DefaultFor: j.defaultFor, Model: j.report.Model.Name, Device: j.report.Device})
	for _, note := range j.report.Notes {
		j.emit(Note(note))
	}
	j.work.emitResumed(j)
	var err error
	if j.work.finished {
		err = j.acknowledge(ctx)
	} else {
		err = j.run(ctx)
		if j.cut && (errors.Is(err, errNoFrames) || errors.Is(err, encode.ErrNoFrames)) {
			err = &Error{Kind: Interrupted, Err: ErrNothing}
		}
	}
	if err == nil && j.cut {
		j.report.Stopped, err = true, &Error{Kind: Interrupted, Err: ErrStopped}
	}
	if werr := j.work.end(j, err); err == nil {
		err = werr
	}
	if ferr := j.finish(err); err == nil {
		err = ferr
	}
	return j.report, err
}

// run makes the output and checks it.
func (j *Job) run(ctx context.Context) error {
	if err := j.upscaleAll(ctx); err != nil {
		return err
	}
	if j.work.store != nil {
		j.emit(Progress{Phase: PhaseJoin, Frames: j.report.Frames.Out, Total: j.total})
		if err := j.join(ctx); err != nil {
			return err
		}
	}
	j.emit(Progress{Phase: PhaseVerify, Frames: j.report.Frames.Out, Total: j.total})
	err := j.check(ctx)
	if err != nil && ctx.Err() != nil && !j.cut {
		err = &Error{Kind: Interrupted, Err: ErrUnchecked}
	}
	return err
}

// check proves that every frame that came in went out with its own time, and that the file holds it all.
func (j *Job) check(ctx context.Context) error {
	err := agree(&j.in, &j.out)
	if j.sink != nil {
		j.report.Streams = j.sink.Actions()
		if frames, packets := j.sink.Frames(); err == nil && frames != packets {
			err = fmt.Errorf("the encoder took %d frames and gave %d packets", frames, packets)
		}
	}
	switch {
	case err != nil:
		return j.keepFailed(err)
	case j.cut:
		return nil
	}
	return j.checkFile(ctx)
}

// keepFailed gives an output that failed a check another name.
func (j *Job) keepFailed(err error) error {
	ext := filepath.Ext(j.report.Output)
	kept := strings.TrimSuffix(j.report.Output, ext) + ".failed" + ext
	if os.Rename(j.report.Output, kept) == nil { // it fails where the name becomes too long
		j.report.Output = kept
	}
	return &Error{Kind: Check, Err: fmt.Errorf("check: %w; the output is kept as %s", err, j.report.Output), Hint: "please report this, with the input if you can"}
}

// finish fills the rest of the report in and closes the job.
func (j *Job) finish(err error) error {
	if j.pool == nil {
		j.report.Scenes = j.adjuster.read(nil)
	}
	if s := j.report.Upscale; s.Frames > 0 {
		j.report.Frames.Reused = s.Reused / float64(s.Frames)
		if s.Exact > 0 {
			j.report.Notes = append(j.report.Notes, fmt.Sprintf("%d frames were computed in float32, because half precision cannot hold their numbers", s.Exact))
		}
	}
	j.report.OK = err == nil
	if err != nil {
		j.report.Error = fault.Line(err)
	}
	stats := j.source.Stats()
	j.report.Input.from(stats)
	for _, n := range append(stats.Notes(), j.opts.Encode.FrameDataNotes(frameData(stats))...) {
		if slices.Contains(j.report.Notes, n) { // it was said before the work
			continue
		}
		j.report.Notes = append(j.report.Notes, n)
		j.emit(Note(n))
	}
	j.report.Input.Changes, j.report.Input.FormatChanges = j.changes.list, j.changes.count
	j.changes.noteAspect(stats, j.info.SampleAspect)
	if damage := j.report.Input.damage(); damage != "" {
		j.emit(Note("the input is damaged: " + damage))
	}
	j.report.GPU = j.gpu.report(stats)
	return j.Close()
}

// Close frees everything that the job holds. It may be called any number of times, also without Run: an output that was begun is
// dropped then.
func (j *Job) Close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	var err error
	if j.sink != nil {
		err = j.sink.Abort() // does nothing after Run
	}
	if j.pool != nil {
		j.pool.close()
	}
	if j.upscaler != nil {
		err = errors.Join(err, j.upscaler.Close())
	}
	if j.source != nil {
		j.source.Close()
	}
	return errors.Join(err, j.work.close(), j.gpu.close())
}

// openAnother opens an upscaler like the job's own on another device, and returns the device's name in words.
func (j *Job) openAnother(ctx context.Context, device string) (*sr.Upscaler, string, error) {
	e, err := engines.Open(ctx, j.opts.engine(device, j.info.Format.Height, j.threads))
	if err != nil {
		return nil, "", err
	}
	u, err := sr.New(e, j.opts.SR)
	if err != nil {
		e.Close()
		return nil, "", &Error{Kind: Usage, Err: err}
	}
	return u, e.Device, nil
}
