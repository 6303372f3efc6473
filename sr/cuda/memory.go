//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/internal/device"
	"vsr/media"
	"vsr/sr/cuda/driver"
)

// Memory is a GPU's memory for frames, in the primary context, which the engines of this package and FFmpeg share. The
// GPU is opened when it is first used.
type Memory struct {
	index   int
	thread  *device.Thread
	dev     cu.Device
	stream  cu.Stream
	arrived cu.Event
	staging []byte // pinned, as large as the largest frame that has crossed the bus
	taken   map[cu.DevicePtr]bool
	undo    []func()
	opened  bool
	closed  atomic.Bool
}

var _ media.GPU = (*Memory)(nil)

// NewMemory names the memory of a GPU, by its index in the driver's order. It takes nothing yet.
func NewMemory(index int) *Memory {
	return &Memory{index: index, thread: device.NewThread(), taken: map[cu.DevicePtr]bool{}}
}

// Device is the GPU's index in the driver's order.
func (m *Memory) Device() int { return m.index }

// do runs f on the thread of an open GPU.
func (m *Memory) do(f func() error) error {
	if m.closed.Load() {
		return &media.GPUError{Err: errors.New("cuda: the GPU's memory is closed")}
	}
	err := m.thread.Do(func() error {
		if !m.opened {
			if err := m.open(); err != nil {
				m.release()
				return err
			}
			m.opened = true
		}
		return f()
	})
	if err != nil {
		return &media.GPUError{Err: fmt.Errorf("cuda: %w", err)}
	}
	return nil
}

func (m *Memory) open() error {
	all, err := Devices()
	if err != nil {
		return err
	}
	if m.index < 0 || m.index >= len(all) {
		return fmt.Errorf("cuda:%d, have %d", m.index, len(all))
	}
	if m.dev, err = cu.GetDevice(m.index); err != nil {
		return wrap("cuDeviceGet", err)
	}
	_ = m.dev.SetPrimaryCtxFlags(cu.SchedBlockingSync) // as in GPU.start
	ctx, err := m.dev.RetainPrimaryCtx()
	if err != nil {
		return wrap("retain the primary context", err)
	}
	m.undo = append(m.undo, func() { m.dev.ReleasePrimaryCtx() })
	if err := cu.SetCurrentContext(ctx); err != nil {
		return wrap("cuCtxSetCurrent", err)
	}
	if m.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return wrap("cuStreamCreate", err)
	}
	m.undo = append(m.undo, func() { m.stream.Destroy() })
	if m.arrived, err = cu.MakeEvent(cu.DisableTiming); err != nil {
		return wrap("cuEventCreate", err)
	}
	m.undo = append(m.undo, func() { _ = cu.DestroyEvent(&m.arrived) })
	return nil
}

// release gives everything back, in reverse order. After a lost GPU errors of it say nothing new.
func (m *Memory) release() {
	driver.FreePinned(m.staging)
	m.staging = nil
	for p := range m.taken {
		_ = cu.MemFree(p)
	}
	clear(m.taken)
	for i := len(m.undo) - 1; i >= 0; i-- {
		m.undo[i]()
	}
	m.undo = nil
}

// Close gives back all memory, also that of frames which are still out. It may be called twice.
func (m *Memory) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	_ = m.thread.Do(func() error {
		m.release()
		return nil
	})
	m.thread.Close()
	return nil
}

// Take implements media.GPU.
func (m *Memory) Take(f media.Format, semi bool) (*media.Surface, error) {
	if f.Alpha || semi && f.Layout != media.YUV420 {
		return nil, &media.GPUError{Err: fmt.Errorf("cuda: no surface for %v, semi-planar %v", f, semi)}
	}
	l := layoutOf(f, semi)
	s := &media.Surface{GPU: m, Semi: semi}
	err := m.do(func() error {
		p, err := cu.MemAlloc(int64(l.size))
		if err != nil {
			return fmt.Errorf("a frame of %v: %w", f, wrap("cuMemAlloc", err))
		}
		m.taken[p] = true
		for i := range l.planes {
			s.Plane[i], s.Pitch[i] = uint64(p)+uint64(l.offset[i]), l.pitch[i]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Give implements media.GPU.
func (m *Memory) Give(s *media.Surface) {
	p := cu.DevicePtr(s.Plane[0])
	_ = m.do(func() error { // after Close it is gone already
		if m.taken[p] {
			delete(m.taken, p)
			return cu.MemFree(p)
		}
		return nil
	})
}

// Copy implements media.GPU.
func (m *Memory) Copy(dst, src *media.Frame) error {
	on := src.Surface
	if on == nil {
		on = dst.Surface
	}
	switch {
	case on == nil || dst.Surface != nil && dst.Surface.Semi != on.Semi:
		return &media.GPUError{Err: errors.New("cuda: copy between frames that are not on the GPU, or of which one is semi-planar")}
	case dst.Format != src.Format:
		return &media.GPUError{Err: fmt.Errorf("cuda: copy of %v into %v", src.Format, dst.Format)}
	}
	for _, fr := range []*media.Frame{src, dst} {
		if fr.Surface != nil {
			if _, _, err := SurfaceOf(fr).check(); err != nil {
				return &media.GPUError{Err: fmt.Errorf("cuda: %w", err)}
			}
		}
	}
	l := layoutOf(src.Format, on.Semi)
	return m.do(func() error { return wrap("copy a frame", m.copy(&l, dst, src)) })
}

// copy moves the planes, by way of pinned memory where one side is the host.
func (m *Memory) copy(l *frameLayout, dst, src *media.Frame) (err error) {
	if (src.Surface == nil || dst.Surface == nil) && len(m.staging) < l.size {
		driver.FreePinned(m.staging)
		if m.staging, err = driver.Pinned(l.size); err != nil {
			m.staging = nil
			return err
		}
	}
	if src.Surface == nil {
		l.load(m.staging, src)
	}
	if err := m.arrived.Record(cu.NoStream); err != nil {
		return err
	}
	if err := m.stream.Wait(m.arrived, 0); err != nil {
		return err
	}
	at := func(fr *media.Frame, p int) driver.Pitched {
		if fr.Surface == nil {
			return driver.Pitched{Host: unsafe.Pointer(&m.staging[l.offset[p]]), Pitch: l.pitch[p]}
		}
		return driver.Pitched{At: fr.Surface.Plane[p], Pitch: fr.Surface.Pitch[p]}
	}
	for p := range l.planes {
		n, rows := l.row(p)
		if err := driver.Copy2D(at(dst, p), at(src, p), n, rows, m.stream); err != nil {
			return err
		}
	}
	if err := m.stream.Synchronize(); err != nil {
		return err
	}
	if dst.Surface == nil {
		l.store(dst, m.staging)
	}
	return nil
}
