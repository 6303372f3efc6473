package cpu

import (
	"sync"
	"time"
)

// flow runs a plan of one band without a barrier between its steps. Tasks, some rows of a step each, stand in the order of the
// steps. A worker takes the next task, waits until the rows that it reads are there and the rows that it overwrites have been
// read, and runs it. While one worker ends a step the others begin the next, so nobody waits for long, and a worker that has
// lost its core holds up only what depends on its rows.
type flow struct {
	tasks []task
	done  []int // by step: all rows below are complete
	ended []bool
	next  int
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

// newFlow cuts the steps of a plan of one band into tasks for n workers.
func newFlow(p *plan, n int) *flow {
	f := &flow{done: make([]int, len(p.steps))}
	f.changed.L = &f.mu
	for i, s := range p.steps {
		var cuts []int
		if groups := (s.h + s.align - 1) / s.align; i < len(p.steps)-1 {
			each := max(1, (groups+3*n-1)/(3*n)) * s.align
			for y := 0; y < s.h; y += each {
				cuts = append(cuts, y)
			}
			cuts = append(cuts, s.h)
		} else {
			cuts = cut(nil, 0, s.h, s.align, n)
		}
		for c := range len(cuts) - 1 {
			t := task{step: i, y0: cuts[c], y1: cuts[c+1]}
			t.after = p.needs(s, t.y1)
			f.tasks = append(f.tasks, t)
		}
	}
	f.ended = make([]bool, len(f.tasks))
	return f
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

// reset makes the flow ready for the next picture.
func (f *flow) reset() {
	clear(f.done)
	clear(f.ended)
	f.next, f.stop = 0, false
}

// take returns the next task, when it may run; -1 when there is none left or the flow has stopped.
func (f *flow) take() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop || f.next == len(f.tasks) {
		return -1
	}
	i := f.next
	f.next++
	for !f.stop && !f.ready(&f.tasks[i]) {
		f.changed.Wait()
	}
	if f.stop {
		return -1
	}
	return i
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
	if f.done[s] == f.tasks[i].y0 {
		for ; i < len(f.tasks) && f.tasks[i].step == s && f.ended[i]; i++ {
			f.done[s] = f.tasks[i].y1
		}
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

// runFlow computes one picture in one band.
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
		s.run(sc, t.y0, t.y1)
		f.end(i, time.Since(began)/n, &p.times[s.stage])
	}
	finished = true
}
