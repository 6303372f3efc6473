package data

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"vsr/train/degrade"
)

// drawnFonts are the fonts of drawn text. The evaluation's odd set has another one.
var drawnFonts = func() []*opentype.Font {
	var list []*opentype.Font
	for _, ttf := range [][]byte{gobold.TTF, goitalic.TTF, gomono.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(err) // they are part of the program
		}
		list = append(list, f)
	}
	return list
}()

// drawnTile makes a square tile of what screens, titles, games and test charts show and photographs hardly do: lines of text, figures of square
// cells, flat shapes, regular waves, or soft gradients. Cells, letters and waves have sizes that stay visible after a reduction by scale.
func drawnTile(r *rand.Rand, side, scale int) Tile {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	switch r.IntN(5) {
	case 0:
		drawText(r, m, scale)
	case 1:
		drawCells(r, m, scale*(1+r.IntN(4)))
	case 2:
		drawShapes(r, m, scale)
	case 3:
		drawWaves(r, m, scale)
	default:
		drawGradients(r, m)
	}
	t := Tile{W: side, H: side, Frames: 1, Pix: make([]byte, side*side*3), Source: "drawn"}
	for i := range side * side {
		copy(t.Pix[3*i:3*i+3], m.Pix[4*i:4*i+3])
	}
	return t
}

func randomColor(r *rand.Rand) color.RGBA {
	v := r.Uint32()
	c := color.RGBA{byte(v), byte(v >> 8), byte(v >> 16), 255}
	if v>>24&3 == 0 { // gray, as ink and paper mostly are
		c.G, c.B = c.R, c.R
	}
	return c
}

func fill(m *image.RGBA, c color.Color) {
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
}

// drawText fills the image with lines of random letters, 5 to 24 samples of the input high.
func drawText(r *rand.Rand, m *image.RGBA, scale int) {
	ink, paper := randomColor(r), randomColor(r)
	if r.IntN(2) == 0 { // most text is dark on light or light on dark
		ink, paper = color.RGBA{A: 255}, color.RGBA{255, 255, 255, 255}
		if r.IntN(2) == 0 {
			ink, paper = paper, ink
		}
	}
	fill(m, paper)
	const letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,:;!?-()"
	side := float64(m.Rect.Dx())
	for y := 0.0; y < side; {
		size := float64(scale) * 5 * math.Pow(4.8, r.Float64())
		face, err := opentype.NewFace(drawnFonts[r.IntN(len(drawnFonts))], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			panic(err) // sizes are positive
		}
		y += size * (1 + 0.4*r.Float64())
		line := make([]byte, int(2.5*side/size)+1)
		for i := range line {
			line[i] = letters[r.IntN(len(letters))]
		}
		d := font.Drawer{Dst: m, Src: image.NewUniform(ink), Face: face, Dot: fixed.Point26_6{X: fixed.Int26_6(-64 * r.Float64() * size), Y: fixed.Int26_6(64 * y)}}
		d.DrawString(string(line))
		_ = face.Close() // opentype's faces hold nothing outside of memory
	}
}

// drawCells fills the image with figures of square cells in few colors, as in old games.
func drawCells(r *rand.Rand, m *image.RGBA, cell int) {
	palette := make([]color.RGBA, 2+r.IntN(14))
	for i := range palette {
		palette[i] = randomColor(r)
	}
	side := m.Rect.Dx()
	n := side/cell + 1
	cells := make([]byte, n*n)
	figure := 6 + r.IntN(12)
	for y0 := 0; y0 < n; y0 += figure {
		for x0 := 0; x0 < n; x0 += figure {
			drawFigure(r, cells, n, x0, y0, figure, len(palette))
		}
	}
	for y := range side {
		for x := range side {
			m.SetRGBA(x, y, palette[cells[y/cell*n+x/cell]])
		}
	}
}

// drawFigure lets a point walk over a square of cells and leave colors behind it, in one half or in both as in a mirror.
func drawFigure(r *rand.Rand, cells []byte, n, x0, y0, side, colors int) {
	set := func(x, y int, v byte) {
		if x0+x < n && y0+y < n {
			cells[(y0+y)*n+x0+x] = v
		}
	}
	ground := byte(r.IntN(colors))
	for i := range side * side {
		set(i%side, i/side, ground)
	}
	x, y, mirrored := side/2, side/2, r.IntN(2) == 0
	for range side * side {
		v := byte(r.IntN(colors))
		for range 1 + r.IntN(4) {
			x, y = min(max(x+r.IntN(3)-1, 0), side-1), min(max(y+r.IntN(3)-1, 0), side-1)
			set(x, y, v)
			if mirrored {
				set(side-1-x, y, v)
			}
		}
	}
}

// drawShapes fills the image with polygons and thin lines in flat colors.
func drawShapes(r *rand.Rand, m *image.RGBA, scale int) {
	fill(m, randomColor(r))
	side := m.Rect.Dx()
	at := func() (x, y float32) {
		return float32(side) * (1.2*r.Float32() - 0.1), float32(side) * (1.2*r.Float32() - 0.1)
	}
	z := vector.NewRasterizer(side, side)
	for range 20 + r.IntN(60) {
		z.Reset(side, side)
		x, y := at()
		z.MoveTo(x, y)
		if r.IntN(2) == 0 { // a line, half a sample of the input wide or more
			u, v := at()
			width := float64(scale) * (0.5 + 1.5*r.Float64()) / max(math.Hypot(float64(u-x), float64(v-y)), 1)
			dx, dy := float32(width)*(v-y), float32(width)*(x-u)
			z.LineTo(u, v)
			z.LineTo(u+dx, v+dy)
			z.LineTo(x+dx, y+dy)
		} else {
			size := float32(side) * (0.05 + 0.3*r.Float32())
			for range 2 + r.IntN(4) {
				u, v := x+size*(2*r.Float32()-1), y+size*(2*r.Float32()-1)
				if r.IntN(3) == 0 {
					z.QuadTo(x+size*(2*r.Float32()-1), y+size*(2*r.Float32()-1), u, v)
				} else {
					z.LineTo(u, v)
				}
			}
		}
		z.ClosePath()
		z.Draw(m, m.Bounds(), image.NewUniform(randomColor(r)), image.Point{})
	}
}

// drawWaves fills the image with one regular wave between two colors, as cloth, fences and test charts have: its frequency and direction change
// steadily over the tile, and it stays below what a reduction by scale can hold. A network that never sees one draws false lines there.
func drawWaves(r *rand.Rand, m *image.RGBA, scale int) {
	side := m.Rect.Dx()
	a, b := randomColor(r), randomColor(r)
	if r.IntN(2) == 0 {
		b.G, b.B, a.G, a.B = b.R, b.R, a.R, a.R
	}
	highest := math.Pi / float64(scale) * (0.3 + 0.65*r.Float64()) // radians a sample, of what the input can hold
	// The phase is a quadratic form of the place, so the frequency is linear in it: some of the highest in the middle, and what is left at the
	// farthest corner.
	direction, at := 2*math.Pi*r.Float64(), highest*r.Float64()
	bend, turn := (highest-at)/(float64(side)*math.Sqrt2/2), 2*math.Pi*r.Float64()
	along, across := bend, bend*(2*r.Float64()-1)
	cos, sin := math.Cos(turn), math.Sin(turn)
	start, soft := 2*math.Pi*r.Float64(), r.IntN(3) > 0
	for y := range side {
		for x := range side {
			u, v := float64(x-side/2), float64(y-side/2)
			p, q := u*cos+v*sin, v*cos-u*sin
			w := math.Cos(start + at*(u*math.Cos(direction)+v*math.Sin(direction)) + (along*p*p+across*q*q)/2)
			if !soft { // stripes with edges as a lens leaves them
				w = math.Tanh(2*w) / math.Tanh(2)
			}
			m.SetRGBA(x, y, between(a, b, 0.5+0.5*w))
		}
	}
}

// between is the color that lies a share t of the way from a to b, rounded.
func between(a, b color.RGBA, t float64) color.RGBA {
	mix := func(a, b byte) byte { return byte(math.Round(float64(a) + t*(float64(b)-float64(a)))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// drawGradients fills the image with a few broad waves in each channel, as skies, walls and what is out of focus have: nothing in it is sharp.
func drawGradients(r *rand.Rand, m *image.RGBA) {
	side := m.Rect.Dx()
	base, contrast, colored := 0.2+0.6*r.Float64(), 0.02+0.2*r.Float64(), r.Float64()
	type wave struct{ x, y, start, height float64 }
	waves := make([]wave, 3+r.IntN(5))
	tint := make([][3]float64, len(waves))
	for i := range waves {
		length := float64(side) * math.Pow(16, -r.Float64()) * 2 // an eighth of the tile to twice the tile
		f, direction := 2*math.Pi/length, 2*math.Pi*r.Float64()
		waves[i] = wave{f * math.Cos(direction), f * math.Sin(direction), 2 * math.Pi * r.Float64(), contrast * (0.3 + 0.7*r.Float64())}
		for c := range 3 {
			tint[i][c] = 1 + colored*(2*r.Float64()-1)
		}
	}
	for y := range side {
		for x := range side {
			v := [3]float64{base, base, base}
			for i, w := range waves {
				h := w.height * math.Sin(w.x*float64(x)+w.y*float64(y)+w.start)
				for c := range v {
					v[c] += h * tint[i][c]
				}
			}
			at := m.PixOffset(x, y)
			for c := range v {
				m.Pix[at+c] = byte(math.Round(255 * min(max(v[c], 0), 1)))
			}
		}
	}
}

// night is a window as a camera sees it in the dark: dim, with the coarse colored noise of a high sensitivity. Like defocus it is no
// degradation: the noise is part of the original.
type night struct {
	black, gain, gamma float64
	sigma              float64 // of the noise, of 1
	grain              int     // its size in samples
	color              float64 // 0 is gray noise, 1 has its own noise in each channel
	r                  *rand.Rand
}

func newNight(r *rand.Rand) *night {
	return &night{black: 0.04 * r.Float64(), gain: 0.06 + 0.3*r.Float64(), gamma: 1 + r.Float64(), sigma: (2 + 8*r.Float64()) / 255, grain: 1 + r.IntN(2), color: r.Float64(), r: r}
}

// apply darkens a frame and gives it noise of its own. It never fails.
func (n *night) apply(m degrade.Image) (degrade.Image, error) {
	noise := degrade.NewImage((m.W+n.grain-1)/n.grain, (m.H+n.grain-1)/n.grain)
	for i := 0; i < len(noise.Pix); i += 3 {
		shared := n.r.NormFloat64()
		for c := range 3 {
			noise.Pix[i+c] = float32(n.sigma * (shared + n.color*(n.r.NormFloat64()-shared)))
		}
	}
	if n.grain > 1 {
		noise = degrade.Enlarge(noise, n.grain)
	}
	out := degrade.NewImage(m.W, m.H)
	for y := range m.H {
		row, from, grain := out.Row(y), m.Row(y), noise.Row(y)
		for x := range row {
			row[x] = float32(n.black+n.gain*math.Pow(float64(from[x]), n.gamma)) + grain[x]
		}
	}
	out.Clamp()
	return out, nil
}
