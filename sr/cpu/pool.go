package cpu

import (
	"runtime"

	"vsr/internal/conv"
)

// pool is the workers of an engine, their working memory and the memory of the maps, which the plans of an engine share: they never
// run at the same time.
type pool struct {
	workers *conv.Workers
	free    chan *scratch
	slots   [][]byte
	// moved is called when a slot has grown, so that plans that look at its old memory are given up.
	moved func()
}

// slot returns n bytes of slot i, which start on a cache line and hold anything.
func (p *pool) slot(i, n int) []byte {
	for len(p.slots) <= i {
		p.slots = append(p.slots, nil)
	}
	if old := len(p.slots[i]); old < n {
		p.moved()
		p.slots[i] = nil
		if old > 1<<24 {
			runtime.GC() // or the peak would hold both
		}
		p.slots[i] = aligned(n)
	}
	return p.slots[i][:n:n]
}

func newPool(threads int) *pool {
	p := &pool{workers: conv.NewWorkers(threads)}
	p.free = make(chan *scratch, p.workers.Len())
	for range p.workers.Len() {
		p.free <- &scratch{}
	}
	return p
}

// take returns working memory of at least n bytes, which start on a cache line and hold anything.
func (p *pool) take(n int) *scratch {
	s := <-p.free
	if len(s.mem) < n {
		s.mem = aligned(n)
	}
	return s
}

func (p *pool) give(s *scratch) { p.free <- s }
