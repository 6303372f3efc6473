package upscale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vsr/decode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/verify"
)

// estimateParts is over how many places of the input an estimate is spread.
const estimateParts = 4

// EstimatePart is what was measured at one place.
type EstimatePart struct {
	Start   float64 `json:"start_s"`
	Frames  int64   `json:"frames"`
	Seconds float64 `json:"seconds"` // from the first frame's arrival at the encoder to the end of its file
	FPS     float64 `json:"fps"`
	Scenes  int     `json:"scenes"`

	video, first, others int64 // bytes: all video packets, the first of them, those of other tracks
}

// Estimate is what a job is expected to take. Unknown values are 0.
type Estimate struct {
	Input      string         `json:"input"`
	Output     string         `json:"output"`
	Exists     bool           `json:"output_exists"`
	Model      ModelReport    `json:"model"`
	Device     string         `json:"device"`
	Workers    int            `json:"workers"`
	Parts      []EstimatePart `json:"parts"`
	FPS        float64        `json:"fps"`
	Frames     int64          `json:"expected_frames"`
	Length     float64        `json:"length_s"`
	Seconds    float64        `json:"expected_s"`
	SecondsMin float64        `json:"expected_s_min"` // at the speed of the fastest part
	SecondsMax float64        `json:"expected_s_max"` // and of the slowest
	Bytes      int64          `json:"expected_bytes"`
	Disk       int64          `json:"disk_bytes"`      // while the job runs: segments and output
	Free       int64          `json:"disk_free_bytes"` // where the output will be
	Memory     int64          `json:"memory_bytes"`    // largest resident memory, of all workers
	Notes      []string       `json:"notes,omitempty"`
}

// EstimateJob upscales parts of the input, each of so many seconds, in a folder for temporary files, and says what the whole will take.
// The output is not touched.
func EstimateJob(ctx context.Context, input string, seconds float64, o Options) (*Estimate, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if !(seconds > 0) {
		return nil, usageError("", "parts of %g s: nothing to measure", seconds)
	}
	if st, err := os.Stat(input); input == "-" || err == nil && !st.Mode().IsRegular() {
		return nil, requestError("Job.Run takes it", "%s can be read only once: a preview would use it up", input)
	}
	src, err := decode.Open(ctx, input, o.Decode)
	if err != nil {
		return nil, inputError(err)
	}
	info := *src.Info()
	src.Close()
	e := &Estimate{Input: input, Frames: expectedFrames(&info, o.Decode), Length: lengthOf(&info, o.Decode), Workers: len(o.devices())}
	dir, err := os.MkdirTemp("", "vsr-preview-")
	if err != nil {
		return nil, outputError(err)
	}
	defer os.RemoveAll(dir)
	for _, at := range e.places(seconds) {
		p, err := e.measure(ctx, o, dir, at, seconds)
		if err != nil {
			return nil, err
		}
		e.Parts = append(e.Parts, p)
	}
	e.sum(&o, o.inSegments(input, &info, e.Frames), peakRSS())
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
func (e *Estimate) places(length float64) []float64 {
	n := min(int(e.Length/length), estimateParts)
	if n < 2 {
		return []float64{0}
	}
	var list []float64
	for i := range n {
		list = append(list, (float64(i)+0.5)*e.Length/float64(n)-length/2)
	}
	return list
}

// measure upscales one part.
func (e *Estimate) measure(ctx context.Context, o Options, dir string, at, seconds float64) (EstimatePart, error) {
	p := EstimatePart{Start: o.Decode.Start + at}
	ext := filepath.Ext(o.Output)
	if o.Output == "" {
		ext = filepath.Ext(defaultOutput(e.Input, "x", o.Encode.Codec, nil))
	}
	part := o
	part.Output, part.Replace, part.Resume = filepath.Join(dir, fmt.Sprintf("%d%s", len(e.Parts), ext)), true, false
	part.Device, part.Workers = o.devices()[0], 0
	part.Scene.Cuts, part.Scenes = nil, nil // they count from the start of the whole
	if strings.HasPrefix(part.Degradation, DegradationFile) {
		part.Degradation = DegradationScene
	}
	part.Decode.Start, part.Decode.Duration = p.Start, seconds
	if e.Length > 0 {
		part.Decode.Duration = min(seconds, e.Length-at)
	}
	j, err := Open(ctx, e.Input, part)
	if err != nil {
		return p, err
	}
	defer j.Close()
	if e.Output, err = o.outputName(e.Input, j.report.Model.Scale, &j.info); err != nil {
		return p, err
	}
	e.Model, e.Device, e.Notes = j.report.Model, j.report.Device, j.report.Notes
	watch := &stopwatch{Sink: j.sink}
	j.door.Sink = watch
	err = j.upscaleAll(ctx)
	if err == nil {
		err = p.weigh(ctx, part.Output)
	}
	p.Frames, p.Seconds, p.Scenes = j.report.Frames.Out, watch.took.Seconds(), len(j.upscaler.Scenes())
	if p.Seconds > 0 {
		p.FPS = float64(p.Frames) / p.Seconds
	}
	return p, errors.Join(err, j.finish(err))
}

// stopwatch measures from the first frame to the end of the file, so that filling the pipeline does not count and emptying the encoder
// does.
type stopwatch struct {
	pipeline.Sink
	began time.Time
	took  time.Duration
}

// Write passes u on.
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
func (p *EstimatePart) weigh(ctx context.Context, path string) error {
	src, err := decode.OpenCopy(ctx, path, decode.Options{})
	if err != nil {
		return inputError(err)
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

// sum computes what the whole will take. A part begins with a keyframe, the whole has one each KeyframeSeconds and at cuts; those at
// the cuts inside the parts are among their other packets.
func (e *Estimate) sum(o *Options, inSegments bool, memory int64) {
	var frames, video, first, others int64
	var seconds, slow, fast float64
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
		length := e.Length * float64(frames) / float64(e.Frames) // of all parts
		e.Bytes = int64(each*float64(e.Frames) + key*(1+e.Length/max(o.Encode.KeyframeSeconds, 1)))
		if length > 0 {
			e.Bytes += int64(float64(others) * e.Length / length)
		}
		e.Disk = e.Bytes
		if inSegments {
			e.Disk = 2 * e.Bytes
		}
	}
	e.Memory = memory * int64(e.Workers)
	e.addNotes(o)
}

// addNotes looks at the place of the output.
func (e *Estimate) addNotes(o *Options) {
	var fs unix.Statfs_t
	if unix.Statfs(filepath.Dir(e.Output), &fs) == nil {
		e.Free = int64(fs.Bavail) * fs.Bsize
	}
	if st, err := os.Stat(e.Output); err == nil && !st.IsDir() && !o.Replace {
		e.Exists = true
		e.Notes = append(e.Notes, e.Output+" exists: the run will need Options.Replace")
	}
	if e.Workers > 1 {
		e.Notes = append(e.Notes, "one worker was measured, on "+o.devices()[0]+", with all threads; several share them")
	}
	if e.Disk > 0 && e.Free > 0 && e.Disk > e.Free {
		e.Notes = append(e.Notes, "there is not enough space for the output")
	}
}

// Print writes the estimate for people.
func (e *Estimate) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s with %s on %s\n", e.Input, e.Model.Name, e.Device)
	for _, p := range e.Parts {
		fmt.Fprintf(&b, "  at %-12s %4d frames  %7.1f frames/s  %d scenes\n", verify.Clock(p.Start), p.Frames, p.FPS, p.Scenes)
	}
	if e.Frames == 0 {
		fmt.Fprintf(&b, "the input does not say how long it is: %.1f frames/s\n", e.FPS)
	} else {
		fmt.Fprintf(&b, "to expect of all %d frames, %s:\n", e.Frames, verify.Clock(e.Length))
		fmt.Fprintf(&b, "  time    %s (%s to %s)\n", roundSeconds(e.Seconds), roundSeconds(e.SecondsMin), roundSeconds(e.SecondsMax))
		fmt.Fprintf(&b, "  size    %s in %s\n", Bytes(e.Bytes), e.Output)
		fmt.Fprintf(&b, "  disk    %s while it runs, %s are free\n", Bytes(e.Disk), Bytes(e.Free))
	}
	fmt.Fprintf(&b, "  memory  %s\n", Bytes(e.Memory))
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	b.WriteString("nothing was written; Job.Run does it\n")
	_, err := io.WriteString(w, b.String())
	return err
}
