//go:build nvidia

package cuda

import (
	"unsafe"

	"gorgonia.org/cu"

	"vsr/sr/cuda/driver"
)

// slot is the buffers of a frame on its way, pinned on the host and on the device, and the graph that
// computes from one to the other.
type slot struct {
	gpu             *gpu
	in, out         []byte // pinned
	deviceIn        cu.DevicePtr
	deviceOut       cu.DevicePtr
	uploaded, ready cu.Event // on the device; result on the device
	done            cu.Event // result on the host
	graph           driver.Graph
}

// newSlot takes the buffers. out is the size of the result on the host, 0 for none.
func newSlot(p *plan, out int) (s *slot, err error) {
	s = &slot{gpu: p.gpu}
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if !p.source.in.onGPU {
		if s.in, err = driver.Pinned(p.in.size); err != nil {
			return s, err
		}
	}
	if s.deviceIn, err = p.gpu.alloc(p.in.size); err != nil {
		return s, err
	}
	for _, e := range []*cu.Event{&s.uploaded, &s.ready, &s.done} {
		if *e, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return s, wrap("cuEventCreate", err)
		}
	}
	if out > 0 {
		s.out, err = driver.Pinned(out)
	}
	return s, err
}

// capture makes the graph from the slot's input to its output buffer.
func (s *slot) capture(p *plan) (err error) {
	if s.deviceOut, err = p.gpu.alloc(p.out.size); err != nil {
		return err
	}
	s.graph, err = driver.Capture(p.gpu.compute, func() error { return p.run(s.deviceIn, s.deviceOut) })
	return err
}

// close frees everything, also after a part of newSlot.
func (s *slot) close() {
	s.graph.Close()
	for _, e := range []*cu.Event{&s.uploaded, &s.ready, &s.done} {
		if *e != (cu.Event{}) {
			_ = cu.DestroyEvent(e)
		}
	}
	for _, d := range []*cu.DevicePtr{&s.deviceIn, &s.deviceOut} {
		s.gpu.free(*d)
		*d = 0
	}
	driver.FreePinned(s.in)
	driver.FreePinned(s.out)
	s.in, s.out = nil, nil
}

// send uploads the pinned input and makes the compute stream wait for it.
func (s *slot) send(c *gpu) error {
	err := cu.MemcpyHtoDAsync(s.deviceIn, unsafe.Pointer(&s.in[0]), int64(len(s.in)), c.upload)
	if err != nil {
		return wrap("upload", err)
	}
	if err := s.uploaded.Record(c.upload); err != nil {
		return wrap("upload", err)
	}
	return wrap("upload", c.compute.Wait(s.uploaded, 0))
}

// fetch downloads bytes from the device once the compute stream has got there.
func (s *slot) fetch(c *gpu, from cu.DevicePtr) error {
	if err := s.ready.Record(c.compute); err != nil {
		return wrap("download", err)
	}
	if err := c.download.Wait(s.ready, 0); err != nil {
		return wrap("download", err)
	}
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&s.out[0]), from, int64(len(s.out)), c.download); err != nil {
		return wrap("download", err)
	}
	return wrap("download", s.done.Record(c.download))
}

// wait returns when the download is there.
func (s *slot) wait() error { return wrap("run", s.done.Synchronize()) }
