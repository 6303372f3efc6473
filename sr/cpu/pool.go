package cpu

import "vsr/internal/conv"

// pool is the workers of an engine and their working memory.
type pool struct {
	workers *conv.Workers
	free    chan *scratch
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
