package synth

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"vsr/media"
)

// Event is something that happens in frames First to Last, both included.
type Event struct {
	// First and Last of a hard cut are the first frame of the new shot. Those of a gradual transition are its first mixed frame
	// and the first frame that shows the new shot alone: a detector must report one cut in that range.
	First, Last int
	// Cut is false for a distractor, where a detector must report nothing.
	Cut bool
	// What names the event, as in "white flash".
	What string
}

// Options adjust New. The zero value gives generated material at 320x180.
type Options struct {
	Width, Height int // 0 means 320x180
	// Stills are used beside generated images. Even seeds take those of even index, odd seeds those of odd index.
	Stills []*Image
	// Moving are further takes of at least two images each, played forward and backward. They are shared like Stills.
	Moving [][]*Image
}

// Clip is a video with known cuts. Draw may be called from one goroutine at a time.
type Clip struct {
	Kind   string
	Seed   uint64
	Rate   int // frames a second
	Frames int
	Events []Event // in order of First
	// BitRate is what the clip should be encoded at, in bits a second at 320x180, 0 for visually lossless; Generations is how
	// often. The frames of Draw are never compressed.
	BitRate     int64
	Generations int

	w, h    int
	takes   []take
	blends  []blend
	effects []effect
	source  func(i int) int // content frame of frame i, nil for i itself
	noise   float32         // standard deviation in levels
	coarse  int             // size of a grain in pixels
	grain   []float32       // normal noise

	main, other *canvas
}

// take is a shot with its place in the clip.
type take struct {
	first int
	shot  *shot
	start float64 // seconds into the shot
}

// blend goes from the take before take index to it over frames [first, last).
type blend struct {
	first, last, index int
	mask               mask
}

// mask is the weight of the new take at a place, for progress in (0, 1).
type mask func(progress, x, y float64) float32

// effect changes finished frames first to last.
type effect struct {
	first, last int
	apply       func(c *canvas, i int)
}

// HeldOut reports whether a seed belongs to the half that nothing may be fitted to.
func HeldOut(seed uint64) bool { return seed%2 == 1 }

// New makes the clip of a kind and a seed. It fails for a kind that is not in Kinds.
func New(kind string, seed uint64, o Options) (*Clip, error) {
	i := slices.IndexFunc(kinds, func(k kindRule) bool { return k.name == kind })
	if i < 0 {
		return nil, fmt.Errorf("synth: unknown kind %q", kind)
	}
	if o.Width == 0 {
		o.Width, o.Height = 320, 180
	}
	h := fnv.New64a()
	h.Write([]byte(kind))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	c := &Clip{Kind: kind, Seed: seed, Rate: []int{24, 25, 30, 50, 60}[r.IntN(5)], w: o.Width, h: o.Height, Generations: 1,
		noise: float32(1.5 * r.Float64()), coarse: 1}
	b := &builder{Clip: c, r: r, o: &o, used: map[int]bool{}}
	kinds[i].build(b)
	slices.SortStableFunc(c.Events, func(a, b Event) int { return a.First - b.First })
	c.main, c.other = newCanvas(c.w, c.h), newCanvas(c.w, c.h)
	c.grain = make([]float32, 1<<16)
	for i := range c.grain {
		c.grain[i] = float32(r.NormFloat64())
	}
	return c, nil
}

// Format is what Draw needs of a frame.
func (c *Clip) Format() media.Format {
	return media.Format{Width: c.w, Height: c.h, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
}

// Draw paints frame i into fr, which must have the clip's Format.
func (c *Clip) Draw(fr *media.Frame, i int) {
	n := i
	if c.source != nil {
		n = c.source(i)
	}
	at := 0
	for k, t := range c.takes {
		if t.first <= n {
			at = k
		}
	}
	c.draw(c.main, at, n)
	for _, b := range c.blends {
		if n < b.first || n >= b.last || b.index != at {
			continue
		}
		// main shows the new take; the old one runs on under it.
		c.draw(c.other, at-1, n)
		c.main, c.other = c.other, c.main
		progress := float64(n-b.first+1) / float64(b.last-b.first+1)
		if b.mask == nil {
			c.main.blend(c.other, float32(progress))
		} else {
			c.main.mix(c.other, func(x, y float64) float32 { return b.mask(progress, x/float64(c.w), y/float64(c.h)) })
		}
	}
	for _, e := range c.effects {
		if n >= e.first && n <= e.last {
			e.apply(c.main, n)
		}
	}
	if c.noise > 0 {
		c.addNoise(n)
	}
	c.main.store(fr)
}

func (c *Clip) draw(to *canvas, index, n int) {
	t, dt := c.takes[index], 1/float64(c.Rate)
	t.shot.draw(to, t.start+float64(n-t.first)*dt, dt)
}

// addNoise adds grain that is new in every content frame.
func (c *Clip) addNoise(n int) {
	for p := range c.main.plane {
		w, h := c.main.size(p)
		sigma := c.noise
		if p > 0 {
			sigma *= 0.4
		}
		for y := range h {
			start := int(uint32(lattice(uint64(n)+c.Seed<<20, p, y/c.coarse) * (1 << 30)))
			for x := range w {
				c.main.plane[p][y*w+x] += sigma * c.grain[(start+x/c.coarse)&(1<<16-1)]
			}
		}
	}
}

// Cuts is how many cuts the clip has.
func (c *Clip) Cuts() (n int) {
	for _, e := range c.Events {
		if e.Cut {
			n++
		}
	}
	return n
}

// Counts compares what a detector reported with the truth.
type Counts struct {
	Hits, Misses, False int
	Fooled              int // distractors with a false cut in them, or a frame beside them
}

// F1 is the harmonic mean of precision and recall, 1 where there was nothing to find and nothing was found.
func (n Counts) F1() float64 {
	if n.Hits+n.Misses+n.False == 0 {
		return 1
	}
	return 2 * float64(n.Hits) / float64(2*n.Hits+n.Misses+n.False)
}

// Add sums up.
func (n *Counts) Add(o Counts) {
	n.Hits, n.Misses, n.False, n.Fooled = n.Hits+o.Hits, n.Misses+o.Misses, n.False+o.False, n.Fooled+o.Fooled
}

// Score matches reported cuts, first frames of new scenes in rising order, to the events. Each report serves one cut and each
// cut takes one report, at most tolerance frames outside its range; every other report is false.
func Score(events []Event, reported []int, tolerance int) (n Counts) {
	used := make([]bool, len(reported))
	for _, e := range events {
		if !e.Cut {
			continue
		}
		best := -1
		for i, at := range reported {
			if used[i] || at < e.First-tolerance || at > e.Last+tolerance {
				continue
			}
			if best < 0 || abs(at-e.First) < abs(reported[best]-e.First) {
				best = i
			}
		}
		if best < 0 {
			n.Misses++
			continue
		}
		used[best] = true
		n.Hits++
	}
	for i := range reported {
		if !used[i] {
			n.False++
		}
	}
	for _, e := range events {
		if !e.Cut && slices.ContainsFunc(reported, func(at int) bool {
			i := slices.Index(reported, at)
			return !used[i] && at >= e.First-1 && at <= e.Last+1
		}) {
			n.Fooled++
		}
	}
	return n
}

func abs(v int) int { return max(v, -v) }
