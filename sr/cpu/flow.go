package cpu

import (
	"sync"
	"time"
)

// flow runs a plan of one band without a barrier between its steps. A worker takes the next task, some rows of a step, whose
// input rows are there and whose output rows overwrite nothing that is still to be read, and runs it. It waits only if there is none
// among the next tasks, so a worker that has lost its core holds up only what depends on its rows.
//
// Tasks stand in a slanted order: all steps of a few rows, each step a little behind the one before, then all steps of the next
// rows. What a step writes is then still in the second cache when the next one reads it, and each worker reads mostly what it
// has written itself.
type flow struct {
	tasks []task
	done  []int   // by step: all rows below are complete
	rows  [][]int // by step: its tasks, from top to bottom
	first []int   // by step: how many of them are complete, without a gap
	taken []bool
	ended []bool
	next  int // the first task that is not taken
	stop  bool

	mu      sync.Mutex
	changed sync.Cond
}

// task is rows [y0,y1) of a step.
type task struct {
	step   int
	y0, y1 int
	after  []need
}

// need says that rows of a step must be complete.
type need struct{ step, rows int }

// nearCache is how many bytes of two maps the rows of a worker may take up: with its scratch they fit into a second cache of 1 MiB.
const nearCache = 768 << 10

// newFlow cuts the steps of a plan of one band into tasks for n workers.
func newFlow(p *plan, n int) *flow {
	f := &flow{done: make([]int, len(p.steps)), first: make([]int, len(p.steps)), rows: make([][]int, len(p.steps))}
	f.changed.L = &f.mu
	if p.slanted {
		rows, abreast := p.rowsInCache(), n
		if n > 1 {
			abreast++ // a part more than workers: who ends first goes on, because what comes next does not need what still runs
			if rows >= 16 {
				rows /= 2 // and smaller parts, for which nobody waits long (docs/benchmarks.md)
			}
		}
		spans := p.advance(rows*abreast, true)
		for b := range spans[0] {
			for i, s := range p.steps {
				each := max(1, rows*s.h/p.steps[0].h/s.align) * s.align
				f.add(p, i, parts(spans[i][b], each))
			}
		}
	} else {
		for i, s := range p.steps {
			groups := (s.h + s.align - 1) / s.align
			f.add(p, i, parts(span{0, s.h}, max(1, (groups+3*n-1)/(3*n))*s.align))
		}
	}
	f.taken, f.ended = make([]bool, len(f.tasks)), make([]bool, len(f.tasks))
	return f
}

// rowsInCache is how many rows a worker computes of each step in turn.
func (p *plan) rowsInCache() int {
	pitch := 0
	for _, m := range p.maps {
		pitch = max(pitch, m.pitch)
	}
	return min(max(nearCache/(2*pitch)/4*4, 12), 32)
}

// parts cuts a span into parts of at most each rows.
func parts(s span, each int) []span {
	var all []span
	for y := s.y0; y < s.y1; y += each {
		all = append(all, span{y, min(y+each, s.y1)})
	}
	return all
}

// add appends tasks of step i.
func (f *flow) add(p *plan, i int, spans []span) {
	for _, sp := range spans {
		f.rows[i] = append(f.rows[i], len(f.tasks))
		f.tasks = append(f.tasks, task{step: i, y0: sp.y0, y1: sp.y1, after: p.needs(p.steps[i], sp.y1)})
	}
}

// needs lists what must be complete before rows below y1 of a step may be computed.
func (p *plan) needs(s *step, y1 int) []need {
	var all []need
	for _, e := range s.in {
		all = append(all, need{e.m.made, min(e.m.h, (y1-1)*e.mul/e.div+e.reach+1)})
	}
	old := p.occupant(s.out)
	if old == nil {
		return all
	}
	for i, c := range p.steps {
		for _, e := range c.in {
			if e.m != old {
				continue
			}
			rows := c.h
			if old.pitch == s.out.pitch { // row over row: whoever reads a row below y1 must have done so
				rows = min(rows, ((y1+e.reach)*e.div+e.mul-1)/e.mul)
			}
			all = append(all, need{i, rows})
		}
	}
	return all
}

// occupant returns the map that had the slot of m before m.
func (p *plan) occupant(m *fmap) *fmap {
	var old *fmap
	for _, o := range p.maps {
		if m != nil && o.slot == m.slot && o.made < m.made {
			old = o
		}
	}
	return old
}

// reset makes the flow ready for the next frame.
func (f *flow) reset() {
	clear(f.done)
	clear(f.first)
	clear(f.taken)
	clear(f.ended)
	f.next, f.stop = 0, false
}

// ahead is how far from the first open task a worker looks for one that may run: into the first steps of the rows that come next.
const ahead = 64

// take returns a task that may run, the first among the next ones; -1 when there is none left or the flow has stopped.
func (f *flow) take() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; !f.stop; f.changed.Wait() {
		for f.next < len(f.tasks) && f.taken[f.next] {
			f.next++
		}
		if f.next == len(f.tasks) {
			return -1
		}
		for i := f.next; i < min(f.next+ahead, len(f.tasks)); i++ {
			if !f.taken[i] && f.ready(&f.tasks[i]) {
				f.taken[i] = true
				return i
			}
		}
	}
	return -1
}

func (f *flow) ready(t *task) bool {
	for _, n := range t.after {
		if f.done[n.step] < n.rows {
			return false
		}
	}
	return true
}

// end marks a task as complete and adds its time.
func (f *flow) end(i int, spent time.Duration, total *time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*total += spent
	f.ended[i] = true
	s := f.tasks[i].step
	for rows := f.rows[s]; f.first[s] < len(rows) && f.ended[rows[f.first[s]]]; f.first[s]++ {
		f.done[s] = f.tasks[rows[f.first[s]]].y1
	}
	f.changed.Broadcast()
}

// cancel makes all workers return.
func (f *flow) cancel() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = true
	f.changed.Broadcast()
}

// runFlow computes one frame in one band.
func (p *plan) runFlow() error {
	for _, m := range p.maps {
		m.lo = 0
	}
	p.flow.reset()
	p.pool.workers.Run(p.pool.workers.Len(), p.work)
	return p.ctx.Err()
}

// flowPart is one worker's share: tasks until there are no more.
func (p *plan) flowPart(int) {
	f, n := p.flow, time.Duration(p.pool.workers.Len())
	finished := false
	defer func() {
		if !finished { // a panic: the others must not wait for it
			f.cancel()
		}
	}()
	sc := p.pool.take(p.need)
	defer p.pool.give(sc)
	for i := f.take(); i >= 0; i = f.take() {
		if p.ctx.Err() != nil {
			f.cancel()
			break
		}
		t := &f.tasks[i]
		s := p.steps[t.step]
		began := time.Now()
		p.runTask(s, sc, t)
		f.end(i, time.Since(began)/n, &p.times[s.stage])
	}
	finished = true
}

// runTask computes the rows of a task, or what has changed of them.
func (p *plan) runTask(s *step, sc *scratch, t *task) {
	if !p.again.some {
		s.run(sc, t.y0, t.y1)
		return
	}
	for _, r := range p.again.regions[t.step] {
		if y0, y1 := max(t.y0, r.y0), min(t.y1, r.y1); y0 < y1 {
			sc.columns = span{r.x0, r.x1}
			s.run(sc, y0, y1)
		}
	}
	sc.columns = span{}
}
