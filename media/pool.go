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
	gpu    GPU // whose memory the frames lie in, nil for the host
	semi   bool
	closed atomic.Bool
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

// OnGPU reports whether the pool's frames lie on a GPU.
func (p *Pool) OnGPU() bool { return p.gpu != nil }

// Get returns a frame that the caller owns, waiting for one to come back if all are out. The frame holds old bytes.
// The error is ctx.Err() when the context ends first, or a *GPUError.
func (p *Pool) Get(ctx context.Context) (*Frame, error) {
	select {
	case fr := <-p.slots:
		if fr == nil {
			var err error
			if fr, err = p.fresh(); err != nil {
				p.slots <- nil
				return nil, err
			}
		}
		fr.PTS, fr.Duration, fr.Scene, fr.Like, fr.Repeat, fr.SideData, fr.Captured = 0, 0, 0, 0, false, nil, time.Time{}
		fr.refs.Store(1)
		p.out.Add(1)
		return fr, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Outstanding returns how many frames are out. Every test that uses frames ends with 0.
func (p *Pool) Outstanding() int { return int(p.out.Load()) }

func (p *Pool) fresh() (*Frame, error) {
	fr := &Frame{pool: p}
	if p.gpu == nil {
		fr.allocate(p.format, p.alloc)
		return fr, nil
	}
	fr.Format = p.format
	var err error
	fr.Surface, err = p.gpu.Take(p.format, p.semi)
	return fr, err
}

func (p *Pool) put(fr *Frame) {
	p.out.Add(-1)
	p.slots <- fr
	if p.closed.Load() { // it came home late
		p.empty()
	}
}

// Close gives back a GPU's memory, that of frames which are out when they come home. Get must not be called any more. Pools
// of the host need no Close. A nil Pool is fine.
func (p *Pool) Close() {
	if p == nil || p.gpu == nil {
		return
	}
	p.closed.Store(true)
	p.empty()
}

// empty gives back the memory of the frames that are at home.
func (p *Pool) empty() {
	for {
		select {
		case fr := <-p.slots:
			if fr != nil {
				p.gpu.Give(fr.Surface)
			}
		default:
			return
		}
	}
}

func alignOffset(b []byte) int {
	r := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % Align)
	return (Align - r) % Align
}
