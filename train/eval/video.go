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
var videoFiles = []string{".mp4", ".mkv", ".webm", ".mov", ".avi", ".ts", ".m2ts", ".mpg", ".mpeg", ".y4m", ".m4v", ".ogv", ".flv"}

// IsVideo tells by the name whether Options.Data is a video.
func IsVideo(path string) bool {
	return slices.Contains(videoFiles, strings.ToLower(filepath.Ext(path)))
}

const (
	// defaultFrames is how much of a video is measured.
	defaultFrames = 48
	// maxClipBytes bounds the frames that are degraded together.
	maxClipBytes = 2 << 30
)

// runVideo measures one video: degraded by the protocol, or beside Input, which somebody degraded already.
func runVideo(ctx context.Context, o Options) (*Result, error) {
	if o.Frames == 0 {
		o.Frames = defaultFrames
	}
	if o.Input != "" {
		return runPair(ctx, o)
	}
	all, err := variants(o.Degradation, o.Scale)
	if err != nil {
		return nil, err
	}
	res := &Result{Data: o.Data, Degradation: o.Degradation, Scale: o.Scale}
	var hr []degrade.Image
	for m, err := range data.Frames(ctx, o.Data) {
		if err != nil {
			return nil, err
		}
		if (len(hr)+1)*len(m.Pix)*4 > maxClipBytes {
			return nil, fmt.Errorf("%s: %d frames of %dx%d are more than are degraded together: ask for fewer", o.Data, o.Frames, m.W, m.H)
		}
		name := fmt.Sprintf("frame %d", len(hr))
		if err := largeEnough(m, o.Scale, name); err != nil {
			return nil, err
		}
		m = m.CropMultiple(o.Scale)
		hr = append(hr, m)
		res.Images = append(res.Images, ImageResult{Name: name, Width: m.W, Height: m.H, Inputs: len(all)})
		if len(hr) == o.Frames {
			break
		}
	}
	if len(hr) == 0 {
		return nil, fmt.Errorf("%s has no frames", o.Data)
	}
	if err := measureClip(ctx, o, all, hr, res.Images, 0); err != nil {
		return nil, err
	}
	res.mean()
	return res, nil
}

// runPair measures frame after frame of a degraded video and its original, so memory does not grow with their length.
func runPair(ctx context.Context, o Options) (*Result, error) {
	original, stop := iter.Pull2(data.Frames(ctx, o.Data))
	defer stop()
	res := &Result{Data: o.Data, Degradation: "input " + filepath.Base(o.Input), Scale: o.Scale}
	if o.NewClip != nil {
		o.NewClip()
	}
	var before *take
	for lr, err := range data.Frames(ctx, o.Input) {
		if err != nil {
			return nil, err
		}
		hr, err, ok := original()
		if err != nil {
			return nil, err
		}
		n := len(res.Images)
		if !ok {
			return nil, fmt.Errorf("%s ends at frame %d, %s goes on: not a pair", o.Data, n, o.Input)
		}
		if hr.W != lr.W*o.Scale || hr.H != lr.H*o.Scale {
			return nil, fmt.Errorf("frame %d is %dx%d in %s and %dx%d in %s: not a pair at scale %d", n, hr.W, hr.H, o.Data, lr.W, lr.H, o.Input, o.Scale)
		}
		r := ImageResult{Name: fmt.Sprintf("frame %d", n), Width: hr.W, Height: hr.H, Inputs: 1}
		if err := largeEnough(hr, o.Scale, r.Name); err != nil {
			return nil, err
		}
		now, err := r.add(o, variant{}, lr, hr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		r.steady(now, before)
		before = now
		res.Images = append(res.Images, r)
		if o.Progress != nil {
			o.Progress(n+1, o.Frames)
		}
		if n+1 == o.Frames {
			break
		}
	}
	if len(res.Images) == 0 {
		return nil, fmt.Errorf("%s has no frames", o.Input)
	}
	res.mean()
	return res, nil
}
