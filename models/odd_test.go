package models

import (
	"math/rand/v2"
	"testing"

	"vsr/sr/cpu"
	"vsr/train/degrade"
)

// oddPictures are what cameras hardly give and screens, titles and damaged files do.
func oddPictures(w, h int) map[string]degrade.Image {
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

// oddLimits is how far from bicubic a picture may be on average, in levels. Where the bicubic picture itself is a matter of taste, in
// patterns of single pixels, it is half of the way to a picture of anything, which is some 127 levels away.
var oddLimits = map[string]float64{"chessboard": 64, "columns": 64, "rows": 64, "noise": 64, "blocks": 16, "text": 24, "specks": 8}

const plainLimit = 6

// Generated kernels multiply from block to block, so a vector far from those of training could give a picture of anything. No odd
// picture may (see kdsr.IDRBounds): on average the output stays near bicubic's.
func TestOddPictures(t *testing.T) {
	for _, name := range Names() {
		w := load(t, name)
		e, err := cpu.New(w, cpu.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for what, lr := range oddPictures(96, 80) {
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
