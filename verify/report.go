package verify

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"vsr/internal/fault"
)

// Check is one comparison.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Must   bool   `json:"must"` // a failure makes the output bad
	Detail string `json:"detail"`
}

// Frame is what was measured on the frames. PSNR values are in dB on luma, capped at 100.
type FrameQuality struct {
	Frames        int     `json:"frames"`
	ConsistencyDB float64 `json:"consistency_psnr"`  // the output, reduced to the source's size, against the source
	WorstDB       float64 `json:"consistency_worst"` // its lowest frame
	ColorDrift    float64 `json:"color_drift"`       // largest difference of a plane's mean, in 8-bit levels, over the whole video
	Flicker       float64 `json:"flicker"`           // mean change of static pixels between frames, 8-bit levels
	SourceFlicker float64 `json:"source_flicker"`
	Clipped       float64 `json:"clipped"` // share of luma samples at the limits of the range, beyond the source's share
	PSNR          float64 `json:"psnr,omitempty"`
	SSIM          float64 `json:"ssim,omitempty"`
	VMAF          float64 `json:"vmaf,omitempty"` // mean of all frames, 0 to 100
	WorstVMAF     float64 `json:"vmaf_worst,omitempty"`
}

// Report is the result of Compare.
type Report struct {
	Source       string        `json:"source"`
	Output       string        `json:"output"`
	OK           bool          `json:"ok"`
	Checks       []Check       `json:"checks"`
	FrameQuality *FrameQuality `json:"frame,omitempty"`
	// VMAF is the number of every frame, 0 where it was not measured; nil without.
	VMAF []float64 `json:"-"`
}

func (r *Report) add(must bool, name string, ok bool, format string, args ...any) {
	r.Checks = append(r.Checks, Check{Name: name, OK: ok, Must: must, Detail: fmt.Sprintf(format, args...)})
	if must && !ok {
		r.OK = false
	}
}

func (r *Report) must(name string, ok bool, format string, args ...any) {
	r.add(true, name, ok, format, args...)
}

// Err is nil if all checks that must pass did, else an error of kind fault.Check that names the others.
func (r *Report) Err() error {
	if r.OK {
		return nil
	}
	return fault.New(fault.Check, "", "verify: %s does not hold what %s does: %s", filepath.Base(r.Output), filepath.Base(r.Source), strings.Join(r.Failures(), ", "))
}

// Failures returns the names of the checks that had to hold and did not.
func (r *Report) Failures() []string {
	var names []string
	for _, c := range r.Checks {
		if c.Must && !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

// Print writes the report as a table for people.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		mark := "ok"
		switch {
		case !c.OK && c.Must:
			mark = "FAIL"
		case !c.OK:
			mark = "note"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", mark, c.Name, c.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	result := "all checks passed"
	if !r.OK {
		result = "failed: " + strings.Join(r.Failures(), ", ")
	}
	_, err := fmt.Fprintln(w, result)
	return err
}
