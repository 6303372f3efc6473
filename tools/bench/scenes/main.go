// Command scenes measures scene detectors on clips with known cuts (internal/synth): vsr's, FFmpeg's scdet, and PySceneDetect's
// AdaptiveDetector and ContentDetector. All read the same encoded files. It prints F1 at one frame of tolerance by kind.
//
//	go run ./tools/bench/scenes [-seeds 10] [-from 21] [-kinds hard,dark] [-tuning] [-stills DIR] [-python venv/bin/python] [-ffmpeg ffmpeg]
//
//	go run ./tools/bench/scenes -cost -width 640 -height 360
//
// The clips of odd seeds are measured, which nothing was fitted to; -tuning takes the even ones. Peers that are not installed are
// left out, and the table says so. PySceneDetect: `pip install scenedetect-headless`.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	_ "image/jpeg" // stills
	_ "image/png"  // stills
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"vsr/internal/synth"
)

type options struct {
	seeds, from          int
	kinds                []string
	tuning               bool
	stills, work         string
	python, ffmpeg, json string
	width, height        int
}

// seed is the nth of the half that is measured.
func (o *options) seed(n int) uint64 {
	first := uint64(o.from)
	if synth.HeldOut(first) == o.tuning {
		first++
	}
	return first + 2*uint64(n)
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "scenes:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("scenes", flag.ContinueOnError)
	f.IntVar(&o.seeds, "seeds", 10, "clips of each kind")
	f.IntVar(&o.from, "from", 0, "first seed; the next of the half from it on are taken")
	kinds := f.String("kinds", "", "comma-separated kinds, all by default: "+strings.Join(synth.Kinds(), ", "))
	f.BoolVar(&o.tuning, "tuning", false, "the even seeds instead of the held-out odd ones")
	f.StringVar(&o.stills, "stills", "", "folder of JPEG or PNG images used beside generated ones")
	f.StringVar(&o.work, "work", "", "folder that keeps the clips and truth.json; default is a temporary one")
	f.StringVar(&o.python, "python", "", "Python with scenedetect; empty leaves PySceneDetect out")
	f.StringVar(&o.ffmpeg, "ffmpeg", "", "ffmpeg program; empty leaves scdet out")
	f.StringVar(&o.json, "json", "", "file for all counts")
	cost := f.Bool("cost", false, "measure only what finding scenes costs of a frame of nano-x2, at -width and -height")
	f.IntVar(&o.width, "width", 320, "width of the clips")
	f.IntVar(&o.height, "height", 180, "height of the clips")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.from < 0 || o.seeds < 1 {
		return fmt.Errorf("%d seeds from %d: want at least one, from 0 on", o.seeds, o.from)
	}
	if *cost {
		return measureCost(context.Background(), out, o)
	}
	o.kinds = synth.Kinds()
	if *kinds != "" {
		o.kinds = strings.Split(*kinds, ",")
	}
	if o.work == "" {
		dir, err := os.MkdirTemp("", "vsr-scenes-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.work = dir
	}
	clips, err := writeClips(o)
	if err != nil {
		return err
	}
	results, err := detectAll(o, clips)
	if err != nil {
		return err
	}
	tables := tabulate(o, clips, results)
	printTable(out, o, tables)
	if o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(tables, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(b, '\n'), 0o666)
}

// row is a kind with the counts of each detector.
type row struct {
	Kind        string                  `json:"kind"`
	Cuts        int                     `json:"cuts"`
	Distractors int                     `json:"distractors"`
	Frames      int                     `json:"frames"`
	Counts      map[string]synth.Counts `json:"counts"`
}

// table has a row for each kind and one for all.
type table struct {
	Detectors []string `json:"detectors"`
	Rows      []row    `json:"rows"`
}

func tabulate(o options, clips []clip, results []detection) table {
	t := table{}
	for _, d := range results {
		t.Detectors = append(t.Detectors, d.name)
	}
	all := row{Kind: "all", Counts: map[string]synth.Counts{}}
	for _, kind := range o.kinds {
		r := row{Kind: kind, Counts: map[string]synth.Counts{}}
		for i, c := range clips {
			if c.Kind != kind {
				continue
			}
			r.Frames += c.Frames
			for _, e := range c.Events {
				if e.Cut {
					r.Cuts++
				} else {
					r.Distractors++
				}
			}
			for _, d := range results {
				n := r.Counts[d.name]
				n.Add(synth.Score(c.Events, d.cuts[i], 1))
				r.Counts[d.name] = n
			}
		}
		for name, n := range r.Counts {
			sum := all.Counts[name]
			sum.Add(n)
			all.Counts[name] = sum
		}
		all.Cuts, all.Distractors, all.Frames = all.Cuts+r.Cuts, all.Distractors+r.Distractors, all.Frames+r.Frames
		t.Rows = append(t.Rows, r)
	}
	t.Rows = append(t.Rows, all)
	return t
}

func printTable(out io.Writer, o options, t table) {
	half := "held-out (odd)"
	if o.tuning {
		half = "tuning (even)"
	}
	fmt.Fprintf(out, "F1 at one frame of tolerance, and false cuts, on the %s seeds from %d on, %d of each kind, %dx%d\n\n", half, o.seed(0), o.seeds, o.width, o.height)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "kind\tcuts\tdistractors\tframes\t%s\n", strings.Join(t.Detectors, "\t"))
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d", r.Kind, r.Cuts, r.Distractors, r.Frames)
		for _, name := range t.Detectors {
			fmt.Fprintf(w, "\t%.3f (%d)", r.Counts[name].F1(), r.Counts[name].False)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // to a terminal
}

// readStills reads the images of a folder in the order of their names.
func readStills(dir string) (list []*synth.Image, err error) {
	if dir == "" {
		return nil, nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		if ext := strings.ToLower(filepath.Ext(name)); ext != ".jpg" && ext != ".jpeg" && ext != ".png" || len(list) == 160 {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		m, _, err := image.Decode(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, synth.NewImage(m))
	}
	return list, nil
}
