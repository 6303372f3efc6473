package data

import (
	"math"
	"math/rand/v2"
	"sync"

	"vsr/train/degrade"
)

// clip is a degraded clip with its sharp frames.
type clip struct {
	scale int
	lr    []degrade.Image
	hr    [][]byte // 8-bit RGB, frame by frame, lr.W*scale wide
}

// clipKey names a clip: the place in the batch and its generation.
type clipKey struct{ slot, generation int }

// makeClip cuts and degrades the clip of a slot and generation.
func (s *Sampler) makeClip(k clipKey) (*clip, error) {
	rng := rand.New(rand.NewPCG(s.o.Seed+0xc11b, uint64(s.clipID(k.slot, k.generation))))
	frames, err := s.cutClip(rng)
	if err != nil {
		return nil, err
	}
	lr, err := s.o.Recipe.Apply(s.recipeRand(k), frames)
	if err != nil {
		return nil, err
	}
	c := &clip{scale: s.o.Recipe.Scale(), lr: lr}
	for _, m := range frames {
		c.hr = append(c.hr, m.Bytes())
	}
	return c, nil
}

// age is how many generations a clip's shared draws waited in the pool. The published pool hands out its pairs in random order
// and replaces those it handed out, so a pair waits a geometric time; drawing that time keeps the sampler without a memory.
func (s *Sampler) age(id, generation int) int {
	if s.o.Pool <= s.o.Batch {
		return 0
	}
	rng := rand.New(rand.NewPCG(s.o.Seed+0x9001, uint64(id)))
	stay := 1 - float64(s.o.Batch)/float64(s.o.Pool)
	return min(int(math.Log(1-rng.Float64())/math.Log(stay)), generation)
}

// cutClip takes a window out of a random tile. A still image is filmed by a window that drifts over it.
func (s *Sampler) cutClip(rng *rand.Rand) ([]degrade.Image, error) {
	t := s.tiles[rng.IntN(len(s.tiles))]
	if s.o.Drawn > 0 && rng.Float64() < s.o.Drawn {
		t = drawnTile(rng, s.o.Clip*3/2, s.o.Recipe.Scale())
	}
	want := max(s.o.Recipe.Frames(), 1)
	var flip flips
	if !s.o.NoAugment {
		bits := rng.Uint32()
		flip = flips{bits&1 != 0, bits&2 != 0, bits&4 != 0}
	}
	f := s.shrink(rng, t)
	outW, outH := s.clipSide(t.W, f), s.clipSide(t.H, f)
	w, h := min(int(math.Round(float64(outW)/f)), t.W), min(int(math.Round(float64(outH)/f)), t.H)
	path := newPath(rng, t, w, h)
	first := 0
	if t.Frames > want {
		first = rng.IntN(t.Frames - want + 1)
	}
	if flip.transpose {
		outW, outH = outH, outW
	}
	var change []func(degrade.Image) (degrade.Image, error)
	if f < 1 {
		change = append(change, func(m degrade.Image) (degrade.Image, error) { return degrade.Resize(m, outW, outH, degrade.CubicSoft) })
	}
	if s.o.Defocus > 0 && rng.Float64() < s.o.Defocus {
		change = append(change, degrade.NewDefocus(rng).Apply)
	}
	if s.o.Night > 0 && rng.Float64() < s.o.Night {
		change = append(change, newNight(rng).apply)
	}
	frames := make([]degrade.Image, want)
	for i := range frames {
		x, y := path.at(i)
		m := window(t, min(first+i, t.Frames-1), x, y, w, h, flip)
		for _, apply := range change {
			var err error
			if m, err = apply(m); err != nil {
				return nil, err
			}
		}
		if len(change) > 0 {
			m.Quantise()
		}
		frames[i] = m
	}
	return frames, nil
}

// shrink draws the factor by which a tile is reduced. Without Shrink nothing is drawn, so that such runs stay as they were.
func (s *Sampler) shrink(rng *rand.Rand, t Tile) float64 {
	if s.o.Shrink <= 0 || s.o.Shrink >= 1 {
		return 1
	}
	least := max(s.o.Shrink, float64(s.o.Patch*s.o.Recipe.Scale())/float64(min(t.W, t.H)))
	f, reduced := least+(1-least)*rng.Float64(), rng.Float64() < 0.5
	if !reduced {
		return 1
	}
	return f
}

// clipSide is the side of a clip out of a tile's side of n, a multiple of the scale and at least a patch.
func (s *Sampler) clipSide(n int, f float64) int {
	scale := s.o.Recipe.Scale()
	side := min(s.o.Clip, int(float64(n)*f)) / scale * scale
	return max(side, s.o.Patch*scale) // rounding must not leave too little for the patch
}

// path moves a window over a still tile, at most three sharp pixels a frame. Tiles with frames of their own are not moved over.
type path struct {
	x, y, vx, vy float64
	maxX, maxY   int
}

func newPath(rng *rand.Rand, t Tile, w, h int) path {
	p := path{maxX: t.W - w, maxY: t.H - h}
	p.x, p.y = float64(rng.IntN(p.maxX+1)), float64(rng.IntN(p.maxY+1))
	vx, vy, still := rng.Float64()*6-3, rng.Float64()*6-3, rng.Float64() < 0.2
	if t.Frames == 1 && !still {
		p.vx, p.vy = vx, vy
	}
	return p
}

// at returns the window's corner in frame i; at the end of the tile it turns round.
func (p path) at(i int) (x, y int) {
	return bounce(p.x+p.vx*float64(i), p.maxX), bounce(p.y+p.vy*float64(i), p.maxY)
}

func bounce(v float64, top int) int {
	if top == 0 {
		return 0
	}
	n := int(math.Round(v)) % (2 * top)
	if n < 0 {
		n += 2 * top
	}
	if n > top {
		n = 2*top - n
	}
	return n
}

// flips is an augmentation: transpose last.
type flips struct{ horizontal, vertical, transpose bool }

// window copies frame f of a tile from (x, y) on, turned. The result is h x w when transposed.
func window(t Tile, f, x, y, w, h int, a flips) degrade.Image {
	raw := make([]byte, w*h*3)
	outW, outH := w, h
	if a.transpose {
		outW, outH = h, w
	}
	for r := range h {
		src := t.Pix[((f*t.H+y+r)*t.W+x)*3:][:w*3]
		yy := r
		if a.vertical {
			yy = h - 1 - r
		}
		for c := range w {
			xx := c
			if a.horizontal {
				xx = w - 1 - c
			}
			o := (yy*outW + xx) * 3
			if a.transpose {
				o = (xx*outW + yy) * 3
			}
			copy(raw[o:o+3], src[3*c:3*c+3])
		}
	}
	return degrade.FromBytes(outW, outH, raw)
}

// draw cuts one aligned pair and another low-resolution patch.
func (c *clip) draw(rng *rand.Rand, p int, lr, hr, other []float32) {
	w, h := c.lr[0].W, c.lr[0].H
	f, x, y := rng.IntN(len(c.lr)), rng.IntN(w-p+1), rng.IntN(h-p+1)
	cutPatch(lr, c.lr[f], x, y, p)
	side, stride := p*c.scale, w*c.scale
	for r := range side {
		src := c.hr[f][((y*c.scale+r)*stride+x*c.scale)*3:][:side*3]
		degrade.BytesToFloats(hr[r*side*3:(r+1)*side*3], src)
	}
	cutPatch(other, c.lr[rng.IntN(len(c.lr))], rng.IntN(w-p+1), rng.IntN(h-p+1), p)
}

func cutPatch(dst []float32, m degrade.Image, x, y, p int) {
	for r := range p {
		copy(dst[r*p*3:(r+1)*p*3], m.Pix[((y+r)*m.W+x)*3:])
	}
}

// clipCache holds the clips in use. A clip asked for twice at once is made once.
type clipCache struct {
	mu      sync.Mutex
	entries map[clipKey]*cacheEntry
	order   []clipKey // oldest first
	limit   int
}

type cacheEntry struct {
	once sync.Once
	clip *clip
	err  error
}

func (c *clipCache) get(k clipKey, build func(clipKey) (*clip, error)) (*clip, error) {
	c.mu.Lock()
	if c.entries == nil {
		c.entries = map[clipKey]*cacheEntry{}
	}
	e := c.entries[k]
	if e == nil {
		for len(c.order) >= c.limit {
			delete(c.entries, c.order[0])
			c.order = c.order[1:]
		}
		e = &cacheEntry{}
		c.entries[k] = e
		c.order = append(c.order, k)
	}
	c.mu.Unlock()
	e.once.Do(func() { e.clip, e.err = build(k) })
	return e.clip, e.err
}
