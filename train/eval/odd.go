package eval

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/cmplx"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"vsr/train/degrade"
)

// OddSet is the name that Options.Data has for the odd set: generated material that cameras hardly give and screens, titles, games and
// test charts do. A network that is trained on photographs sees none of it, and should not be worse than bicubic interpolation there.
const OddSet = "odd"

// The size of the odd images: a multiple of 12, for every scale.
const oddWidth, oddHeight = 384, 288

// oddFrames is how many frames the clips of the odd set have.
const oddFrames = 4

// oddGroups makes the odd set. Everything in it is the same on every machine and in every run.
func oddGroups(scale int) (groups []group, total int) {
	still := func(name string, make func() degrade.Image) {
		groups = append(groups, group{names: []string{name}, load: func() ([]degrade.Image, error) {
			m := make()
			m.Quantise()
			return []degrade.Image{m}, nil
		}})
	}
	clip := func(name string, frame func(i int) degrade.Image) {
		g := group{load: func() (out []degrade.Image, err error) {
			for i := range oddFrames {
				m := frame(i)
				m.Quantise()
				out = append(out, m)
			}
			return out, nil
		}}
		for i := range oddFrames {
			g.names = append(g.names, fmt.Sprintf("%s %d", name, i))
		}
		groups = append(groups, g)
	}
	groups = append(groups, group{names: []string{"text"}, load: func() ([]degrade.Image, error) { return oddText(scale, color.Black, color.White) }})
	groups = append(groups, group{names: []string{"text, dark"}, load: func() ([]degrade.Image, error) {
		return oddText(scale, color.RGBA{220, 220, 170, 255}, color.RGBA{30, 34, 42, 255})
	}})
	still("pixel art", func() degrade.Image { return oddSprites(scale) })
	still("pixel art, large", func() degrade.Image { return oddSprites(3 * scale) })
	still("zone plate", func() degrade.Image { return oddZonePlate(scale) })
	clip("dark noise", oddDark)
	clip("soft", func(i int) degrade.Image { return oddSoft(i, 20, false) })
	clip("soft, sharp edges", func(i int) degrade.Image { return oddSoft(i, 6, true) })
	for _, g := range groups {
		total += len(g.names)
	}
	return groups, total
}

func oddRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(21, seed)) }

// oddText is lines of text in sizes that fall from 15 to 6 pixels of the input.
func oddText(scale int, ink, paper color.Color) ([]degrade.Image, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	m := image.NewRGBA(image.Rect(0, 0, oddWidth, oddHeight))
	draw.Draw(m, m.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	lines := []string{"The quick brown fox jumps", "over the lazy dog. 0123456789", "Pack my box with five dozen jugs", "Sphinx of black quartz, judge my vow: 3.14159"}
	y := 10.0
	for i := 0; ; i++ {
		size := (15 - 1.25*float64(i%8)) * float64(scale)
		if y += 1.3 * size; y > oddHeight-4 {
			break
		}
		face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			return nil, err
		}
		d := font.Drawer{Dst: m, Src: image.NewUniform(ink), Face: face, Dot: fixed.P(8, int(y))}
		d.DrawString(lines[i%len(lines)])
	}
	out := degrade.NewImage(oddWidth, oddHeight)
	for i := range oddWidth * oddHeight {
		for c := range 3 {
			out.Pix[3*i+c] = float32(m.Pix[4*i+c]) / 255
		}
	}
	return []degrade.Image{out}, nil
}

// oddSprites is mirrored random figures of 12x12 cells in a palette of eight colors, each cell of so many pixels.
func oddSprites(cell int) degrade.Image {
	r := oddRand(1)
	palette := make([][3]float32, 8)
	for i := range palette {
		palette[i] = [3]float32{float32(r.IntN(5)) / 4, float32(r.IntN(5)) / 4, float32(r.IntN(5)) / 4}
	}
	const side = 12
	cols, rows := oddWidth/cell, oddHeight/cell
	cells := make([]int, cols*rows)
	for y0 := 0; y0 < rows; y0 += side {
		for x0 := 0; x0 < cols; x0 += side {
			ground, a, b := r.IntN(8), r.IntN(8), r.IntN(8)
			for y := range side {
				for x := range side / 2 {
					v := ground
					if inner := x > 0 && y > 0 && y < side-1; inner && r.IntN(5) > 1 {
						v = [2]int{a, b}[r.IntN(2)]
					}
					for _, at := range [2]int{x0 + x, x0 + side - 1 - x} {
						if at < cols && y0+y < rows {
							cells[(y0+y)*cols+at] = v
						}
					}
				}
			}
		}
	}
	m := degrade.NewImage(oddWidth, oddHeight)
	for i := range oddWidth * oddHeight {
		x, y := min(i%oddWidth/cell, cols-1), min(i/oddWidth/cell, rows-1)
		copy(m.Pix[3*i:3*i+3], palette[cells[y*cols+x]][:])
	}
	return m
}

// oddZonePlate is rings whose frequency grows from the middle to nine tenths of what the input can hold in the corners.
func oddZonePlate(scale int) degrade.Image {
	m := degrade.NewImage(oddWidth, oddHeight)
	corner := math.Hypot(oddWidth/2, oddHeight/2)
	k := math.Pi * 0.9 / float64(2*scale) / corner // phase k r², frequency k r / pi
	for i := range oddWidth * oddHeight {
		dx, dy := float64(i%oddWidth)-oddWidth/2, float64(i/oddWidth)-oddHeight/2
		v := float32(0.5 + 0.45*math.Cos(k*(dx*dx+dy*dy)))
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = v, v, v
	}
	return m
}

// oddDark is frame i of a dim scene with the noise of a high sensitivity, which is coarse and colored.
func oddDark(i int) degrade.Image {
	m := oddSoft(i, 4, true)
	noise := degrade.NewImage(oddWidth/2, oddHeight/2)
	r := oddRand(100 + uint64(i))
	for k := range noise.Pix {
		noise.Pix[k] = float32(r.NormFloat64()) * 7 / 255
	}
	grain := degrade.Enlarge(noise, 2)
	for k := range m.Pix {
		m.Pix[k] = 0.02 + 0.12*m.Pix[k] + grain.Pix[k]
	}
	return m
}

// oddSoft is frame i of a clean clip out of focus: waves of many directions, the finest of them `finest` cycles across the width, that
// move by half a pixel a frame; with edges, two sharp ones cross it.
func oddSoft(i, finest int, edges bool) degrade.Image {
	r := oddRand(uint64(finest))
	shift := float64(i) / 2
	var fields [4][]float64 // of each channel alone, and of all
	for c := range fields {
		fields[c] = make([]float64, oddWidth*oddHeight)
		for k := range 2 * finest {
			angle, f := 2*math.Pi*r.Float64(), 2*math.Pi*float64(1+k/2)/oddWidth
			addWave(fields[c], f*math.Cos(angle), f*math.Sin(angle), 2*math.Pi*r.Float64(), shift, 1/float64(1+k/2))
		}
	}
	m := degrade.NewImage(oddWidth, oddHeight)
	for p := range oddWidth * oddHeight {
		x, y := float64(p%oddWidth)+shift, float64(p/oddWidth)
		for c := range 3 {
			v := float32(0.5 + 0.1*(fields[c][p]+fields[3][p]))
			if edges && (x > 0.62*oddWidth) != (y > 0.7*oddHeight) {
				v = 1 - v
			}
			m.Pix[3*p+c] = v
		}
	}
	m.Clamp()
	return m
}

// addWave adds gain * sin(fx (x+shift) + fy y + phase). Along a row the wave is a number that turns.
func addWave(field []float64, fx, fy, phase, shift, gain float64) {
	step := cmplx.Rect(1, fx)
	for y := range oddHeight {
		z := cmplx.Rect(gain, fx*shift+fy*float64(y)+phase)
		for x := range oddWidth {
			field[y*oddWidth+x] += imag(z)
			z *= step
		}
	}
}
