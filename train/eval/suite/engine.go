package suite

import (
	"context"
	"errors"

	"vsr/media"
	"vsr/sr"
	"vsr/train/degrade"
)

// upscaler gives images to an engine, which takes video frames. In the layout "rgb" they travel as full-range BT.601 YUV 4:4:4 of 16
// bits, whose rounding is a hundred times finer than the 8 bits that are measured; in "yuv420" as what most files hold, 8-bit 4:2:0.
// Degradations are estimated and kept as in a run, a clip being a scene.
type upscaler struct {
	ctx        context.Context //nolint:containedctx // eval.Method's functions get none; it lives for one Run
	engine     sr.Engine
	up         *sr.Upscaler
	everyImage bool // each image is a scene
	yuv420     bool
	scene      uint64
}

// newUpscaler owns the engine, also after an error.
func newUpscaler(ctx context.Context, e sr.Engine, o sr.Options, everyImage, yuv420 bool) (*upscaler, error) {
	up, err := sr.New(e, o)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &upscaler{ctx: ctx, engine: e, up: up, everyImage: everyImage, yuv420: yuv420}, nil
}

// newClip ends the scene.
func (r *upscaler) newClip() { r.scene++ }

// estimate returns the degradation vector of one image.
func (r *upscaler) estimate(lr degrade.Image) ([]float32, error) {
	return r.engine.Estimate(r.ctx, r.frame(lr))
}

// upscale enlarges the next image of the scene.
func (r *upscaler) upscale(lr degrade.Image) (degrade.Image, error) {
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
func (r *upscaler) upscaleWith(lr degrade.Image, vector []float32) (degrade.Image, error) {
	kernels, err := r.engine.Modulate(r.ctx, vector)
	if err != nil {
		return degrade.Image{}, err
	}
	src := r.frame(lr)
	dst := media.NewFrame(src.Format.Scaled(r.engine.Scale()))
	err = r.engine.Upscale(r.ctx, dst, src, kernels)
	return r.image(dst, lr), errors.Join(err, kernels.Close())
}

func (r *upscaler) frame(lr degrade.Image) *media.Frame {
	if r.yuv420 {
		return degrade.ToYUV(lr, media.MatrixSMPTE170M)
	}
	return imageFrame(lr)
}

func (r *upscaler) image(f *media.Frame, lr degrade.Image) degrade.Image {
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
func (r *upscaler) Close() error { return r.up.Close() }

// Constants of BT.601 and of full-range 16-bit YUV.
const (
	lumaRed, lumaBlue = 0.299, 0.114
	full              = 65535
	gray              = 32768 // of chroma
)

func imageFrame(m degrade.Image) *media.Frame {
	f := media.NewFrame(media.Format{Width: m.W, Height: m.H, Layout: media.YUV444, Depth: 16,
		Color: media.Color{Matrix: media.MatrixSMPTE170M, Range: media.RangeFull}})
	put := func(row []byte, x int, v float64) {
		n := uint16(min(max(v, 0), full) + 0.5)
		row[2*x], row[2*x+1] = byte(n), byte(n>>8)
	}
	for y := range m.H {
		src, rows := m.Row(y), [3][]byte{f.Row(0, y), f.Row(1, y), f.Row(2, y)}
		for x := range m.W {
			r, g, b := float64(src[3*x]), float64(src[3*x+1]), float64(src[3*x+2])
			l := lumaRed*r + (1-lumaRed-lumaBlue)*g + lumaBlue*b
			put(rows[0], x, full*l)
			put(rows[1], x, gray+full*(b-l)/(2*(1-lumaBlue)))
			put(rows[2], x, gray+full*(r-l)/(2*(1-lumaRed)))
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
			l := at(rows[0], x) / full
			cb, cr := (at(rows[1], x)-gray)/full, (at(rows[2], x)-gray)/full
			r, b := l+2*(1-lumaRed)*cr, l+2*(1-lumaBlue)*cb
			dst[3*x], dst[3*x+1], dst[3*x+2] = float32(r), float32((l-lumaRed*r-lumaBlue*b)/(1-lumaRed-lumaBlue)), float32(b)
		}
	}
	return m
}
