package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vsr/decode"
	"vsr/media"
	"vsr/pipeline"
)

// previewParts is over how many places a preview is spread.
const previewParts = 4

// lengthFlag is a length in seconds that may be written 3s, 3 or 0:03.
type lengthFlag float64

// String writes seconds.
func (l *lengthFlag) String() string { return (*clockFlag)(l).String() }

// Type is what help calls the value.
func (l *lengthFlag) Type() string { return "length" }

// Set reads a length.
func (l *lengthFlag) Set(s string) error { return (*clockFlag)(l).Set(strings.TrimSuffix(s, "s")) }

// previewPart is what was measured at one place.
type previewPart struct {
	Start   float64 `json:"start_s"`
	Frames  int64   `json:"frames"`
	Seconds float64 `json:"seconds"` // from the first frame's arrival at the encoder to the end of its file
	FPS     float64 `json:"fps"`
	Scenes  int     `json:"scenes"`

	video, first, others int64 // bytes: all video packets, the first of them, those of other tracks
}

// estimate is what a preview expects of the whole. Unknown values are 0.
type estimate struct {
	Input      string        `json:"input"`
	Output     string        `json:"output"`
	Exists     bool          `json:"output_exists"`
	Model      modelReport   `json:"model"`
	Device     string        `json:"device"`
	Workers    int           `json:"workers"`
	Parts      []previewPart `json:"parts"`
	FPS        float64       `json:"fps"`
	Frames     int64         `json:"expected_frames"`
	Length     float64       `json:"length_s"`
	Seconds    float64       `json:"expected_s"`
	SecondsMin float64       `json:"expected_s_min"` // at the speed of the fastest part
	SecondsMax float64       `json:"expected_s_max"` // and of the slowest
	Bytes      int64         `json:"expected_bytes"`
	Disk       int64         `json:"disk_bytes"`      // while the run goes on: pieces and film
	Free       int64         `json:"disk_free_bytes"` // where the output will be
	Memory     int64         `json:"memory_bytes"`    // largest resident memory, of all workers
	Notes      []string      `json:"notes,omitempty"`
}

// preview works on short parts of the input in a folder of its own, and says what the whole will take. The output is not touched.
func (a *app) preview(parent context.Context, r runRequest) error {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	defer stop()
	e, err := a.estimate(ctx, r)
	if ctx.Err() != nil {
		return fault{code: exitInterrupted, err: errors.New("interrupted, nothing was measured")}
	}
	if err != nil {
		return err
	}
	if r.json {
		out := json.NewEncoder(a.stdout)
		out.SetIndent("", "  ")
		return out.Encode(e)
	}
	e.print(a.stdout)
	return nil
}

func (a *app) estimate(ctx context.Context, r runRequest) (*estimate, error) {
	if st, err := os.Stat(r.in); err == nil && !st.Mode().IsRegular() {
		return nil, requestFault("run it without --preview", "%s can be read only once: a preview would use it up", r.in)
	}
	src, err := decode.Open(ctx, r.in, r.Decode)
	if err != nil {
		return nil, openFault(err)
	}
	info := *src.Info()
	src.Close()
	e := &estimate{Input: r.in, Frames: expectedFrames(&info, r.Decode), Length: lengthOf(&info, r.Decode), Workers: len(r.devices())}
	dir, err := os.MkdirTemp("", "vsr-preview-")
	if err != nil {
		return nil, destinationFault(err)
	}
	defer os.RemoveAll(dir)
	for _, at := range e.places(r.preview) {
		p, err := a.previewPart(ctx, r, e, dir, at)
		if err != nil {
			return nil, err
		}
		e.Parts = append(e.Parts, p)
	}
	e.sum(&r, peakRSS())
	return e, nil
}

// lengthOf is the length of what is to be worked on, in seconds, 0 if unknown.
func lengthOf(info *media.Info, o decode.Options) float64 {
	length := info.Duration
	if o.Duration > 0 && (length == 0 || o.Duration < length) {
		length = o.Duration
	}
	return length
}

// places are where the parts begin, in seconds, spread evenly.
func (e *estimate) places(length float64) []float64 {
	n := min(int(e.Length/length), previewParts)
	if n < 2 {
		return []float64{0}
	}
	var list []float64
	for i := range n {
		list = append(list, (float64(i)+0.5)*e.Length/float64(n)-length/2)
	}
	return list
}

// previewPart upscales one part.
func (a *app) previewPart(ctx context.Context, r runRequest, e *estimate, dir string, at float64) (previewPart, error) {
	p := previewPart{Start: r.Decode.Start + at}
	ext := filepath.Ext(r.out)
	if r.out == "" {
		ext = filepath.Ext(defaultOutput(r.in, "x", r.Encode.Codec))
	}
	part := r
	part.out, part.replace, part.Resume, part.Report = filepath.Join(dir, fmt.Sprintf("%d%s", len(e.Parts), ext)), true, false, ""
	part.Device, part.Workers = r.devices()[0], 0
	part.Decode.Start, part.Decode.Duration = p.Start, r.preview
	if e.Length > 0 {
		part.Decode.Duration = min(r.preview, e.Length-at)
	}
	if part.Progress == progressAuto && !isTerminal(a.stderr) || part.Progress == progressJSON {
		part.Progress = progressNone
	}
	j, err := a.prepare(ctx, part, func() bool { return false })
	if err != nil {
		return p, err
	}
	if e.Output, err = r.outputName(j.report.Model.Scale); err != nil {
		j.sink.Abort()
		j.close()
		return p, err
	}
	e.Model, e.Device, e.Notes = j.report.Model, j.report.Device, j.report.Notes
	watch := &stopwatch{Sink: j.sink}
	j.door = &counted{Sink: watch}
	err = j.belt(ctx, nil)
	if err == nil {
		err = p.weigh(ctx, part.out)
	}
	p.Frames, p.Seconds, p.Scenes = j.report.Frames.Out, watch.took.Seconds(), len(j.upscaler.Scenes())
	if p.Seconds > 0 {
		p.FPS = float64(p.Frames) / p.Seconds
	}
	return p, errors.Join(err, j.finish(err))
}

// stopwatch measures from the first frame to the end of the file, so that filling the belt does not count and emptying the encoder does.
type stopwatch struct {
	pipeline.Sink
	began time.Time
	took  time.Duration
}

// Write hands u on.
func (s *stopwatch) Write(ctx context.Context, u media.Unit) error {
	if u.Frame != nil && s.began.IsZero() {
		s.began = time.Now()
	}
	return s.Sink.Write(ctx, u)
}

// Close ends the measurement.
func (s *stopwatch) Close() error {
	err := s.Sink.Close()
	if !s.began.IsZero() {
		s.took = time.Since(s.began)
	}
	return err
}

// Abort drops the part.
func (s *stopwatch) Abort() error {
	if a, ok := s.Sink.(pipeline.Aborter); ok {
		return a.Abort()
	}
	return s.Sink.Close()
}

// weigh adds up the packets of a part's file.
func (p *previewPart) weigh(ctx context.Context, path string) error {
	src, err := decode.OpenCopy(ctx, path, decode.Options{})
	if err != nil {
		return openFault(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n := int64(len(u.Packet.Data))
		switch {
		case u.Packet.Track != src.Info().Video:
			p.others += n
		case p.video == 0:
			p.video, p.first = n, n
		default:
			p.video += n
		}
	}
}

// sum works out what the whole will take. A part begins with a keyframe, the whole has one each KeyframeSeconds and at cuts; those
// at the cuts inside the parts are among their other packets.
func (e *estimate) sum(r *runRequest, memory int64) {
	var frames, video, first, others int64
	var seconds, length float64
	slow, fast := 0.0, 0.0
	for _, p := range e.Parts {
		frames, video, first, others = frames+p.Frames, video+p.video, first+p.first, others+p.others
		seconds += p.Seconds
		if p.FPS > 0 {
			if slow == 0 || p.FPS < slow {
				slow = p.FPS
			}
			fast = max(fast, p.FPS)
		}
	}
	parts := int64(len(e.Parts))
	if seconds > 0 {
		e.FPS = float64(frames) / seconds
	}
	if e.Frames > 0 && e.FPS > 0 {
		e.Seconds, e.SecondsMin, e.SecondsMax = float64(e.Frames)/e.FPS, float64(e.Frames)/fast, float64(e.Frames)/slow
	}
	if e.Frames > 0 && frames > 0 {
		key, each := float64(first)/float64(parts), float64(video)/float64(frames)
		if frames > parts {
			each = float64(video-first) / float64(frames-parts)
		}
		length = e.Length * float64(frames) / float64(e.Frames) // of all parts
		e.Bytes = int64(each*float64(e.Frames) + key*(1+e.Length/max(r.Encode.KeyframeSeconds, 1)))
		if length > 0 {
			e.Bytes += int64(float64(others) * e.Length / length)
		}
		e.Disk = e.Bytes
		if r.inPieces(e.Frames) {
			e.Disk = 2 * e.Bytes
		}
	}
	var fs unix.Statfs_t
	if unix.Statfs(filepath.Dir(e.Output), &fs) == nil {
		e.Free = int64(fs.Bavail) * fs.Bsize
	}
	if st, err := os.Stat(e.Output); err == nil && !st.IsDir() && !r.replace {
		e.Exists = true
		e.Notes = append(e.Notes, e.Output+" exists: the run will want -y")
	}
	if e.Workers > 1 {
		e.Notes = append(e.Notes, "one worker was measured, on "+r.devices()[0]+", with all threads; several share them")
	}
	if e.Disk > 0 && e.Free > 0 && e.Disk > e.Free {
		e.Notes = append(e.Notes, "there is not enough room for the output")
	}
	e.Memory = memory * int64(e.Workers)
}

func (e *estimate) print(w io.Writer) {
	fmt.Fprintf(w, "%s with %s on %s\n", e.Input, e.Model.Name, e.Device)
	for _, p := range e.Parts {
		fmt.Fprintf(w, "  at %-12s %4d frames  %7.1f frames/s  %d scenes\n", clock(p.Start), p.Frames, p.FPS, p.Scenes)
	}
	if e.Frames == 0 {
		fmt.Fprintf(w, "the input does not say how long it is: %.1f frames/s\n", e.FPS)
	} else {
		fmt.Fprintf(w, "to expect of all %d frames, %s:\n", e.Frames, clock(e.Length))
		fmt.Fprintf(w, "  time    %s (%s to %s)\n", span(e.Seconds), span(e.SecondsMin), span(e.SecondsMax))
		fmt.Fprintf(w, "  size    %s in %s\n", size(e.Bytes), e.Output)
		fmt.Fprintf(w, "  disk    %s while it runs, %s are free\n", size(e.Disk), size(e.Free))
	}
	fmt.Fprintf(w, "  memory  %s\n", size(e.Memory))
	for _, n := range e.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	fmt.Fprintln(w, "nothing was written; the same command without --preview does it")
}

// span writes seconds for people.
func span(seconds float64) string {
	unit := time.Second
	if seconds < 10 {
		unit = 100 * time.Millisecond
	}
	return time.Duration(seconds * float64(time.Second)).Round(unit).String()
}

// size writes bytes for people.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}
