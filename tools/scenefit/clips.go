package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/internal/synth"
	"vsr/media"
	"vsr/scene"
)

// clip is what a detector sees of a file, with its truth.
type clip struct {
	File   string
	Kind   string
	Seed   uint64
	Events []synth.Event

	format media.Format
	sums   [][]uint16 // of each frame; nil for one that repeats the frame before it
}

// readClips reads truth.json of each folder, and the clips that it names.
func readClips(folders []string) (all []*clip, err error) {
	for _, dir := range folders {
		b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
		if err != nil {
			return nil, err
		}
		var list []*clip
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, fmt.Errorf("%s: truth.json: %w", dir, err)
		}
		for _, c := range list {
			if synth.HeldOut(c.Seed) {
				return nil, fmt.Errorf("%s: seed %d is held out: nothing may be fitted to it", c.File, c.Seed)
			}
			if err := c.read(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.File, err)
			}
		}
		all = append(all, list...)
	}
	return all, nil
}

// read decodes a clip and keeps the sums of its frames.
func (c *clip) read() error {
	src, err := decode.Open(context.Background(), c.File, decode.Options{})
	if err != nil {
		return err
	}
	defer src.Close()
	c.format = src.Info().Format
	wide := make([]uint32, scene.Planes(c.format)*scene.Cells)
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.Frame != nil {
			var sums []uint16
			if !u.Frame.Repeat || len(c.sums) == 0 {
				scene.Sums(wide, u.Frame)
				sums = make([]uint16, len(wide))
				for i, v := range wide {
					sums[i] = uint16(v) // 16 samples of 8 bits
				}
			}
			c.sums = append(c.sums, sums)
		}
		u.Release()
	}
}

// detect runs a detector over the clip and returns the first frames of all scenes but the first.
func (c *clip) detect(o scene.Options) []int { return c.detectIn(o, 0) }

// detectIn is detect for the clip with noise of a deviation, in 8-bit code values, in what each cell sums. Small and grainy videos
// have as much.
func (c *clip) detectIn(o scene.Options, noise float64) (cuts []int) {
	d := scene.New(o)
	r := rand.New(rand.NewPCG(c.Seed, uint64(noise*1000)))
	wide := make([]uint32, scene.Planes(c.format)*scene.Cells)
	for i, sums := range c.sums {
		before := d.Scene()
		if sums == nil {
			d.Mark(&media.Frame{Format: c.format, Repeat: true}) // of which nothing else is read
		} else {
			for k, v := range sums {
				if wide[k] = uint32(v); noise > 0 {
					const most = 16 * 255
					wide[k] = uint32(min(max(float64(v)+16*noise*r.NormFloat64(), 0), most))
				}
			}
			d.MarkSums(c.format, wide)
		}
		if i > 0 && d.Scene() != before {
			cuts = append(cuts, i)
		}
	}
	return cuts
}

// at returns the event of the cut or transition that covers a frame, widened by a frame on each side if it is gradual.
func (c *clip) at(frame int) (e synth.Event, ok bool) {
	for _, e := range c.Events {
		wide := 0
		if e.Last > e.First {
			wide = 1
		}
		if e.Cut && frame >= e.First-wide && frame <= e.Last+wide {
			return e, true
		}
	}
	return e, false
}

// listErrors prints the counts by kind, and each error with the events beside it.
func listErrors(out io.Writer, clips []*clip) error {
	counts := map[string]synth.Counts{}
	var all synth.Counts
	for _, c := range clips {
		judged := map[int64]scene.Judgement{}
		cuts := c.detect(scene.Options{Decide: func(j scene.Judgement) bool {
			j.Features = append([]float32(nil), j.Features...)
			if old, ok := judged[j.Frame]; !ok || j.Score > old.Score {
				judged[j.Frame] = j
			}
			return j.Score >= 0.5
		}})
		n := synth.Score(c.Events, cuts, 1)
		sum := counts[c.Kind]
		sum.Add(n)
		counts[c.Kind] = sum
		all.Add(n)
		c.explain(out, cuts, judged)
	}
	fmt.Fprintln(out)
	for _, kind := range synth.Kinds() {
		if n, ok := counts[kind]; ok {
			fmt.Fprintf(out, "%-10s F1 %.3f %+v\n", kind, n.F1(), n)
		}
	}
	_, err := fmt.Fprintf(out, "%-10s F1 %.3f %+v\n", "all", all.F1(), all)
	return err
}

// explain prints the errors in one clip.
func (c *clip) explain(out io.Writer, cuts []int, judged map[int64]scene.Judgement) {
	used := make([]bool, len(cuts))
	for _, e := range c.Events {
		if !e.Cut {
			continue
		}
		hit := false
		for i, at := range cuts {
			if !hit && !used[i] && at >= e.First-1 && at <= e.Last+1 {
				used[i], hit = true, true
			}
		}
		if !hit {
			j := judged[int64(e.First)]
			fmt.Fprintf(out, "%s: missed %v; at its first frame %s %.2f %.2f\n", filepath.Base(c.File), e, j.Model, j.Score, j.Features)
		}
	}
	for i, at := range cuts {
		if used[i] {
			continue
		}
		j := judged[int64(at)]
		fmt.Fprintf(out, "%s: false at %d %s %.2f %.2f;", filepath.Base(c.File), at, j.Model, j.Score, j.Features)
		for _, e := range c.Events {
			if at >= e.First-8 && at <= e.Last+8 {
				fmt.Fprintf(out, " %v", e)
			}
		}
		fmt.Fprintln(out)
	}
}
