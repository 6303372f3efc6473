package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vsr/decode"
	"vsr/encode"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/verify"
)

// report is what --report writes, and what `vsr run` knows at the end.
type report struct {
	Version string                `json:"version"`
	Input   inputReport           `json:"input"`
	Output  string                `json:"output"`
	OK      bool                  `json:"ok"`
	Error   string                `json:"error,omitempty"`
	Stopped bool                  `json:"interrupted,omitempty"` // by the first Ctrl-C
	Frames  frameCounts           `json:"frames"`
	Scenes  []sr.SceneRecord      `json:"scenes"`
	Streams []encode.StreamAction `json:"streams"`
	Model   modelReport           `json:"model"`
	Device  string                `json:"device"`
	Card    *cardReport           `json:"card,omitempty"`    // pictures that stayed on a card
	Workers []workerReport        `json:"workers,omitempty"` // of a run by several
	// Stages holds the milliseconds that each room was busy. They overlap, so the sum exceeds the elapsed time.
	Stages     map[string]float64 `json:"stages_ms"`
	Bottleneck string             `json:"bottleneck"`
	ElapsedMS  float64            `json:"elapsed_ms"`
	FPS        float64            `json:"fps"`
	PeakRSS    int64              `json:"peak_rss_bytes"`
	Upscale    sr.Stats           `json:"upscale"`
	Notes      []string           `json:"notes,omitempty"`
	// Checks is what the output, read back, was found to hold.
	Checks []verify.Check `json:"checks,omitempty"`
}

// inputReport says what the decoder met.
type inputReport struct {
	Path       string `json:"path"`
	Damaged    int64  `json:"damaged"`    // packets or pictures that did not decode and were skipped
	Corrupt    int64  `json:"corrupt"`    // pictures that are partly damaged
	Repaired   int64  `json:"repaired"`   // missing, repeated or backward time stamps that were replaced
	Interlaced int64  `json:"interlaced"` // pictures that were deinterlaced
	Refused    int    `json:"refused"`    // files or addresses named inside the input, not opened
	Truncated  bool   `json:"truncated"`
	Missing    int64  `json:"missing,omitempty"` // pictures that an MP4's index names and the file does not hold
	// FormatChanges counts changes of size, layout, depth or colour in mid-stream; Turns are the first of them.
	FormatChanges int64  `json:"format_changes,omitempty"`
	Turns         []turn `json:"turns,omitempty"`
	AspectTurns   int    `json:"aspect_changes,omitempty"` // of the pixel aspect, which the output does not follow
}

func (r *inputReport) from(s decode.Stats) {
	r.Damaged, r.Corrupt, r.Repaired, r.Interlaced = s.Damaged, s.Corrupt, s.Repaired, s.Interlaced
	r.Refused, r.Truncated, r.Missing, r.AspectTurns = s.Refused, s.Truncated, s.Missing, s.AspectTurns
}

// damage puts into words what did not decode, "" if all did.
func (r *inputReport) damage() string {
	if r.Damaged == 0 && r.Corrupt == 0 && !r.Truncated {
		return ""
	}
	text := fmt.Sprintf("%d packets or pictures did not decode, %d pictures are partly damaged", r.Damaged, r.Corrupt)
	if r.Truncated {
		text += ", and it ends too early"
	}
	if r.Missing > 0 {
		text += fmt.Sprintf(": %d pictures of its index are missing", r.Missing)
	}
	return text
}

type frameCounts struct {
	In       int64 `json:"in"`
	Out      int64 `json:"out"`
	Repeated int64 `json:"repeated"` // frames that equal the one before
	// Reused is the share of the computed picture area that was taken from the frame before, because nothing that the network
	// looks at had changed there; repeated frames count whole.
	Reused  float64 `json:"reused_share"`
	Resumed int64   `json:"resumed,omitempty"` // frames that an earlier run had finished
}

type workerReport struct {
	Device string `json:"device"`
	Pieces int64  `json:"pieces"`
	Frames int64  `json:"frames"`
}

type modelReport struct {
	Name    string `json:"name"`
	Hash    string `json:"hash"`
	Scale   int    `json:"scale"`
	StandIn bool   `json:"stand_in,omitempty"` // bicubic interpolation in place of weights
}

// timing fills in what the belt has measured.
func (r *report) timing(s pipeline.Stats) {
	r.Stages = map[string]float64{}
	for _, room := range s.Rooms {
		r.Stages[room.Name] = room.BusyMS
	}
	r.Bottleneck, r.FPS = s.Bottleneck(), s.FPS()
	r.ElapsedMS = float64(s.Elapsed) / float64(time.Millisecond)
	r.PeakRSS = peakRSS()
}

// write puts the report into a file, or on w if the path is a dash.
func (r *report) write(path string, w io.Writer) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = w.Write(text)
		return err
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		return destinationFault(err)
	}
	return nil
}

// peakRSS is the largest resident memory of the process so far, in bytes.
func peakRSS() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss * 1024
}
