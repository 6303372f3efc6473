package cpu

import (
	"context"
	"sync"
)

// endsAfter is a context that is cancelled at its n-th question.
type endsAfter struct {
	context.Context //nolint:containedctx // it is one
	mu              sync.Mutex
	calls           int
}

func (c *endsAfter) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls--; c.calls < 0 {
		return context.Canceled
	}
	return nil
}
