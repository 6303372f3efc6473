package main

import (
	"context"
	"fmt"
	"iter"

	"vsr/internal/quality"
	"vsr/train/data"
	"vsr/train/degrade"
)

// demoScore is the comparison of a whole clip.
type demoScore struct {
	bicubic, output quality.PSNR // means over the frames
	frames          int
	middle          [4]degrade.Image // input, bicubic, output and original, of a frame near the middle
}

// String is for people.
func (s demoScore) String() string {
	return fmt.Sprintf("PSNR of luma over %d frames: bicubic %.2f dB, this output %.2f dB, gain %+.2f dB\n"+
		"PSNR of Cb and Cr: bicubic %.2f and %.2f dB, this output %.2f and %.2f dB",
		s.frames, s.bicubic.Y, s.output.Y, s.gain(), s.bicubic.Cb, s.bicubic.Cr, s.output.Cb, s.output.Cr)
}

// gain is the PSNR of luma above bicubic's, in dB.
func (s demoScore) gain() float64 { return s.output.Y - s.bicubic.Y }

// middleFrame is the frame that is drawn, if the clip has as many.
const middleFrame = 12

// scoreFiles compares frame by frame. Bicubic interpolation is that of vsr eval.
func scoreFiles(ctx context.Context, hr, lr, out string) (demoScore, error) {
	var s demoScore
	next := func(path string) (func() (degrade.Image, error, bool), func()) {
		return iter.Pull2(data.Frames(ctx, path))
	}
	small, stopSmall := next(lr)
	defer stopSmall()
	large, stopLarge := next(out)
	defer stopLarge()
	for original, err := range data.Frames(ctx, hr) {
		if err != nil {
			return s, err
		}
		input, err, ok := small()
		if err != nil || !ok {
			return s, fmt.Errorf("%s ends at frame %d, or: %w", lr, s.frames, err)
		}
		output, err, ok := large()
		if err != nil || !ok {
			return s, fmt.Errorf("%s ends at frame %d, or: %w", out, s.frames, err)
		}
		plain := degrade.Enlarge(input, scale)
		for _, c := range []struct {
			sum  *quality.PSNR
			made degrade.Image
		}{{&s.bicubic, plain}, {&s.output, output}} {
			p, err := quality.Compare(bytesOf(c.made), bytesOf(original), scale)
			if err != nil {
				return s, err
			}
			c.sum.Y, c.sum.Cb, c.sum.Cr = c.sum.Y+p.Y, c.sum.Cb+p.Cb, c.sum.Cr+p.Cr
		}
		if s.frames <= middleFrame {
			s.middle = [4]degrade.Image{input, plain, output, original}
		}
		s.frames++
	}
	for _, p := range []*quality.PSNR{&s.bicubic, &s.output} {
		n := float64(max(s.frames, 1))
		p.Y, p.Cb, p.Cr = p.Y/n, p.Cb/n, p.Cr/n
	}
	return s, nil
}

func bytesOf(m degrade.Image) quality.Image { return quality.Image{W: m.W, H: m.H, Pix: m.Bytes()} }

// The part that is drawn, in pixels of the output: multiples of the scale.
const partWidth, partHeight = 212, 320

// draw writes a part of the middle frame into a PNG, where the original has most detail: input, bicubic, output, original.
func (s demoScore) draw(path string) error {
	original := s.middle[3]
	w, h := min(partWidth, original.W/scale*scale), min(partHeight, original.H/scale*scale)
	x, y := detailed(original, w, h)
	sheet := []degrade.Labelled{{Label: "input", Image: s.middle[0].Crop(x/scale, y/scale, w/scale, h/scale)}}
	for i, label := range []string{"bicubic", "vsr run", "original"} {
		sheet = append(sheet, degrade.Labelled{Label: label, Image: s.middle[i+1].Crop(x, y, w, h)})
	}
	m, err := degrade.Sheet(sheet, len(sheet))
	if err != nil {
		return err
	}
	return data.WritePNG(path, m)
}

// detailed finds the w x h window with most contrast between neighbours, at multiples of 4 times the scale.
func detailed(m degrade.Image, w, h int) (x, y int) {
	luma := quality.Luma(bytesOf(m))
	best := -1.0
	for y0 := 0; y0+h <= m.H; y0 += 4 * scale {
		for x0 := 0; x0+w <= m.W; x0 += 4 * scale {
			var sum float64
			for r := y0; r < y0+h; r += 2 {
				row := luma[r*m.W+x0 : r*m.W+x0+w]
				for i := 2; i < len(row); i += 2 {
					d := float64(row[i] - row[i-2])
					sum += d * d
				}
			}
			if sum > best {
				best, x, y = sum, x0, y0
			}
		}
	}
	return x, y
}
