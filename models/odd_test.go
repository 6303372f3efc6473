package models

import (
	"math/rand/v2"
	"strings"
	"testing"

	"vsr/sr/cpu"
	"vsr/train/degrade"
	"vsr/train/eval"
)

// oddImages are what cameras hardly give and screens, titles and damaged files do.
func oddImages(w, h int) map[string]degrade.Image {
	r := rand.New(rand.NewPCG(4, 2))
	out := map[string]degrade.Image{}
	draw := func(name string, pixel func(x, y, c int) bool) {
		m := degrade.NewImage(w, h)
		for i := range m.Pix {
			if pixel(i/3%w, i/3/w, i%3) {
				m.Pix[i] = 1
			}
		}
		out[name] = m
	}
	for i, name := range []string{"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"} {
		draw(name, func(_, _, c int) bool { return i>>c&1 == 1 })
	}
	draw("chessboard", func(x, y, _ int) bool { return (x+y)%2 == 0 })
	draw("columns", func(x, _, _ int) bool { return x%2 == 0 })
	draw("rows", func(_, y, _ int) bool { return y%2 == 0 })
	draw("blocks", func(x, y, c int) bool { return (x/8+y/8+c)%2 == 0 })
	draw("dot", func(x, y, _ int) bool { return x == w/2 && y == h/2 })
	draw("hole", func(x, y, _ int) bool { return x != w/2 || y != h/2 })
	draw("edge", func(x, _, _ int) bool { return x > w/2 })
	draw("red edge", func(x, _, c int) bool { return c == 0 && x > w/2 })
	draw("bars", func(x, _, c int) bool { return x*8/w>>c&1 == 1 })
	draw("noise", func(_, _, _ int) bool { return r.IntN(2) == 0 })
	draw("specks", func(_, _, _ int) bool { return r.IntN(50) == 0 })
	draw("text", func(x, y, _ int) bool { return y%12 < 8 && (x*7+y/12*5)%11 < 4 && (x+y)%3 > 0 })
	ramp := degrade.NewImage(w, h)
	for i := range ramp.Pix {
		ramp.Pix[i] = float32(i/3%w) / float32(w-1)
	}
	ramp.Quantise()
	out["ramp"] = ramp
	return out
}

// oddLimits is how far from bicubic a image may be on average, in levels. Where the bicubic image itself is a matter of taste, in
// patterns of single pixels, it is half of the way to a image of anything, which is some 127 levels away.
var oddLimits = map[string]float64{"chessboard": 64, "columns": 64, "rows": 64, "noise": 64, "blocks": 16, "text": 24, "specks": 8}

const plainLimit = 6

// Generated kernels multiply from block to block, so a vector far from those of training could give a image of anything. No odd
// image may (see kdsr.IDRBounds): on average the output stays near bicubic's.
func TestOddImages(t *testing.T) {
	for _, name := range Names() {
		w := load(t, name)
		e, err := cpu.New(w, cpu.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for what, lr := range oddImages(96, 80) {
			got := upscaled(t, e, rgbFrame(lr))
			want := degrade.Enlarge(lr, w.Config.Scale)
			want.Clamp()
			var sum float64
			for i, v := range want.Bytes() {
				d := int(v) - int(got[i%3*len(got)/3+i/3]) // plane by plane
				sum += float64(max(d, -d))
			}
			limit, ok := oddLimits[what]
			if !ok {
				limit = plainLimit
			}
			if mean := sum / float64(len(got)); mean > limit {
				t.Errorf("%s: %s is %.1f levels from bicubic on average, want at most %g", name, what, mean, limit)
			}
		}
		e.Close()
	}
}

// oddFloor is how much PSNR of luma a model may lose to bicubic interpolation on any image of the odd set of vsr eval, in dB.
const oddFloor = -0.3

// oddKnown are the models and clips that lose more than that, with what they lose. A model that got better is to be taken off.
var oddKnown = map[string]map[string]float64{
	"base-x4":         {"zone plate": -4.1, "soft": -9.1},
	"base-x4-sharp":   {"zone plate": -5.6, "pixel art": -0.6, "dark noise": -0.9, "soft": -11.5},
	"base-x2":         {"zone plate": -3.3},
	"fast-x2":         {"zone plate": -2.5},
	"fast-x4":         {"zone plate": -3.4, "soft": -5.8},
	"fast-x4-classic": {"zone plate": -10.8, "soft": -19.7, "soft, sharp edges": -1.3},
	"nano-x2":         {"zone plate": -0.5, "soft": -0.7},
}

// Every model keeps up with bicubic on text, pixel art, rings, dark noise and clips out of focus (vsr eval --data odd --each -m MODEL).
func TestOddSet(t *testing.T) {
	for _, name := range Names() {
		w := load(t, name)
		e, err := cpu.New(w, cpu.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := eval.Run(t.Context(), eval.Options{Data: eval.OddSet, Degradation: "bicubic", Scale: w.Config.Scale, Methods: []eval.Method{{
			Name: name, Upscale: func(lr degrade.Image) (degrade.Image, error) {
				return degrade.FromBytes(lr.W*w.Config.Scale, lr.H*w.Config.Scale, interleaved(upscaled(t, e, rgbFrame(lr)))), nil
			},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		for _, m := range r.Images {
			floor := oddFloor
			if v, ok := oddKnown[name][strings.TrimRight(m.Name, " 0123456789")]; ok {
				floor = v - 0.2
			}
			if gain := m.Methods[1].Scores[eval.PSNRY] - m.Methods[0].Scores[eval.PSNRY]; gain < floor {
				t.Errorf("%s: %s gains %.2f dB over bicubic, want at least %.2f", name, m.Name, gain, floor)
			}
		}
	}
}
