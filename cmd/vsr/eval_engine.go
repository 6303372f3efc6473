package main

import (
	"context"
	"errors"

	"vsr/media"
	"vsr/sr"
	"vsr/train/degrade"
)

// evalEngine gives images to an engine, which takes video frames. In the layout "rgb" they travel as full-range BT.601 YUV 4:4:4 of 16
// bits, whose rounding is a hundred times finer than the 8 bits that are measured; in "yuv420" as what most files hold, 8-bit 4:2:0.
// Degradations are estimated and kept as in a run, a clip being a scene.
type evalEngine struct {
	ctx        context.Context
	engine     sr.Engine
	up         *sr.Upscaler
	everyImage bool // each image is a scene
	yuv420     bool
	scene      uint64
}

// newEvalEngine owns the engine, also after an error.
func newEvalEngine(ctx context.Context, e sr.Engine, o sr.Options, everyImage, yuv420 bool) (*evalEngine, error) {
	up, err := sr.New(e, o)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &evalEngine{ctx: ctx, engine: e, up: up, everyImage: everyImage, yuv420: yuv420}, nil
}

// newClip ends the scene.
func (r *evalEngine) newClip() { r.scene++ }

// estimate returns the degradation vector of one image.
func (r *evalEngine) estimate(lr degrade.Image) ([]float32, error) {
	return r.engine.Estimate(r.ctx, r.frame(lr))
}

// upscale enlarges the next image of the scene.
func (r *evalEngine) upscale(lr degrade.Image) (degrade.Image, error) {
	if r.everyImage {
		r.newClip()
	}
	src := r.frame(lr)
	src.Scene = r.scene
	dst, err := r.up.Process(r.ctx, src)
	if err != nil {
		return degrade.Image{}, err
	}
	defer dst.Release()
	return r.image(dst, lr), nil
}

// upscaleWith enlarges an image with the kernels of a given vector.
func (r *evalEngine) upscaleWith(lr degrade.Image, vector []float32) (degrade.Image, error) {
	kernels, err := r.engine.Modulate(r.ctx, vector)
	if err != nil {
		return degrade.Image{}, err
	}
	src := r.frame(lr)
	dst := media.NewFrame(src.Format.Scaled(r.engine.Scale()))
	err = r.engine.Upscale(r.ctx, dst, src, kernels)
	return r.image(dst, lr), errors.Join(err, kernels.Close())
}

func (r *evalEngine) frame(lr degrade.Image) *media.Frame {
	if r.yuv420 {
		return degrade.ToYUV(lr, media.MatrixSMPTE170M)
	}
	return imageFrame(lr)
}

func (r *evalEngine) image(f *media.Frame, lr degrade.Image) degrade.Image {
	if r.yuv420 {
		return degrade.FromYUV(f, lr.W*r.engine.Scale(), lr.H*r.engine.Scale())
	}
	return frameImage(f)
}

// subsampled is an image after 8-bit 4:2:0.
func subsampled(m degrade.Image) degrade.Image {
	return degrade.FromYUV(degrade.ToYUV(m, media.MatrixSMPTE170M), m.W, m.H)
}

// Close closes the engine.
func (r *evalEngine) Close() error { return r.up.Close() }

// Constants of BT.601 and of full-range 16-bit YUV.
const (
	evalKr, evalKb = 0.299, 0.114
	evalTop        = 65535
	evalZero       = 32768 // of chroma
)

func imageFrame(m degrade.Image) *media.Frame {
	f := media.NewFrame(media.Format{Width: m.W, Height: m.H, Layout: media.YUV444, Depth: 16,
		Color: media.Color{Matrix: media.MatrixSMPTE170M, Range: media.RangeFull}})
	put := func(row []byte, x int, v float64) {
		n := uint16(min(max(v, 0), evalTop) + 0.5)
		row[2*x], row[2*x+1] = byte(n), byte(n>>8)
	}
	for y := range m.H {
		src, rows := m.Row(y), [3][]byte{f.Row(0, y), f.Row(1, y), f.Row(2, y)}
		for x := range m.W {
			r, g, b := float64(src[3*x]), float64(src[3*x+1]), float64(src[3*x+2])
			l := evalKr*r + (1-evalKr-evalKb)*g + evalKb*b
			put(rows[0], x, evalTop*l)
			put(rows[1], x, evalZero+evalTop*(b-l)/(2*(1-evalKb)))
			put(rows[2], x, evalZero+evalTop*(r-l)/(2*(1-evalKr)))
		}
	}
	return f
}

func frameImage(f *media.Frame) degrade.Image {
	m := degrade.NewImage(f.Width, f.Height)
	at := func(row []byte, x int) float64 { return float64(int(row[2*x]) | int(row[2*x+1])<<8) }
	for y := range f.Height {
		dst, rows := m.Row(y), [3][]byte{f.Row(0, y), f.Row(1, y), f.Row(2, y)}
		for x := range f.Width {
			l := at(rows[0], x) / evalTop
			cb, cr := (at(rows[1], x)-evalZero)/evalTop, (at(rows[2], x)-evalZero)/evalTop
			r, b := l+2*(1-evalKr)*cr, l+2*(1-evalKb)*cb
			dst[3*x], dst[3*x+1], dst[3*x+2] = float32(r), float32((l-evalKr*r-evalKb*b)/(1-evalKr-evalKb)), float32(b)
		}
	}
	return m
}
