package upscale

import (
	"fmt"
	"strings"
	"time"
)

// Event is something that a job has to say while it runs: Started, a Note, Resumed, FormatChange, Finished, Kept or Progress. Options.Events
// gets them one at a time, from any goroutine. String is one line for a person.
type Event interface {
	fmt.Stringer
	event()
}

// Started says what goes in and what comes out. It is the first event.
type Started struct {
	Input, Output             string
	Width, Height             int // of the input, in pixels
	OutputWidth, OutputHeight int
	Rate                      float64 // frames a second, 0 if unknown
	Scale                     int     // that was asked for or chosen; 0 for that of a model that was named, or with a height
	DefaultFor                int     // rows as displayed for which Scale was chosen; 0 when it was asked for
	Model, Device             string
}

// Note tells the user something about the job that is not an error.
type Note string

// Resumed says that an earlier run has finished part of the frames.
type Resumed struct {
	Frames int64 // finished
	Total  int64 // expected, never less than Frames
}

// Finished says that an earlier run has finished the output.
type Finished struct{ Output string }

// Kept says, after an error or a stop, that finished segments stay for a later run.
type Kept struct {
	Frames int64
	Dir    string // the work folder
}

// Phase is what a job is doing.
type Phase string

// The phases, in order. PhaseJoin is left out when there are no segments.
const (
	PhaseUpscale Phase = "upscale"
	PhaseJoin    Phase = "join"
	PhaseVerify  Phase = "verify"
)

// Progress is sent about five times a second during PhaseUpscale, and once when another phase begins.
type Progress struct {
	Phase  Phase
	Frames int64 // finished, with those of an earlier run
	// Resumed is how many of Frames an earlier run has finished.
	Resumed int64
	Total   int64  // expected; 0 if unknown
	Scene   uint64 // the current one, counted from 1
	Elapsed time.Duration
	// Closing is true when all frames are upscaled and the encoder is flushed.
	Closing bool
	// Last is true for the last event of PhaseUpscale.
	Last bool
}

// FPS is the frames upscaled for each second so far.
func (p Progress) FPS() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Frames-p.Resumed) / p.Elapsed.Seconds()
}

// Remaining estimates the time left; 0 if it cannot be known.
func (p Progress) Remaining() time.Duration {
	done := p.Frames - p.Resumed
	if done <= 0 || p.Total <= p.Frames {
		return 0
	}
	return time.Duration(float64(p.Elapsed) / float64(done) * float64(p.Total-p.Frames))
}

// String is one line, as in: in.mkv 1920x1080 24 fps -> in_x2.mkv 3840x2160, base-x2 on cpu.
func (s Started) String() string {
	rate := ""
	if s.Rate > 0 {
		rate = fmt.Sprintf(" %.4g fps", s.Rate)
	}
	device, _, _ := strings.Cut(s.Device, " ")
	scale := ""
	if s.DefaultFor > 0 {
		scale = fmt.Sprintf("x%d by default for %d rows (Options.Scale), ", s.Scale, s.DefaultFor)
	}
	return fmt.Sprintf("%s %dx%d%s -> %s %dx%d, %s%s on %s", s.Input, s.Width, s.Height, rate, s.Output, s.OutputWidth, s.OutputHeight,
		scale, s.Model, strings.TrimSuffix(device, ","))
}

// String is the note with its label.
func (n Note) String() string { return "note: " + string(n) }

// String says where the job resumes.
func (r Resumed) String() string {
	return fmt.Sprintf("resuming: %d of %d frames are finished", r.Frames, r.Total)
}

// String names the output.
func (f Finished) String() string { return f.Output + " was finished by an earlier run" }

// String says how to continue.
func (k Kept) String() string {
	if k.Frames == 0 {
		return "no segment is finished yet; the same command begins again and replaces the output"
	}
	return fmt.Sprintf("%d frames are finished in %s; the same command continues there", k.Frames, k.Dir)
}

// String says how far the job is.
func (p Progress) String() string {
	if p.Total > 0 {
		return fmt.Sprintf("%s: %d of %d frames, %.1f fps", p.Phase, p.Frames, p.Total, p.FPS())
	}
	return fmt.Sprintf("%s: %d frames, %.1f fps", p.Phase, p.Frames, p.FPS())
}

func (Started) event()      {}
func (Note) event()         {}
func (Resumed) event()      {}
func (Finished) event()     {}
func (Kept) event()         {}
func (Progress) event()     {}
func (FormatChange) event() {}
