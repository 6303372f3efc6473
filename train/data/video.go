package data

import (
	"context"
	"errors"
	"image"
	"io"
	"math"

	"vsr/decode"
	"vsr/media"
	"vsr/train/degrade"
)

// VideoOptions says how videos are sampled.
type VideoOptions struct {
	Run  int // consecutive frames in a sample, default 6
	Runs int // samples of one video at most, default 64
	// Gap is how many frames pass at least between two samples, default 24.
	Gap int
	// Change is the mean luma difference, in 8-bit steps of small images, from the last sample at which the next one is taken.
	// Default 12: a cut, or a shot that has moved on.
	Change float64
}

// Videos returns a reader of video files through package decode. A sample is taken at the start and whenever the image has come
// to differ enough from the last sample, so near-identical frames do not repeat. A run never crosses a cut.
func Videos(o VideoOptions) VideoReader {
	if o.Run == 0 {
		o.Run = 6
	}
	if o.Runs == 0 {
		o.Runs = 64
	}
	if o.Gap == 0 {
		o.Gap = 24
	}
	if o.Change == 0 {
		o.Change = 12
	}
	return func(ctx context.Context, path string, emit func([]*image.RGBA) error) error {
		src, err := decode.Open(ctx, path, decode.Options{Threads: 1})
		if err != nil {
			return err
		}
		v := videoSampler{o: o, emit: emit, since: o.Gap}
		return errors.Join(v.read(ctx, src), src.Close())
	}
}

// videoSampler is the state while one video is read.
type videoSampler struct {
	o     VideoOptions
	emit  func([]*image.RGBA) error
	run   []*image.RGBA
	prev  []float64 // thumbnail of the frame before
	last  []float64 // thumbnail of the last sample
	since int       // frames since the last sample
	count int
}

func (v *videoSampler) read(ctx context.Context, src *decode.Source) error {
	for v.count < v.o.Runs {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, media.ErrFormatChanged) {
			v.run, v.prev = nil, nil
			continue
		}
		if err != nil {
			return err
		}
		if u.Frame == nil {
			continue
		}
		err = v.frame(u.Frame)
		u.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// frame decides whether a frame begins, continues or breaks a run.
func (v *videoSampler) frame(f *media.Frame) error {
	if err := readable(f); err != nil {
		return err
	}
	small := thumbnail(f)
	cut := v.prev != nil && difference(small, v.prev) > 2*v.o.Change
	v.prev = small
	v.since++
	if cut {
		v.run = nil
	}
	if v.run == nil {
		if v.since < v.o.Gap || v.last != nil && difference(small, v.last) < v.o.Change {
			return nil
		}
		v.last = small
	}
	v.run = append(v.run, toRGBA(f))
	if len(v.run) < v.o.Run {
		return nil
	}
	run := v.run
	v.run, v.since = nil, 0
	v.count++
	return v.emit(run)
}

// thumbnail averages the luma over a grid of 32 x 18, in 8-bit steps.
func thumbnail(f *media.Frame) []float64 {
	const w, h = 32, 18
	out, count := make([]float64, w*h), make([]float64, w*h)
	scale := 1 / float64(int(1)<<(f.Depth-8))
	for y := range f.Height {
		row := f.Row(0, y)
		for x := 0; x < f.Width; x += 2 {
			i := y*h/f.Height*w + x*w/f.Width
			out[i] += sample(row, x, f.Depth) * scale
			count[i]++
		}
	}
	for i := range out {
		out[i] /= max(count[i], 1)
	}
	return out
}

func sample(row []byte, x, depth int) float64 {
	if depth > 8 {
		return float64(int(row[2*x]) | int(row[2*x+1])<<8)
	}
	return float64(row[x])
}

func difference(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += math.Abs(a[i] - b[i])
	}
	return sum / float64(len(a))
}

// toRGBA converts a frame to 8-bit RGB by way of YUV 4:2:0 in 8 bits: training tiles from video need no more.
func toRGBA(f *media.Frame) *image.RGBA {
	g := media.NewFrame(media.Format{Width: f.Width, Height: f.Height, Layout: media.YUV420, Depth: 8, Color: f.Color})
	if f.Color.Matrix == media.MatrixUnspecified {
		g.Color.Matrix = media.GuessMatrix(f.Width, f.Height)
	}
	full := f.Color.Range == media.RangeFull
	scale := 1 / float64(int(1)<<(f.Depth-8))
	sx, sy := f.Layout.Shift()
	for p := range 3 {
		w, h := g.PlaneSize(p)
		for y := range h {
			fy, step := y, uint(0)
			if p > 0 {
				fy, step = y<<(1-sy), 1-sx
			}
			dst, src := g.Row(p, y), f.Row(p, fy)
			for x := range w {
				v := sample(src, x<<step, f.Depth) * scale
				switch {
				case full && p == 0:
					v = 16 + v*219/255
				case full:
					v = 128 + (v-128)*224/255
				}
				dst[x] = byte(min(math.Round(v), 255))
			}
		}
	}
	rgb := degrade.FromYUV(g, f.Width, f.Height).Bytes()
	m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i := range f.Width * f.Height {
		copy(m.Pix[4*i:4*i+3], rgb[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m
}
