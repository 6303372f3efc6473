package train

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"path/filepath"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/graph"
)

// validator measures a network on a few degraded windows of tiles that training never sees.
type validator struct {
	ws      *conv.Workers
	scale   int
	lr, hr  []degrade.Image
	bicubic []degrade.Image
	base    float64 // mean PSNR of bicubic
}

// newValidator degrades the middle of Images tiles, spread over the corpus, each from its own seed.
func newValidator(ws *conv.Workers, tiles []data.Tile, r degrade.Recipe, c Config) (*validator, error) {
	v := &validator{ws: ws, scale: c.Scale}
	n := min(c.Validate.Images, len(tiles))
	for i := range n {
		t := tiles[i*len(tiles)/n]
		frames, err := middle(t, c.Validate.Size*c.Scale, c.Scale, max(r.Frames(), 1))
		if err != nil {
			return nil, err
		}
		lr, err := r.Apply(degrade.NewRand(c.Seed^0x7a11da7e, uint64(i)), frames)
		if err != nil {
			return nil, fmt.Errorf("validation picture %d: %w", i, err)
		}
		last := len(lr) - 1
		v.lr, v.hr = append(v.lr, lr[last]), append(v.hr, frames[last])
		big := degrade.Enlarge(lr[last], c.Scale)
		v.bicubic = append(v.bicubic, big)
		v.base += psnrY(big, frames[last], c.Scale) / float64(n)
	}
	return v, nil
}

// middle cuts the middle window out of a tile, its sides a multiple of scale, as a clip of n frames.
func middle(t data.Tile, side, scale, n int) ([]degrade.Image, error) {
	w, h := min(side, t.W)/scale*scale, min(side, t.H)/scale*scale
	if w < 8*scale || h < 8*scale {
		return nil, fmt.Errorf("validation tile of %s is only %dx%d", t.Source, t.W, t.H)
	}
	frames := make([]degrade.Image, n)
	for i := range frames {
		f := min(i, t.Frames-1)
		whole := degrade.FromBytes(t.W, t.H, t.Pix[f*t.W*t.H*3:(f+1)*t.W*t.H*3])
		frames[i] = whole.Crop((t.W-w)/2, (t.H-h)/2, w, h)
	}
	return frames, nil
}

// output runs the whole network on one picture.
func (v *validator) output(w *kdsr.Weights, i int) (degrade.Image, error) {
	e := &graph.Eager{Workers: v.ws, Weights: w}
	x := &graph.Map{Shape: []int{1, v.lr[i].H, v.lr[i].W, 3}, Data: v.lr[i].Pix}
	var d *graph.Map
	if w.Role == kdsr.Teacher {
		hr := &graph.Map{Shape: []int{1, v.hr[i].H, v.hr[i].W, 3}, Data: v.hr[i].Pix}
		_, d = kdsr.EstimateTeacher(e, w.Config, x, hr)
	} else {
		_, d = kdsr.Estimate(e, w.Config, x)
	}
	y := kdsr.Upscale(e, w.Config, x, kdsr.Modulate(e, w.Config, d))
	out := degrade.Image{W: v.hr[i].W, H: v.hr[i].H, Pix: y.Data}
	return out, e.Err()
}

// measure returns the mean PSNR and the outputs.
func (v *validator) measure(w *kdsr.Weights) (psnr float64, out []degrade.Image, err error) {
	for i := range v.lr {
		y, err := v.output(w, i)
		if err != nil {
			return 0, nil, err
		}
		out = append(out, y)
		psnr += psnrY(y, v.hr[i], v.scale) / float64(len(v.lr))
	}
	return psnr, out, nil
}

// psnrY is the PSNR of luma after rounding to 8 bits, without a border of shave pixels (docs/kdsr.md 4.1), in dB, at most 100.
func psnrY(a, b degrade.Image, shave int) float64 {
	if 2*shave >= min(a.W, a.H) {
		shave = 0
	}
	pa, pb := a.Bytes(), b.Bytes()
	var s float64
	n := 0
	for y := shave; y < a.H-shave; y++ {
		for x := shave; x < a.W-shave; x++ {
			i := (y*a.W + x) * 3
			d := 65.738*(float64(pa[i])-float64(pb[i])) + 129.057*(float64(pa[i+1])-float64(pb[i+1])) +
				25.064*(float64(pa[i+2])-float64(pb[i+2]))
			s += d * d
			n++
		}
	}
	mse := s / float64(n) / (256 * 256 * 255 * 255)
	return min(100, -10*math.Log10(mse))
}

// validate measures the averaged network, logs it and draws curves and sheet.
func (t *trainer) validate(p *progress) error {
	if len(t.val.lr) == 0 {
		return nil
	}
	psnr, out, err := t.val.measure(t.averaged())
	if err != nil {
		return err
	}
	p.validated(psnr, t.val.base)
	if err := t.log.write(Entry{Step: t.step, PSNR: psnr, Bicubic: t.val.base}); err != nil {
		return err
	}
	t.o.Log.Info("validation", "step", t.step, "psnr_y", round2(psnr), "bicubic", round2(t.val.base))
	if err := drawCurves(filepath.Join(t.c.Out, "curves.png"), t.log.all); err != nil {
		return err
	}
	return writePNG(filepath.Join(t.c.Out, "sheet.png"), t.val.sheet(out))
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

// sheet puts LR, bicubic, output and original of up to six pictures in rows.
func (v *validator) sheet(out []degrade.Image) image.Image {
	rows := min(len(out), 6)
	w, h, gap := v.hr[0].W, v.hr[0].H, 4
	m := image.NewRGBA(image.Rect(0, 0, 4*(w+gap), rows*(h+gap)))
	for i := range rows {
		y := i * (h + gap)
		paint(m, 0, y, v.lr[i], v.scale)
		paint(m, w+gap, y, v.bicubic[i], 1)
		paint(m, 2*(w+gap), y, out[i], 1)
		paint(m, 3*(w+gap), y, v.hr[i], 1)
	}
	return m
}

// paint copies a picture, each pixel r times in both directions.
func paint(dst *image.RGBA, x0, y0 int, src degrade.Image, r int) {
	pix := src.Bytes()
	for y := range src.H * r {
		for x := range src.W * r {
			i := ((y/r)*src.W + x/r) * 3
			dst.SetRGBA(x0+x, y0+y, color.RGBA{pix[i], pix[i+1], pix[i+2], 255})
		}
	}
}
