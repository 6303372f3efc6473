package cpu

import (
	"bytes"

	"vsr/media"
)

// changes says what of a frame must be computed, the rest being as in the frame before. A tile of 4x4 pixels is computed
// from the same numbers by the same operations wherever the regions lie, so the result is that of computing everything.
type changes struct {
	some    bool     // not everything
	regions [][]rect // by step, in pixels of the small frame; of the last step in its rows
	area    int      // pixels of the small frame whose enlarged ones are computed

	cells []bool
	runs  []rect
}

// strips describes the last step of a plan that can compute parts of a frame: its rows are those of chroma, 1<<sy rows of the
// frame enlarged scale times.
type strips struct{ scale, sy int }

// rect is columns [x0,x1) of rows [y0,y1).
type rect struct{ x0, y0, x1, y1 int }

func (r rect) size() int { return (r.x1 - r.x0) * (r.y1 - r.y0) }

func (r rect) union(o rect) rect {
	if r.size() == 0 {
		return o
	}
	return rect{min(r.x0, o.x0), min(r.y0, o.y0), max(r.x1, o.x1), max(r.y1, o.y1)}
}

// grown adds n pixels on every side, then goes to multiples of a columns and of 4 rows, within w x h.
func (r rect) grown(n, a, w, h int) rect {
	return rect{max(0, r.x0-n) / a * a, max(0, r.y0-n) / 4 * 4, min(w, (r.x1+n+a-1)/a*a), min(h, (r.y1+n+3)/4*4)}
}

// Differences are looked for in cells of so many pixels.
const cellWidth, cellHeight = 16, 8

// mostRuns is how many separate changes are told apart; a frame with more is computed whole.
const mostRuns = 64

// everything asks for the whole frame.
func (c *changes) everything(w, h int) { c.some, c.area = false, w*h }

// find compares two frames and works out what of each step must be computed. It returns false if they are equal.
func (p *plan) find(before, src *media.Frame) bool {
	c, w, h := &p.again, src.Width, src.Height
	c.everything(w, h)
	if !c.compare(before, src) {
		return false
	}
	if p.strips == nil || p.flow == nil || !c.collect(w, h) {
		return true
	}
	c.merge()
	if c.regions == nil {
		c.regions = make([][]rect, len(p.steps))
	}
	for i := range c.regions {
		c.regions[i] = c.regions[i][:0]
	}
	c.area = 0
	for _, r := range c.runs {
		c.area += p.spread(r, w, h)
	}
	work := 0
	for _, all := range c.regions[:len(p.steps)-1] {
		for _, r := range all {
			work += r.size()
		}
	}
	if c.some = work < (len(p.steps)-1)*w*h*9/10; !c.some {
		c.everything(w, h)
	}
	return true
}

// compare marks the cells in which the frames differ.
func (c *changes) compare(a, b *media.Frame) bool {
	across, found := (a.Width+cellWidth-1)/cellWidth, false
	if n := across * ((a.Height + cellHeight - 1) / cellHeight); len(c.cells) != n {
		c.cells = make([]bool, n)
	}
	clear(c.cells)
	for p := range colorPlanes(a.Format) {
		sx, sy := uint(0), uint(0)
		if p > 0 {
			sx, sy = a.Layout.Shift()
		}
		wide := cellWidth >> sx * a.BytesPerSample()
		_, h := a.PlaneSize(p)
		for y := range h {
			x, z := a.Row(p, y), b.Row(p, y)
			if bytes.Equal(x, z) {
				continue
			}
			found = true
			line := c.cells[y<<sy/cellHeight*across:]
			for i := 0; i < len(x); i += wide {
				if end := min(i+wide, len(x)); !line[i/wide] && !bytes.Equal(x[i:end], z[i:end]) {
					line[i/wide] = true
				}
			}
		}
	}
	return found
}

// collect makes rectangles of the marked cells; false if there are too many.
func (c *changes) collect(w, h int) bool {
	c.runs = c.runs[:0]
	across := (w + cellWidth - 1) / cellWidth
	for y := 0; y*cellHeight < h; y++ {
		line := c.cells[y*across:][:across]
		for x := 0; x < across; x++ {
			if !line[x] {
				continue
			}
			from := x
			for x < across && line[x] {
				x++
			}
			if !c.extend(rect{from * cellWidth, y * cellHeight, min(w, x*cellWidth), min(h, (y+1)*cellHeight)}) {
				if len(c.runs) == mostRuns {
					return false
				}
				c.runs = append(c.runs, rect{from * cellWidth, y * cellHeight, min(w, x*cellWidth), min(h, (y+1)*cellHeight)})
			}
		}
	}
	return true
}

// extend adds a run to the rectangle above it, if that has the same columns.
func (c *changes) extend(r rect) bool {
	for i, o := range c.runs {
		if o.y1 == r.y0 && o.x0 == r.x0 && o.x1 == r.x1 {
			c.runs[i].y1 = r.y1
			return true
		}
	}
	return false
}

// merge joins rectangles as long as that is less work, with what the layers add around each.
func (c *changes) merge() {
	const around = 32
	cost := func(r rect) int { return (r.x1 - r.x0 + 2*around) * (r.y1 - r.y0 + 2*around) }
	for i := 0; i < len(c.runs); i++ {
		for j := i + 1; j < len(c.runs); j++ {
			if u := c.runs[i].union(c.runs[j]); cost(u) <= cost(c.runs[i])+cost(c.runs[j]) {
				c.runs[i] = u
				c.runs = append(c.runs[:j], c.runs[j+1:]...)
				i, j = -1, len(c.runs) // begin anew
			}
		}
	}
}

// spread appends to the regions of all steps what a change of the small frame makes necessary, and returns the pixels of the
// small frame whose enlarged ones may change. All maps of such a plan have the size of the small frame.
func (p *plan) spread(r rect, w, h int) int {
	c, last := &p.again, len(p.steps)-1
	for i := range c.regions {
		c.regions[i] = append(c.regions[i], rect{})
	}
	at := func(i int) *rect { return &c.regions[i][len(c.regions[i])-1] }
	*at(0) = r.grown(2, 4, w, h) // chroma between the samples
	for i, s := range p.steps[1:] {
		for _, e := range s.in {
			*at(i + 1) = at(i + 1).union(at(e.m.made).grown(e.reach, 4, w, h))
		}
	}
	// What may change at the end is what must be computed; from there back to what that is computed from.
	out := at(last).grown(1, 16, w, h)
	for i := range last {
		*at(i) = rect{}
	}
	*at(last) = rect{max(0, out.x0-4), out.y0, out.x1, out.y1}
	for i := last; i > 0; i-- {
		for _, e := range p.steps[i].in {
			*at(e.m.made) = at(e.m.made).union(at(i).grown(e.reach, 4, w, h))
		}
	}
	*at(last) = rect{out.x0, out.y0 * p.strips.scale >> p.strips.sy, out.x1, p.steps[last].h}
	if out.y1 < h {
		at(last).y1 = out.y1 * p.strips.scale >> p.strips.sy
	}
	return out.size()
}
