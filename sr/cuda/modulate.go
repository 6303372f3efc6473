//go:build nvidia

package cuda

import (
	"context"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/scene"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// degradation is the depthwise kernels of one scene on the device: [N,C,9] float.
type degradation struct {
	engine  *engine
	kernels cu.DevicePtr // 0 after Close
}

// Close implements sr.Degradation. It may come after the engine's Close, and twice.
func (d *degradation) Close() error {
	if d.kernels == 0 || d.engine.closed {
		return nil
	}
	return d.engine.card.thread.Do(func() error {
		if d.engine.current == d {
			d.engine.current = nil
		}
		d.free()
		return nil
	})
}

func (d *degradation) free() {
	d.engine.card.free(d.kernels)
	d.kernels = 0
	delete(d.engine.live, d)
}

// vectorBuffers is device memory for Modulate, the degradation vector and one block's intermediate vector, and for scene sums.
type vectorBuffers struct{ d, v, sums cu.DevicePtr }

func (b *vectorBuffers) allocate(e *engine) (err error) {
	n := 4 * pad(e.w.Config.C)
	for i, p := range []*cu.DevicePtr{&b.d, &b.v, &b.sums} {
		if i == 2 {
			n = 4 * 3 * scene.Cells
		}
		if *p, err = e.card.alloc(n); err != nil {
			return err
		}
		e.card.undo = append(e.card.undo, func() { e.card.free(*p) })
	}
	return nil
}

// Modulate implements sr.Engine.
func (e *engine) Modulate(ctx context.Context, idr []float32) (sr.Degradation, error) {
	if len(idr) != e.w.Config.C && !e.closed {
		return nil, fmt.Errorf("cuda: degradation vector of %d values, want %d", len(idr), e.w.Config.C)
	}
	d := &degradation{engine: e}
	err := e.do(ctx, func() (err error) {
		if d.kernels, err = e.card.alloc(kernelBytes(e.w.Config)); err != nil {
			return err
		}
		e.live[d] = true
		if err = e.modulate(d.kernels, idr); err != nil {
			d.free()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// modulate runs the two linear layers of every block into the kernels' memory.
func (e *engine) modulate(kernels cu.DevicePtr, idr []float32) error {
	c := pad(e.w.Config.C)
	vector := padRows(idr, 1, len(idr), 1, c)
	// Not MemcpyHtoD: from ordinary memory it may return early, and the compute stream does not wait for the default stream.
	if err := cu.MemcpyHtoDAsync(e.vectors.d, unsafe.Pointer(&vector[0]), int64(4*c), e.card.compute); err != nil {
		return wrap("upload the degradation vector", err)
	}
	m := &modulator{engine: e, kernels: kernels}
	kdsr.Modulate(m, e.w.Config, &value{kind: valueVector, c: c})
	if m.err != nil {
		return m.err
	}
	return wrap("derive kernels", e.card.compute.Synchronize())
}

// modulator is the kdsr.Builder of Modulate: it launches each linear layer at once. Other operators do not occur.
type modulator struct {
	recorder
	engine  *engine
	kernels cu.DevicePtr
	blocks  int
}

// Linear implements kdsr.Builder: C to C into the intermediate vector, then C to 9C into the block's kernels.
func (m *modulator) Linear(x *value, name string, out int, _, lrelu bool) *value {
	c := pad(m.engine.w.Config.C)
	from, to, outs := m.engine.vectors.d, m.engine.vectors.v, c
	if out != m.engine.w.Config.C || x.index == 1 {
		from, to, outs = m.engine.vectors.v, m.kernels+cu.DevicePtr(m.blocks*9*c*4), 9*c
		m.blocks++
	}
	n, err := m.engine.layers.linear(name, outs, c, false)
	if err == nil {
		l := m.engine.card.newLaunch("vsr_linear", [3]int{ceil(outs, 4), 1, 1}, from, to, n.weights, n.bias, c, outs,
			flags(lrelu, flagLReLU))
		err = l.run(m.engine.card.compute)
	}
	if err != nil && m.err == nil {
		m.err = err
	}
	return &value{kind: valueVector, c: outs, index: 1}
}
