package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"vsr/decode"
	"vsr/media"
	"vsr/train/degrade"
)

// Frames yields the frames of a video in presentation order as 8-bit RGB, by way of YUV 4:2:0 in 8 bits. An error is the last thing
// it yields: a file that cannot be read, a change of size in the middle, or the end of ctx.
func Frames(ctx context.Context, path string) iter.Seq2[degrade.Image, error] {
	return func(yield func(degrade.Image, error) bool) {
		fail := func(err error) { yield(degrade.Image{}, fmt.Errorf("data: %s: %w", path, err)) }
		src, err := decode.Open(ctx, path, decode.Options{Threads: 1})
		if err != nil {
			fail(err)
			return
		}
		defer src.Close()
		for {
			u, err := src.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			if u.Frame == nil {
				continue
			}
			m, err := frameImage(u.Frame)
			u.Release()
			if err != nil {
				fail(err)
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func frameImage(f *media.Frame) (degrade.Image, error) {
	if err := readable(f); err != nil {
		return degrade.Image{}, err
	}
	rgba := toRGBA(f)
	m := degrade.NewImage(f.Width, f.Height)
	for i := range f.Width * f.Height {
		for c := range 3 {
			m.Pix[3*i+c] = float32(rgba.Pix[4*i+c]) / 255
		}
	}
	return m, nil
}

// readable refuses the layouts that toRGBA does not know.
func readable(f *media.Frame) error {
	if f.Layout != media.YUV420 && f.Layout != media.YUV422 && f.Layout != media.YUV444 {
		return fmt.Errorf("images of %v are not read", f.Format)
	}
	return nil
}
