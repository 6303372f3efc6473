package main

import (
	"context"

	"vsr/media"
	"vsr/sr"
)

// fitter brings frames to the size of the output when the video changes its size in mid-stream. An encoder has one size.
type fitter struct {
	to      media.Format
	from    media.Format
	resizer *sr.Resizer
	pool    *media.Pool
}

// fit consumes f and returns a frame of the output's format.
func (t *fitter) fit(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	if f.Format == t.to {
		return f, nil
	}
	defer f.Release()
	if t.resizer == nil || t.from != f.Format {
		resizer, err := sr.NewResizer(f.Format, t.to)
		if err != nil {
			return nil, requestFault("cut the input at that point", "the video changes from %v to %v at pts %d, and one output cannot hold both", t.to, f.Format, f.PTS)
		}
		t.resizer, t.from = resizer, f.Format
	}
	if t.pool == nil {
		t.pool = media.NewPool(t.to, 4, nil)
	}
	out, err := t.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.resizer.Resize(out, f); err != nil {
		out.Release()
		return nil, err
	}
	out.CopyProps(f)
	return out, nil
}
