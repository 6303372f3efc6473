package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vsr/internal/atomicfile"
	"vsr/media"
	"vsr/upscale"
	"vsr/verify"
	"vsr/verify/html"
)

// compareRequest is one `vsr compare` as the command line put it.
type compareRequest struct {
	verifyRequest
	page, strip, report string
	replace             bool
	scenes              int
}

const compareHelp = `Reads both files to their ends and writes a report page: one HTML file that needs nothing but a browser. It shows frames of the scenes
with a slider between source and output, the degradation vector (IDR) of each scene, the numbers of every frame, and the checks of vsr verify.
The vectors come from the report of the run, which is looked for as OUT.json and as OUT with the ending .json; without one the scenes are
found again and the vectors are left out.

Exit code 0 when all checks passed, else 7; the page is written in both cases.`

const compareExamples = `  vsr run clip.mp4 -o big.mp4 --report big.json
  vsr compare clip.mp4 big.mp4                              # big.compare.html
  vsr compare clip.mp4 big.mp4 -o page.html --strip strip.png
  vsr compare clip.mp4 part.mp4 --start 1:30 --duration 10  # of a run with the same flags
  vsr compare clip.mp4 big.mp4 --json | jq .frame`

func (a *app) compareCommand() *cobra.Command {
	var r compareRequest
	cmd := &cobra.Command{
		Use: "compare SRC OUT", Short: "Show source and output side by side, scene by scene, on one page",
		Long: compareHelp, Example: compareExamples, Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.StringVarP(&r.page, "output", "o", "", "page to write; empty is OUT with the ending .compare.html")
	f.StringVar(&r.strip, "strip", "", "also write one row of images for each scene into a PNG `file`")
	f.StringVar(&r.report, "report", "", "JSON report of the run that made OUT")
	f.IntVar(&r.scenes, "scenes", 12, "show at most so many scenes, spread over the video")
	f.BoolVarP(&r.replace, "yes", "y", false, "replace page and strip if they exist")
	f.BoolVar(&r.json, "json", false, "print checks, scenes and the numbers of every frame as JSON")
	r.flags(f)
	r.AnySize = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.src, r.out = args[0], args[1]
		return a.compare(cmd.Context(), r)
	}
	return cmd
}

// destinations fills in the page's name and refuses, before any work is done, what could not be written at its end.
func (r *compareRequest) destinations() error {
	if r.page == "" {
		r.page = strings.TrimSuffix(r.out, filepath.Ext(r.out)) + ".compare.html"
	}
	if r.scenes < 1 || r.scenes > 1000 {
		return usageFault("", "--scenes %d: want 1 to 1000", r.scenes)
	}
	for _, d := range []struct{ path, what, end, other string }{{r.page, "the page", ".html", ".htm"}, {r.strip, "the strip", ".png", ".png"}} {
		if d.path == "" {
			continue
		}
		if ext := strings.ToLower(filepath.Ext(d.path)); ext != d.end && ext != d.other {
			return usageFault("", "%s: %s is written under a name that ends in %s", d.path, d.what, d.end)
		}
		if _, err := os.Lstat(d.path); err == nil && !r.replace {
			return destinationFault(&fs.PathError{Op: "write", Path: d.path, Err: fs.ErrExist})
		}
		if st, err := os.Stat(filepath.Dir(d.path)); err != nil || !st.IsDir() {
			return fault{exitDestination, fmt.Errorf("%s: no such folder", filepath.Dir(d.path)), ""}
		}
	}
	return nil
}

// compareResult is what --json prints.
type compareResult struct {
	*verify.Report
	Page   string           `json:"page"`
	Strip  string           `json:"strip,omitempty"`
	Scenes []html.Scene     `json:"scenes"`
	Frames []verify.Numbers `json:"frames"`
}

func (a *app) compare(ctx context.Context, r compareRequest) error {
	if err := r.destinations(); err != nil {
		return err
	}
	run, err := r.findReport()
	if err != nil {
		return err
	}
	scenes, err := a.scenesOf(ctx, &r, run)
	if err != nil {
		return err
	}
	g := html.NewGallery(scenes, r.scenes)
	show := a.quietProgress(scenes)
	var pair html.Pair
	r.Opened = func(source, output *media.Info) { pair.SourceInfo, pair.OutputInfo = source, output }
	r.Frame = func(n verify.Numbers, source, output *media.Frame) {
		pair.Source, pair.Output = source, output
		g.Add(n, pair)
		show.step(n.Frame + 1)
	}
	result, err := a.verify(ctx, r.verifyRequest)
	show.finish()
	if err != nil {
		return err
	}
	page, err := g.Page(result, runFacts(run))
	if err != nil {
		return err
	}
	if err := r.write(page); err != nil {
		return err
	}
	if r.json {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(compareResult{result, r.page, r.strip, scenes, g.Numbers()}); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.stdout, r.page)
		if r.strip != "" {
			fmt.Fprintln(a.stdout, r.strip)
		}
	}
	return checksPassed(result)
}

// write puts page and strip into their files, whole or not at all.
func (r *compareRequest) write(p *html.Page) error {
	if err := atomicfile.Write(r.page, p.WriteHTML); err != nil {
		return destinationFault(err)
	}
	if r.strip == "" {
		return nil
	}
	if err := atomicfile.Write(r.strip, p.WriteStrip); err != nil {
		return destinationFault(err)
	}
	return nil
}

// findReport reads the report of the run, if there is one. One that was named must fit; one that was found by its name is
// passed over when it is of something else.
func (r *compareRequest) findReport() (*upscale.Report, error) {
	stem := strings.TrimSuffix(r.out, filepath.Ext(r.out))
	if r.report != "" {
		run, err := upscale.ReadReport(r.report)
		if err != nil {
			return nil, usageFault("--report wants the file that `vsr run --report` has written", "%w", err)
		}
		return run, nil
	}
	for _, path := range []string{r.out + ".json", stem + ".json"} {
		if run, err := upscale.ReadReport(path); err == nil && filepath.Base(run.Output) == filepath.Base(r.out) {
			return run, nil
		}
	}
	return nil, nil
}

// scenesOf takes the scenes from the run's report, or finds them in the source.
func (a *app) scenesOf(ctx context.Context, r *compareRequest, run *upscale.Report) ([]html.Scene, error) {
	if run != nil {
		return placedScenes(run.Scenes, run.Frames.Out), nil
	}
	r.Logger = a.logger()
	scenes, frames, err := upscale.Scenes(ctx, r.src, r.VerifyOptions)
	list := make([]upscale.SceneReport, len(scenes))
	for i, s := range scenes {
		list[i].SceneRecord = s
	}
	return placedScenes(list, frames), err
}

// placedScenes are scenes with their lengths; those that do not lie within the video are left out.
func placedScenes(scenes []upscale.SceneReport, frames int64) []html.Scene {
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

// runFacts is what the page says of the run, nil without a report.
func runFacts(run *upscale.Report) []html.Fact {
	if run == nil {
		return nil
	}
	return []html.Fact{{Name: "model", Value: run.Model.Name}, {Name: "device", Value: run.Device},
		{Name: "speed", Value: fmt.Sprintf("%.1f frames/s", run.FPS)}, {Name: "vsr", Value: run.Version}}
}

// quiet shows a bar on a terminal and nothing elsewhere.
type quiet struct {
	progress
	total int64
	began time.Time
}

func (a *app) quietProgress(scenes []html.Scene) *quiet {
	kind, total := progressNone, 0
	if isTerminal(a.stderr) {
		kind = progressBar
	}
	for _, s := range scenes {
		total += s.Frames
	}
	return &quiet{a.newProgress(kind), int64(total), time.Now()}
}

// step tells how many frames are done.
func (q *quiet) step(frames int) {
	q.update(upscale.Progress{Frames: int64(frames), Total: q.total, Elapsed: time.Since(q.began)})
}
