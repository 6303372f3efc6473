package train

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/bits"
	"path/filepath"

	"vsr/internal/conv"
	"vsr/internal/quality"
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
	base    components // mean PSNR of bicubic
	names   []string
	leftOut []string // windows that would measure nothing, and why
	against string   // weights that were measured beside, and their mean PSNR
	beside  components
}

// newValidator degrades the middle of Images tiles, spread evenly over the files that they come from, each from its own seed. Windows
// that are flat, black or too small are passed over: every network enlarges them well, and they would drown the others.
func newValidator(ws *conv.Workers, tiles []data.Tile, r degrade.Recipe, c Config) (*validator, error) {
	v := &validator{ws: ws, scale: c.Scale}
	for _, i := range spreadOver(tiles) {
		if len(v.lr) == c.Validate.Images {
			break
		}
		name := windowName(tiles, i)
		frames, why := middle(tiles[i], c.Validate.Size*c.Scale, c.Scale, max(r.Frames(), 1))
		if why != "" {
			v.leftOut = append(v.leftOut, name+": "+why)
			continue
		}
		lr, err := r.Apply(degrade.NewRand(c.Seed^0x7a11da7e, uint64(len(v.lr))), frames)
		if err != nil {
			return nil, fmt.Errorf("validation image %s: %w", name, err)
		}
		last := len(lr) - 1
		v.lr, v.hr, v.names = append(v.lr, lr[last]), append(v.hr, frames[last]), append(v.names, name)
		v.bicubic = append(v.bicubic, degrade.Enlarge(lr[last], c.Scale))
	}
	for i, big := range v.bicubic {
		if err := v.base.add(big, v.hr[i], c.Scale, len(v.bicubic)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// spreadOver orders tiles so that any number of the first ones is spread over the files and, within each, over its tiles.
func spreadOver(tiles []data.Tile) []int {
	of := map[string][]int{}
	for i, t := range tiles {
		of[t.Source] = append(of[t.Source], i)
	}
	sources := data.Sources(tiles)
	order := spread(len(sources))
	inside := map[string][]int{}
	for s, list := range of {
		inside[s] = spread(len(list))
	}
	var out []int
	for round := 0; len(out) < len(tiles); round++ {
		for _, k := range order {
			if s := sources[k]; round < len(of[s]) {
				out = append(out, of[s][inside[s][round]])
			}
		}
	}
	return out
}

// spread is a permutation of 0 to n-1 of which every beginning is spread over the whole: bits in reverse order, from the middle.
func spread(n int) []int {
	width := bits.Len(uint(max(n-1, 0)))
	out := make([]int, 0, n)
	for i := range 1 << width {
		k := int(bits.Reverse64(uint64(i)) >> (64 - width)) // a shift by 64 gives 0
		if k ^= 1 << width >> 1; k < n {
			out = append(out, k)
		}
	}
	return out
}

// windowName is the file of tile i and, if it has several tiles, which one.
func windowName(tiles []data.Tile, i int) string {
	n, all := 0, 0
	for k, t := range tiles {
		if t.Source == tiles[i].Source {
			all++
			if k <= i {
				n++
			}
		}
	}
	if all == 1 {
		return tiles[i].Source
	}
	return fmt.Sprintf("%s, tile %d of %d", tiles[i].Source, n, all)
}

// A window whose luma spreads less than flatDeviation (of 1) about its mean has nothing to enlarge; one darker than blackMean is black.
const (
	flatDeviation = 0.02
	blackMean     = 0.04
)

// middle cuts the middle window out of a tile, its sides a multiple of scale, as a clip of n frames, or says why it is of no use.
func middle(t data.Tile, side, scale, n int) (frames []degrade.Image, why string) {
	w, h := min(side, t.W)/scale*scale, min(side, t.H)/scale*scale
	if w < 8*scale || h < 8*scale {
		return nil, fmt.Sprintf("only %dx%d", t.W, t.H)
	}
	frames = make([]degrade.Image, n)
	for i := range frames {
		f := min(i, t.Frames-1)
		whole := degrade.FromBytes(t.W, t.H, t.Pix[f*t.W*t.H*3:(f+1)*t.W*t.H*3])
		frames[i] = whole.Crop((t.W-w)/2, (t.H-h)/2, w, h)
	}
	mean, deviation := lumaSpread(frames[n-1])
	switch {
	case mean < blackMean:
		return nil, "black"
	case deviation < flatDeviation:
		return nil, "flat"
	}
	return frames, ""
}

// lumaSpread returns mean and standard deviation of the luma, in [0,1].
func lumaSpread(m degrade.Image) (mean, deviation float64) {
	var sum, squares float64
	n := float64(m.W * m.H)
	for i := 0; i+2 < len(m.Pix); i += 3 {
		y := 0.299*float64(m.Pix[i]) + 0.587*float64(m.Pix[i+1]) + 0.114*float64(m.Pix[i+2])
		sum += y
		squares += y * y
	}
	mean = sum / n
	return mean, math.Sqrt(max(squares/n-mean*mean, 0))
}

// measureOther measures Validate.Against on the same windows, so that the scores have something to be compared with.
func (v *validator) measureOther(t *trainer) error {
	name := t.c.Validate.Against
	if name == "" || len(v.lr) == 0 {
		return nil
	}
	w, err := t.o.Weights(name)
	if err == nil && (w.Config.Scale != v.scale || w.Role == kdsr.Teacher) {
		err = fmt.Errorf("%s enlarges by %d, want a student for %d", name, w.Config.Scale, v.scale)
	}
	if err != nil {
		return &InputError{fmt.Errorf("validate.against: %w", err), "vsr model list shows the built-in models; --set validate.against= goes without"}
	}
	if v.beside, _, err = v.measure(w); err != nil {
		return err
	}
	v.against = name
	t.o.Log.Info("on the same windows", "bicubic", round2(v.base[0]), name, round2(v.beside[0]))
	return nil
}

// output runs the whole network on one image.
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

// measure returns the mean PSNR of the network's own output and the outputs.
func (v *validator) measure(w *kdsr.Weights) (psnr components, out []degrade.Image, err error) {
	for i := range v.lr {
		y, err := v.output(w, i)
		if err != nil {
			return psnr, nil, err
		}
		out = append(out, y)
		if err := psnr.add(y, v.hr[i], v.scale, len(v.lr)); err != nil {
			return psnr, nil, err
		}
	}
	return psnr, out, nil
}

// components is the PSNR of Y, Cb and Cr of BT.601 after rounding to 8 bits, without a border of as many pixels as the scale
// (docs/kdsr.md 4.1), in dB, at most 100 each.
type components [3]float64

// add adds the share of one of n images.
func (c *components) add(got, want degrade.Image, shave, n int) error {
	if 2*shave >= min(got.W, got.H) {
		shave = 0
	}
	p, err := quality.Compare(quality.Image{W: got.W, H: got.H, Pix: got.Bytes()}, quality.Image{W: want.W, H: want.H, Pix: want.Bytes()}, shave)
	for i, v := range [3]float64{p.Y, p.Cb, p.Cr} {
		c[i] += min(v, 100) / float64(n)
	}
	return err
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
	base := t.val.base
	p.validated(psnr[0], base[0])
	if err := t.log.write(Entry{Step: t.step, PSNR: psnr[0], PSNRCb: psnr[1], PSNRCr: psnr[2],
		Bicubic: base[0], BicubicCb: base[1], BicubicCr: base[2]}); err != nil {
		return err
	}
	t.o.Log.Info("validation", "step", t.step, "psnr_y", round2(psnr[0]), "bicubic", round2(base[0]),
		"cb", round2(psnr[1]), "bicubic_cb", round2(base[1]), "cr", round2(psnr[2]), "bicubic_cr", round2(base[2]))
	if err := drawCurves(filepath.Join(t.c.Out, "curves.png"), t.log.all); err != nil {
		return err
	}
	return writePNG(filepath.Join(t.c.Out, "sheet.png"), t.val.sheet(out))
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

// sheet puts LR, bicubic, output and original of up to six windows in rows.
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

// paint copies a image, each pixel r times in both directions.
func paint(dst *image.RGBA, x0, y0 int, src degrade.Image, r int) {
	pix := src.Bytes()
	for y := range src.H * r {
		for x := range src.W * r {
			i := ((y/r)*src.W + x/r) * 3
			dst.SetRGBA(x0+x, y0+y, color.RGBA{pix[i], pix[i+1], pix[i+2], 255})
		}
	}
}
