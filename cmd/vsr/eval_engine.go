package main

import (
	"context"
	"errors"
	"math"

	"vsr/media"
	"vsr/sr"
	"vsr/train/degrade"
)

// rgbEngine gives pictures to an engine, which takes video frames: they travel as full-range BT.601 YUV 4:4:4 of 16 bits, whose rounding
// is a hundred times finer than the 8 bits that are measured. Degradations are estimated and kept as in a run, a clip being a scene.
type rgbEngine struct {
	ctx          context.Context
	engine       sr.Engine
	up           *sr.Upscaler
	everyPicture bool // each picture is a scene
	scene        uint64
}

// newRGBEngine owns the engine, also after an error.
func newRGBEngine(ctx context.Context, e sr.Engine, o sr.Options, everyPicture bool) (*rgbEngine, error) {
	up, err := sr.New(e, o)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &rgbEngine{ctx: ctx, engine: e, up: up, everyPicture: everyPicture}, nil
}

// forget ends the scene.
func (r *rgbEngine) forget() { r.scene++ }

func (r *rgbEngine) estimate(lr degrade.Image) ([]float32, error) {
	return r.engine.Estimate(r.ctx, pictureFrame(lr))
}

func (r *rgbEngine) upscale(lr degrade.Image) (degrade.Image, error) {
	if r.everyPicture {
		r.forget()
	}
	src := pictureFrame(lr)
	src.Scene = r.scene
	dst, err := r.up.Process(r.ctx, src)
	if err != nil {
		return degrade.Image{}, err
	}
	defer dst.Release()
	return framePicture(dst), nil
}

func (r *rgbEngine) Close() error { return r.up.Close() }

// Constants of BT.601 and of full-range 16-bit YUV.
const (
	evalKr, evalKb = 0.299, 0.114
	evalTop        = 65535
	evalZero       = 32768 // of chroma
)

func pictureFrame(m degrade.Image) *media.Frame {
	f := media.NewFrame(media.Format{Width: m.W, Height: m.H, Layout: media.YUV444, Depth: 16,
		Color: media.Color{Matrix: media.MatrixSMPTE170M, Range: media.RangeFull}})
	put := func(row []byte, x int, v float64) {
		n := uint16(math.Round(min(max(v, 0), evalTop)))
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

func framePicture(f *media.Frame) degrade.Image {
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
