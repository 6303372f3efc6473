package eval

import (
	"fmt"
	"math"

	"vsr/internal/quality"
	"vsr/train/degrade"
)

// coderBlock is the side of the blocks that Blockiness looks for, in pixels of the input.
const coderBlock = 8

// take is one frame: the input, its original, if there is one, and what each method made of it.
type take struct {
	name string
	lr   degrade.Image
	hr   *degrade.Image
	outs []quality.Image // one a method

	ref   []float32   // luma of the reference: the original, or else the input enlarged by repetition // [H,W]
	lumas [][]float32 // of outs
}

func bytesOf(m degrade.Image) quality.Image { return quality.Image{W: m.W, H: m.H, Pix: m.Bytes()} }

// measure scores every method on a frame by itself, in the order of outs, and then the reference.
func (t *take) measure(o Options) (methods []Score, reference Score, err error) {
	var hr quality.Image
	w, h := t.outs[0].W, t.outs[0].H
	lr := bytesOf(t.lr)
	if t.hr != nil {
		hr = bytesOf(*t.hr)
		t.ref = quality.Luma(hr)
	} else if t.ref, err = quality.Enlarged(quality.Luma(lr), lr.W, lr.H, o.Scale); err != nil {
		return nil, reference, err
	}
	bounds := quality.LocalRange(t.ref, w, h, o.Scale)
	gray := quality.IsGray(lr)
	var wanted [][]float32
	if o.Features != nil && t.hr != nil {
		if wanted, err = o.Features.Extract(hr); err != nil {
			return nil, reference, err
		}
	}
	for _, out := range t.outs {
		if out.W != w || out.H != h || len(t.ref) != w*h {
			return nil, reference, fmt.Errorf("outputs of %dx%d and %dx%d, want %d pixels", out.W, out.H, w, h, len(t.ref))
		}
		s := noScore()
		luma := quality.Luma(out)
		t.lumas = append(t.lumas, luma)
		if t.hr != nil {
			if err := s.compare(out, hr, o.Scale); err != nil {
				return nil, reference, err
			}
		}
		if wanted != nil {
			got, err := o.Features.Extract(out)
			if err != nil {
				return nil, reference, err
			}
			s[Feature] = o.Features.Distance(got, wanted)
		}
		s.set(Blockiness)(quality.Blockiness(luma, w, h, coderBlock*o.Scale))
		s.set(Grid)(quality.Grid(luma, w, h, o.Scale))
		s.set(Overshoot)(bounds.Overshoot(luma))
		if gray {
			share, levels := quality.Colored(out)
			s[ColoredShare], s[ColoredLevels] = share, float64(levels)
		}
		methods = append(methods, s)
	}
	reference = noScore()
	reference.set(Blockiness)(quality.Blockiness(t.ref, w, h, coderBlock*o.Scale))
	if t.hr != nil { // repetition is a grid itself
		reference.set(Grid)(quality.Grid(t.ref, w, h, o.Scale))
	}
	return methods, reference, nil
}

// compare takes the measures that need an original. A PSNR above 100 dB counts as 100, so that an exact match does not swallow a mean.
func (s *Score) compare(out, hr quality.Image, shave int) error {
	p, err := quality.Compare(out, hr, shave)
	if err != nil {
		return err
	}
	for m, v := range map[Measure]float64{PSNRY: p.Y, PSNRCb: p.Cb, PSNRCr: p.Cr, PSNRRGB: p.RGB} {
		s[m] = math.Min(v, 100)
	}
	s[SSIMY], err = quality.SSIMY(out, hr, shave)
	return err
}

// set returns a function that keeps a value if it exists.
func (s *Score) set(m Measure) func(v float64, ok bool) {
	return func(v float64, ok bool) {
		if ok {
			s[m] = v
		}
	}
}

// flickers measures the change from the frame before, of each method and then of the reference. Both frames have been measured.
func (t *take) flickers(before *take) (methods []Score, reference Score) {
	reference = noScore()
	for i := range t.outs {
		s := noScore()
		if before != nil && len(before.ref) == len(t.ref) {
			s.set(Flicker)(quality.Flicker(t.lumas[i], before.lumas[i], t.ref, before.ref))
		}
		methods = append(methods, s)
	}
	if before != nil && len(before.ref) == len(t.ref) {
		reference.set(Flicker)(quality.Flicker(t.ref, before.ref, t.ref, before.ref))
	}
	return methods, reference
}
