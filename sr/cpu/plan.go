package cpu

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"vsr/media"
)

// fmap is one feature map or frame of a plan. Only a window of its rows is in memory.
type fmap struct {
	name  string
	w, h  int
	c     int
	pitch int    // bytes from one row to the next
	mem   []byte // the window
	lo    int    // number of the first row in the window

	made, used int    // steps that write it and that read it last
	rows       int    // capacity of the window
	slot       int    // memory slot
	alone      bool   // no other map uses the slot
	kept       int    // capacity of carry in rows
	carry      []byte // rows that the next band needs, while another map has the slot
	keep       []int  // by band: first row that later bands need
}

// row returns row y as float32 values. It must be inside the window.
func (m *fmap) row(y int) []float32 {
	return floats(m.mem[(y-m.lo)*m.pitch:][:m.pitch])
}

// floats looks at aligned bytes as float32 values.
func floats(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// inside reports whether y is a row of the frame.
func (m *fmap) inside(y int) bool { return y >= 0 && y < m.h }

// edge says which rows of a map a step reads: for its row y, from y*mul/div-reach to y*mul/div+reach.
type edge struct {
	m        *fmap
	mul, div int
	reach    int
}

func (e edge) first(y int) int { return max(0, y*e.mul/e.div-e.reach) }

// ready returns how many rows of the step can be computed when the rows below have of the map exist.
func (e edge) ready(have int) int {
	return max(0, ((have-e.reach)*e.div+e.mul-1)/e.mul)
}

// step computes some rows of its output from rows of its inputs.
type step struct {
	stage Stage
	in    []edge
	out   *fmap // nil for the last step
	h     int   // rows of the output
	align int   // rows come in groups of this many, except the last
	run   func(s *scratch, y0, y1 int)
	spans []span // by band
}

// span is some rows, or some columns.
type span struct{ y0, y1 int }

// scratch is the working memory of one worker.
type scratch struct {
	mem []byte
	// columns of the small frame are those to compute, all when it is zero. Only steps that strips lists look at it.
	columns span
}

// plan runs the steps of one network for one frame size, band after band.
type plan struct {
	steps []*step
	maps  []*fmap
	bands int
	bytes int64
	slots [][]byte
	need  int // bytes of scratch a worker
	// slanted lets one band run as flow does it: maps share a slot only if they lie row over row.
	slanted bool
	strips  *strips // nil where a part of a frame cannot be computed
	again   changes // what of the current frame is to be computed

	// What the current run works on.
	ctx      context.Context //nolint:containedctx // a function of it would be an allocation a frame
	src, dst *media.Frame
	color    color
	kernels  *kernels
	current  *step
	cuts     []int
	times    *[stages]time.Duration // in one band: the workers' time over their number
	kept     *media.Frame           // gets a copy of dst, if the plan has strips
	overflow atomic.Bool            // numbers of the frame were infinite: half precision ends at 65504
	output   atomic.Int64           // of the time of StageTail, all workers together, what belongs to StageOutput

	pool *pool
	part func(int) // p.runPart, made once
	flow *flow     // how one band runs; nil for several
	work func(int) // p.flowPart, made once
}

// add appends a step and its output map of c channels; out may be nil.
func (p *plan) add(s *step) {
	n := len(p.steps)
	for _, e := range s.in {
		e.m.used = n
	}
	if s.out != nil {
		s.h, s.out.made, s.out.used = s.out.h, n, n
		p.maps = append(p.maps, s.out)
	}
	s.align = max(1, s.align)
	p.steps = append(p.steps, s)
}

// layout fixes the number of bands so that the windows fit into limit bytes, and allocates them.
func (p *plan) layout(limit int64) error {
	const smallest = 16 // rows in a band
	h := p.steps[0].h
	for n := 1; ; n++ {
		band := ((h+n-1)/n + smallest - 1) / smallest * smallest
		if n > 1 && band == ((h+n-2)/(n-1)+smallest-1)/smallest*smallest && band > smallest {
			continue // the same as before
		}
		p.simulate(band)
		if p.bytes <= limit {
			break
		}
		if band == smallest {
			return fmt.Errorf("cpu: a frame of %dx%d needs %d MiB of memory even in bands of %d rows, %d MiB are allowed",
				p.steps[0].out.w, h, p.bytes>>20+1, smallest, limit>>20)
		}
	}
	p.allocate()
	p.part, p.work = p.runPart, p.flowPart
	if p.bands == 1 {
		p.flow = newFlow(p, p.pool.workers.Len())
	}
	return nil
}

// simulate works out which rows every step computes in every band when the first step advances by band rows.
func (p *plan) simulate(band int) {
	spans := p.advance(band, false)
	p.bands = len(spans[0])
	for i, s := range p.steps {
		s.spans = spans[i]
	}
	p.windows()
	p.assign()
}

// advance returns, by step and band, the rows that can be computed when the first step advances by band rows at a time; with
// over, only those that overwrite nothing that is still to be read.
func (p *plan) advance(band int, over bool) [][]span {
	h := p.steps[0].h
	spans := make([][]span, len(p.steps))
	for b := range (h + band - 1) / band {
		for i, s := range p.steps {
			end := s.h
			if i == 0 {
				end = min(h, (b+1)*band)
			}
			for _, e := range s.in {
				if have := spans[e.m.made][b].y1; have < e.m.h {
					end = min(end, e.ready(have))
				}
			}
			if over {
				end = min(end, p.readBefore(s, b, spans))
			}
			if end < s.h {
				end = max(0, end-end%s.align)
			}
			start := 0
			if b > 0 {
				start = spans[i][b-1].y1
			}
			spans[i] = append(spans[i], span{start, max(start, end)})
		}
	}
	return spans
}

// readBefore is how many rows of a step's slot nobody reads any more after band b of the steps before.
func (p *plan) readBefore(s *step, b int, spans [][]span) int {
	rows := s.h
	for i, c := range p.steps {
		for _, e := range c.in {
			if e.m == p.occupant(s.out) && spans[i][b].y1 < c.h {
				rows = min(rows, spans[i][b].y1*e.mul/e.div-e.reach)
			}
		}
	}
	return rows
}

// windows works out how many rows of every map must be in memory at once and from one band to the next.
func (p *plan) windows() {
	for _, m := range p.maps {
		m.keep = make([]int, p.bands)
		m.rows, m.kept = 0, 0
	}
	for b := range p.bands {
		for _, m := range p.maps {
			m.keep[b] = p.steps[m.made].spans[b].y1
		}
		for _, s := range p.steps {
			if next := s.spans[b].y1; next < s.h {
				for _, e := range s.in {
					e.m.keep[b] = min(e.m.keep[b], e.first(next))
				}
			}
		}
		for _, m := range p.maps {
			lo, hi := 0, p.steps[m.made].spans[b].y1
			if b > 0 {
				lo = m.keep[b-1]
			}
			m.rows = max(m.rows, hi-lo)
			m.kept = max(m.kept, hi-m.keep[b])
		}
	}
}

// assign gives every map a memory slot; maps that do not live at the same time share one.
func (p *plan) assign() {
	type slot struct {
		size, until, maps int
		last              *fmap
	}
	var slots []slot
	for _, m := range p.maps { // in the order in which they are made
		size, best := m.rows*m.pitch, -1
		for i, s := range slots {
			if p.slanted && (s.last.pitch != m.pitch || s.last.h != m.h) {
				continue
			}
			if s.until < m.made && (best < 0 || abs(s.size-size) < abs(slots[best].size-size)) {
				best = i
			}
		}
		if best < 0 {
			best = len(slots)
			slots = append(slots, slot{})
		}
		m.slot = best
		slots[best] = slot{max(slots[best].size, size), m.used, slots[best].maps + 1, m}
	}
	p.bytes = 0
	p.slots = make([][]byte, len(slots))
	for _, s := range slots {
		p.bytes += int64(s.size)
	}
	for _, m := range p.maps {
		m.alone = slots[m.slot].maps == 1
		if !m.alone && p.bands > 1 {
			p.bytes += int64(m.kept * m.pitch)
		}
	}
}

func abs(v int) int { return max(v, -v) }

func (p *plan) allocate() {
	sizes := make([]int, len(p.slots))
	for _, m := range p.maps {
		sizes[m.slot] = max(sizes[m.slot], m.rows*m.pitch)
	}
	total := 0
	for _, n := range sizes {
		total += (n + 63) &^ 63
	}
	free := p.pool.memory(total)
	for i, n := range sizes {
		p.slots[i], free = free[:n:n], free[(n+63)&^63:]
	}
	for _, m := range p.maps {
		m.mem = p.slots[m.slot][:m.rows*m.pitch]
		if !m.alone && p.bands > 1 {
			m.carry = make([]byte, m.kept*m.pitch)
		}
	}
}

// aligned returns n bytes that start on a cache line.
func aligned(n int) []byte {
	b := make([]byte, n+64)
	shift := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[shift : shift+n : shift+n]
}

// run computes one frame. The error is ctx.Err().
func (p *plan) run(ctx context.Context) error {
	p.ctx = ctx
	p.overflow.Store(false)
	defer func() {
		p.ctx, p.src, p.dst, p.kernels, p.kept = nil, nil, nil, nil, nil
		output := time.Duration(p.output.Swap(0)) / time.Duration(p.pool.workers.Len())
		p.times[StageTail] -= output
		p.times[StageOutput] += output
	}()
	if p.flow != nil {
		return p.runFlow()
	}
	for b := range p.bands {
		for i, s := range p.steps {
			p.slide(s.out, b)
			began := time.Now()
			if sp := s.spans[b]; sp.y0 < sp.y1 {
				p.current = s
				p.cuts = cut(p.cuts[:0], sp.y0, sp.y1, s.align, p.pool.workers.Len())
				p.pool.workers.Run(len(p.cuts)-1, p.part)
			}
			p.times[s.stage] += time.Since(began)
			if err := ctx.Err(); err != nil {
				return err
			}
			p.save(i, b)
		}
	}
	return nil
}

func (p *plan) runPart(i int) {
	if p.ctx.Err() != nil {
		return
	}
	s := p.pool.take(p.need)
	p.current.run(s, p.cuts[i], p.cuts[i+1])
	p.pool.give(s)
}

// slide moves the window of m down for band b: the rows that the bands before have left come first.
func (p *plan) slide(m *fmap, b int) {
	if m == nil {
		return
	}
	if b == 0 {
		m.lo = 0
		return
	}
	lo, hi := m.keep[b-1], p.steps[m.made].spans[b-1].y1
	if m.alone {
		copy(m.mem, m.mem[(lo-m.lo)*m.pitch:(hi-m.lo)*m.pitch])
	} else {
		copy(m.mem, m.carry[:(hi-lo)*m.pitch])
	}
	m.lo = lo
}

// save puts rows aside after step i, the last one that reads their map in this band.
func (p *plan) save(i, b int) {
	if b == p.bands-1 {
		return
	}
	for _, m := range p.maps {
		if m.used == i && !m.alone {
			lo, hi := m.keep[b], p.steps[m.made].spans[b].y1
			copy(m.carry, m.mem[(lo-m.lo)*m.pitch:(hi-m.lo)*m.pitch])
		}
	}
}

// cut divides rows [y0,y1) into parts for n workers: large ones first, so that a worker that has lost its core for a
// while finds less to do. All bounds but y1 are multiples of align.
func cut(to []int, y0, y1, align, n int) []int {
	to = append(to, y0)
	for y := y0; y < y1; {
		groups := (y1 - y + align - 1) / align
		take := groups
		if n > 1 {
			take = max(1, (groups+2*n-1)/(2*n))
		} else {
			take = max(1, min(groups, 16)) // so that a cancelled context is seen soon
		}
		y = min(y1, y+take*align)
		to = append(to, y)
	}
	return to
}
