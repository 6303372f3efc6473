package media

import (
	"context"
	"sync/atomic"
	"time"
	"unsafe"
)

// Pool hands out frames of one format, never more than its cap at a time. The cap, not any queue, bounds memory.
type Pool struct {
	format Format
	slots  chan *Frame // one entry per frame that may be taken; nil until first used
	out    atomic.Int64
	alloc  func(int) []byte
}

// NewPool returns a pool of at most limit frames. alloc, when not nil, supplies the memory (pinned memory, say).
func NewPool(f Format, limit int, alloc func(n int) []byte) *Pool {
	if alloc == nil {
		alloc = func(n int) []byte { return make([]byte, n) }
	}
	p := &Pool{format: f, slots: make(chan *Frame, limit), alloc: alloc}
	for range limit {
		p.slots <- nil
	}
	return p
}

// Format returns the format of the pool's frames.
func (p *Pool) Format() Format { return p.format }

// Get returns a frame that the caller owns, waiting for one to come back if all are out. The picture holds old bytes.
// The error is ctx.Err() when the context ends first.
func (p *Pool) Get(ctx context.Context) (*Frame, error) {
	select {
	case fr := <-p.slots:
		if fr == nil {
			fr = &Frame{pool: p}
			fr.allocate(p.format, p.alloc)
		}
		fr.PTS, fr.Duration, fr.Scene, fr.Repeat, fr.SideData, fr.Captured = 0, 0, 0, false, nil, time.Time{}
		fr.refs.Store(1)
		p.out.Add(1)
		return fr, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Outstanding returns how many frames are out. Every test that uses frames ends with 0.
func (p *Pool) Outstanding() int { return int(p.out.Load()) }

func (p *Pool) put(fr *Frame) {
	p.out.Add(-1)
	p.slots <- fr
}

func alignOffset(b []byte) int {
	r := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % Align)
	return (Align - r) % Align
}
