package train

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/bits"
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
	names   []string
	leftOut []string // windows that would measure nothing, and why
	against string   // weights that were measured beside, and their mean PSNR
	beside  float64
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
		v.base += psnrY(big, v.hr[i], c.Scale) / float64(len(v.bicubic))
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
	t.o.Log.Info("on the same windows", "bicubic", round2(v.base), name, round2(v.beside))
	return nil
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
