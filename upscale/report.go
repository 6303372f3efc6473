package upscale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/atomicfile"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/verify"
)

// ReportVersion is the Report.SchemaVersion of this program. It grows when a key changes its meaning or goes.
const ReportVersion = 1

// Report is what a job knows at its end. As JSON it is what `vsr run --report` writes (docs/report.schema.json).
type Report struct {
	SchemaVersion int                   `json:"schema_version"`
	Version       string                `json:"version"` // of the program
	Input         InputReport           `json:"input"`
	Output        string                `json:"output"`
	OK            bool                  `json:"ok"`
	Error         string                `json:"error,omitempty"`
	Stopped       bool                  `json:"interrupted,omitempty"` // by Options.Stop
	Frames        FrameCounts           `json:"frames"`
	Scenes        []SceneReport         `json:"scenes"`
	Streams       []encode.StreamAction `json:"streams"`
	Model         ModelReport           `json:"model"`
	Device        string                `json:"device"`
	GPU           *GPUReport            `json:"gpu,omitempty"`     // frames that stayed in a GPU's memory
	Workers       []WorkerReport        `json:"workers,omitempty"` // of a job by several
	// Stages holds the milliseconds that each stage was busy. They overlap, so the sum exceeds the elapsed time.
	Stages     map[string]float64 `json:"stages_ms"`
	Bottleneck string             `json:"bottleneck"` // the stage that was busy longest
	ElapsedMS  float64            `json:"elapsed_ms"`
	FPS        float64            `json:"fps"`
	PeakRSS    int64              `json:"peak_rss_bytes"` // largest resident memory of the process
	Upscale    sr.Stats           `json:"upscale"`
	Notes      []string           `json:"notes,omitempty"`
	// Checks is what the output, read back, was found to hold.
	Checks []verify.Check `json:"checks,omitempty"`
}

// InputReport says what the decoder met.
type InputReport struct {
	Path       string `json:"path"`
	Damaged    int64  `json:"damaged"`    // packets or frames that did not decode and were skipped
	Corrupt    int64  `json:"corrupt"`    // frames that are partly damaged
	Repaired   int64  `json:"repaired"`   // missing, repeated or backward time stamps that were replaced
	Interlaced int64  `json:"interlaced"` // frames that were deinterlaced
	Refused    int    `json:"refused"`    // files or addresses named inside the input, not opened
	Truncated  bool   `json:"truncated"`
	Missing    int64  `json:"missing,omitempty"` // frames that an MP4's index names and the file does not hold
	// FormatChanges counts changes of size, layout, depth or color in mid-stream; Changes are the first of them.
	FormatChanges int64          `json:"format_changes,omitempty"`
	Changes       []FormatChange `json:"changes,omitempty"`
	AspectChanges int            `json:"aspect_changes,omitempty"` // of the pixel aspect, which the output does not follow
}

func (r *InputReport) from(s decode.Stats) {
	r.Damaged, r.Corrupt, r.Repaired, r.Interlaced = s.Damaged, s.Corrupt, s.Repaired, s.Interlaced
	r.Refused, r.Truncated, r.Missing, r.AspectChanges = s.Refused, s.Truncated, s.Missing, s.AspectTurns
}

// damage puts into words what did not decode, "" if all did.
func (r *InputReport) damage() string {
	if r.Damaged == 0 && r.Corrupt == 0 && !r.Truncated {
		return ""
	}
	text := fmt.Sprintf("%d packets or frames did not decode, %d frames are partly damaged", r.Damaged, r.Corrupt)
	if r.Truncated {
		text += ", and it ends too early"
	}
	if r.Missing > 0 {
		text += fmt.Sprintf(": %d frames of its index are missing", r.Missing)
	}
	return text
}

// FrameCounts counts the frames of a job.
type FrameCounts struct {
	In       int64 `json:"in"`
	Out      int64 `json:"out"`
	Repeated int64 `json:"repeated"` // frames that equal the one before
	// Reused is the share of the computed area that was taken from the frame before, because nothing within the network's receptive
	// field had changed there; repeated frames count whole.
	Reused  float64 `json:"reused_share"`
	Resumed int64   `json:"resumed,omitempty"` // frames that an earlier run had finished
}

// WorkerReport says what one of several workers did.
type WorkerReport struct {
	Device   string `json:"device"`
	Segments int64  `json:"segments"`
	Frames   int64  `json:"frames"`
}

// ModelReport names the network.
type ModelReport struct {
	Name     string `json:"name"`
	Hash     string `json:"hash"`
	Scale    int    `json:"scale"`
	Fallback bool   `json:"fallback,omitempty"` // bicubic interpolation in place of weights
}

// GPUReport counts the frames that did not cross the bus, or crossed it by FFmpeg's hand only.
type GPUReport struct {
	Decoded int64 `json:"decoded"` // came from the decoder on the GPU
	Written int64 `json:"written"` // went to the encoder on the GPU
}

// timing fills in what the pipeline has measured.
func (r *Report) timing(s pipeline.Stats) {
	r.Stages = map[string]float64{}
	for _, stage := range s.Stages {
		r.Stages[stage.Name] = stage.BusyMS
	}
	r.Bottleneck, r.FPS = s.Bottleneck(), s.FPS()
	r.ElapsedMS = float64(s.Elapsed) / float64(time.Millisecond)
	r.PeakRSS = peakRSS()
}

// Write writes the report as indented JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteFile puts the report into a file, whole or not at all, or on stdout if path is a dash.
func (r *Report) WriteFile(path string, stdout io.Writer) error {
	if path == "-" {
		return r.Write(stdout)
	}
	return OutputError(atomicfile.Write(path, r.Write))
}

// maxReport is the largest report that is read, in bytes.
const maxReport = 64 << 20

// maxFrames is more than any video has; counts up to it can be multiplied without overflow.
const maxFrames = 1 << 40

// ReadReport reads a report that Write has written into a file.
func ReadReport(path string) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxReport)
	}
	r, err := ParseReport(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ParseReport reads a report, which anybody may have written.
func ParseReport(text []byte) (*Report, error) {
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	switch {
	case r.Output == "" || len(r.Scenes) == 0:
		return nil, errors.New("this is no report of a run")
	case r.SchemaVersion != ReportVersion:
		return nil, fmt.Errorf("a report of version %d, this program reads %d", r.SchemaVersion, ReportVersion)
	case r.Frames.Out < 0 || r.Frames.Out > maxFrames:
		return nil, fmt.Errorf("a report of %d frames", r.Frames.Out)
	}
	return r, nil
}

// peakRSS is the largest resident memory of the process so far, in bytes.
func peakRSS() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss * 1024
}
