package cpu

import (
	"runtime/debug"

	"vsr/internal/conv"
)

// pool is the workers of an engine, their working memory and the memory of the maps, which the plans of an engine share: they never
// run at the same time.
type pool struct {
	workers *conv.Workers
	free    chan *scratch
	maps    []byte
	// moved is called when maps has grown, so that plans that look at its old memory are given up.
	moved func()
}

// memory returns n bytes for the maps of a plan, which start on a cache line and hold anything.
func (p *pool) memory(n int) []byte {
	if old := len(p.maps); old < n {
		p.moved()
		p.maps = nil
		if old > 1<<24 {
			debug.FreeOSMemory() // or the peak would hold both
		}
		p.maps = aligned(n)
	}
	return p.maps
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
