package eval

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"vsr/train/data"
	"vsr/train/degrade"
)

// videoFiles are the names that Data and Input may end in to mean a video.
var videoFiles = []string{".mp4", ".mkv", ".webm", ".mov", ".avi", ".ts", ".m2ts", ".mpg", ".mpeg", ".y4m", ".m4v", ".ogv", ".flv", ".wmv", ".3gp"}

// IsVideo tells by the name whether Options.Data is a video.
func IsVideo(path string) bool {
	return slices.Contains(videoFiles, strings.ToLower(filepath.Ext(path)))
}

const (
	// defaultFrames is how much of a video is measured.
	defaultFrames = 48
	// maxClipBytes bounds the frames that are degraded together.
	maxClipBytes = 2 << 30
	// batch is how many frames of a pair are held in memory and measured together.
	batch = 8
)

// video measures one video: degraded by the protocol, or beside Input, which somebody degraded already, or itself as the input.
func (e *evaluator) video(ctx context.Context) (*Result, error) {
	o := &e.o
	if o.Frames == 0 {
		o.Frames = defaultFrames
	}
	if o.Input != "" {
		o.Degradation = "input " + filepath.Base(o.Input)
		return e.stream(ctx, pairs(ctx, *o))
	}
	all, err := variants(o.Degradation, o.Scale)
	if err != nil {
		return nil, err
	}
	if len(all) == 1 && all[0].recipe == nil {
		return e.stream(ctx, inputs(ctx, *o))
	}
	var takes []take
	for m, err := range data.Frames(ctx, o.Data) {
		if err != nil {
			return nil, err
		}
		if (len(takes)+1)*len(m.Pix)*4 > maxClipBytes {
			return nil, fmt.Errorf("%s: %d frames of %dx%d are more than are degraded together: ask for fewer", o.Data, o.Frames, m.W, m.H)
		}
		t, err := e.original(m, fmt.Sprintf("frame %d", len(takes)))
		if err != nil {
			return nil, err
		}
		if takes = append(takes, t); len(takes) == o.Frames {
			break
		}
	}
	if len(takes) == 0 {
		return nil, fmt.Errorf("%s: %w", o.Data, errNoFrames)
	}
	results, sheet, err := e.clip(ctx, all, takes, 0)
	if err != nil {
		return nil, err
	}
	for _, draw := range sheet {
		if err := draw(); err != nil {
			return nil, err
		}
	}
	return newResult(*o, e.names, results), nil
}

// pairs yields the frames of a degraded video with their originals, at most Options.Frames.
func pairs(ctx context.Context, o Options) iter.Seq2[take, error] {
	return func(yield func(take, error) bool) {
		original, stop := iter.Pull2(data.Frames(ctx, o.Data))
		defer stop()
		n := 0
		for lr, err := range data.Frames(ctx, o.Input) {
			var hr degrade.Image
			ok := true
			if err == nil {
				hr, err, ok = original()
			}
			switch {
			case err != nil:
			case !ok:
				err = fmt.Errorf("%s ends at frame %d, %s goes on: not a pair", o.Data, n, o.Input)
			case hr.W != lr.W*o.Scale || hr.H != lr.H*o.Scale:
				err = fmt.Errorf("frame %d is %dx%d in %s and %dx%d in %s: not a pair at scale %d", n, hr.W, hr.H, o.Data, lr.W, lr.H, o.Input, o.Scale)
			}
			n++
			if !yield(take{lr: lr, hr: &hr}, err) || err != nil || n == o.Frames {
				return
			}
		}
	}
}

// inputs yields the frames of a video that has no original.
func inputs(ctx context.Context, o Options) iter.Seq2[take, error] {
	return func(yield func(take, error) bool) {
		n := 0
		for lr, err := range data.Frames(ctx, o.Data) {
			n++
			if !yield(take{lr: lr}, err) || err != nil || n == o.Frames {
				return
			}
		}
	}
}

// stream measures a few frames of one clip at a time, so memory does not grow with its length.
func (e *evaluator) stream(ctx context.Context, frames iter.Seq2[take, error]) (*Result, error) {
	var images []ImageResult
	var takes []take
	var before *take
	flush := func() error {
		first := len(images)
		for i, t := range takes {
			w, h := t.lr.W*e.o.Scale, t.lr.H*e.o.Scale
			takes[i].name = fmt.Sprintf("frame %d", first+i)
			images = append(images, ImageResult{Name: takes[i].name, Width: w, Height: h, Inputs: 1, sums: make([]mean, len(e.methods))})
		}
		if err := e.upscale(ctx, takes, first == 0); err != nil {
			return err
		}
		if err := e.measure(ctx, takes, before, images[first:]); err != nil {
			return err
		}
		for _, draw := range e.draw(takes, "", false) {
			if err := draw(); err != nil {
				return err
			}
		}
		before, takes = &takes[len(takes)-1], nil
		if e.o.Progress != nil {
			e.o.Progress(len(images), e.o.Frames)
		}
		return nil
	}
	for t, err := range frames {
		if err != nil {
			return nil, err
		}
		if min(t.lr.W, t.lr.H) < 16 {
			return nil, fmt.Errorf("%dx%d is too small to measure", t.lr.W, t.lr.H)
		}
		if takes = append(takes, t); len(takes) == batch {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if len(takes) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s: %w", e.o.Data, errNoFrames)
	}
	return newResult(e.o, e.names, images), nil
}
