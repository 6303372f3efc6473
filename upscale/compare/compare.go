// Package compare makes the page that shows a source and its output side by side: frames of the scenes with a slider between the two,
// the degradation vector of each scene, the numbers of every frame, and the checks of package verify.
package compare

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/atomicfile"
	"vsr/internal/fault"
	"vsr/media"
	"vsr/upscale"
	"vsr/verify"
	"vsr/verify/html"
)

// Options of Run. The zero value writes OUT.compare.html.
type Options struct {
	upscale.VerifyOptions
	Page    string // .html file to write; empty is the output's name with the ending .compare.html
	Strip   string // .png file to write with one row of images for each scene; empty is none
	Report  string // JSON report of the run that made the output; empty looks for it beside the output
	Replace bool   // replace page and strip if they exist
	Scenes  int    // show at most so many, spread over the video; 1 to 1000
	// Progress, when not nil, is called with the frames so far and those that the scenes promise.
	Progress func(done, total int64)
}

// Result is what was found, and where it stands.
type Result struct {
	*verify.Report
	Page   string           `json:"page"`
	Strip  string           `json:"strip,omitempty"`
	Scenes []html.Scene     `json:"scenes"`
	Frames []verify.Numbers `json:"frames"`
}

// Print writes the names of the files.
func (r *Result) Print(w io.Writer) error {
	text := r.Page + "\n"
	if r.Strip != "" {
		text += r.Strip + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// Run reads both files to their ends and writes the page. A failed check is no error here: see verify.Report.Err. Errors are
// *fault.Error.
func Run(ctx context.Context, source, output string, o Options) (*Result, error) {
	if o.Page == "" {
		o.Page = stem(output) + ".compare.html"
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	run, err := o.findReport(output)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	scenes, err := scenesOf(ctx, source, run, o.VerifyOptions)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, s := range scenes {
		total += int64(s.Frames)
	}
	g := html.NewGallery(scenes, o.Scenes)
	var pair html.Pair
	o.Opened = func(source, output *media.Info) { pair.SourceInfo, pair.OutputInfo = source, output }
	o.Frame = func(n verify.Numbers, source, output *media.Frame) {
		pair.Source, pair.Output = source, output
		g.Add(n, pair)
		if o.Progress != nil {
			o.Progress(int64(n.Frame)+1, total)
		}
	}
	report, err := upscale.Verify(ctx, source, output, o.VerifyOptions)
	if err != nil {
		return nil, err
	}
	page, err := g.Page(report, facts(run))
	if err != nil {
		return nil, err
	}
	if err := upscale.OutputError(atomicfile.Write(o.Page, page.WriteHTML)); err != nil {
		return nil, err
	}
	if o.Strip != "" {
		if err := upscale.OutputError(atomicfile.Write(o.Strip, page.WriteStrip)); err != nil {
			return nil, err
		}
	}
	return &Result{report, o.Page, o.Strip, scenes, g.Numbers()}, nil
}

func stem(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// validate refuses, before any work is done, what could not be written at its end.
func (o *Options) validate() error {
	if o.Scenes < 1 || o.Scenes > 1000 {
		return fault.New(fault.Usage, "", "--scenes %d: want 1 to 1000", o.Scenes)
	}
	for _, d := range []struct{ path, what, end, other string }{{o.Page, "the page", ".html", ".htm"}, {o.Strip, "the strip", ".png", ".png"}} {
		if d.path == "" {
			continue
		}
		if ext := strings.ToLower(filepath.Ext(d.path)); ext != d.end && ext != d.other {
			return fault.New(fault.Usage, "", "%s: %s is written under a name that ends in %s", d.path, d.what, d.end)
		}
		if _, err := os.Lstat(d.path); err == nil && !o.Replace {
			return upscale.OutputError(&fs.PathError{Op: "write", Path: d.path, Err: fs.ErrExist})
		}
		if st, err := os.Stat(filepath.Dir(d.path)); err != nil || !st.IsDir() {
			return fault.New(fault.Output, "", "%s: no such folder", filepath.Dir(d.path))
		}
	}
	return nil
}

// findReport reads the report of the run, if there is one. One that was named must fit; one that was found by its name is
// passed over when it is of something else.
func (o *Options) findReport(output string) (*upscale.Report, error) {
	if o.Report != "" {
		run, err := upscale.ReadReport(o.Report)
		if err != nil {
			return nil, &fault.Error{Kind: fault.Usage, Err: err, Hint: "--report wants the file that `vsr run --report` has written"}
		}
		return run, nil
	}
	for _, path := range []string{output + ".json", stem(output) + ".json"} {
		if run, err := upscale.ReadReport(path); err == nil && filepath.Base(run.Output) == filepath.Base(output) {
			return run, nil
		}
	}
	return nil, nil
}

// scenesOf takes the scenes from the run's report, or finds them in the source.
func scenesOf(ctx context.Context, source string, run *upscale.Report, o upscale.VerifyOptions) ([]html.Scene, error) {
	if run != nil {
		return placed(run.Scenes, run.Frames.Out), nil
	}
	scenes, frames, err := upscale.Scenes(ctx, source, o)
	list := make([]upscale.SceneReport, len(scenes))
	for i, s := range scenes {
		list[i].SceneRecord = s
	}
	return placed(list, frames), err
}

// placed are scenes with their lengths; those that do not lie within the video are left out.
func placed(scenes []upscale.SceneReport, frames int64) []html.Scene {
	var list []html.Scene
	for i, s := range scenes {
		end := frames
		if i+1 < len(scenes) {
			end = min(end, scenes[i+1].FirstFrame)
		}
		if s.FirstFrame < 0 || end <= s.FirstFrame {
			continue
		}
		h := html.Scene{Index: s.Index, First: int(s.FirstFrame), Frames: int(end - s.FirstFrame), Vector: s.Vector}
		if s.Degradation != nil {
			h.Degradation = s.Degradation.String()
		}
		list = append(list, h)
	}
	return list
}

// facts are what the page says of the run, nil without a report.
func facts(run *upscale.Report) []html.Fact {
	if run == nil {
		return nil
	}
	return []html.Fact{{Name: "model", Value: run.Model.Name}, {Name: "device", Value: run.Device},
		{Name: "speed", Value: fmt.Sprintf("%.1f frames/s", run.FPS)}, {Name: "vsr", Value: run.Version}}
}
