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
	return d.engine.gpu.thread.Do(func() error {
		if d.engine.current == d {
			d.engine.current = nil
		}
		d.free()
		return nil
	})
}

func (d *degradation) free() {
	d.engine.gpu.free(d.kernels)
	d.kernels = 0
	delete(d.engine.live, d)
}

// vectorBuffers is device memory for scene sums.
type vectorBuffers struct{ sums cu.DevicePtr }

func (b *vectorBuffers) allocate(e *engine) (err error) {
	if b.sums, err = e.gpu.alloc(4 * 3 * scene.Cells); err != nil {
		return err
	}
	e.gpu.undo = append(e.gpu.undo, func() { e.gpu.free(b.sums) })
	return nil
}

// Modulate implements sr.Engine.
func (e *engine) Modulate(ctx context.Context, idr []float32) (sr.Degradation, error) {
	if len(idr) != e.w.Config.C && !e.closed {
		return nil, fmt.Errorf("cuda: degradation vector of %d values, want %d", len(idr), e.w.Config.C)
	}
	d := &degradation{engine: e}
	err := e.do(ctx, func() (err error) {
		if d.kernels, err = e.gpu.alloc(kernelBytes(e.w.Config)); err != nil {
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

// modulate derives every block's kernels on the host, as kdsr.Vectors does for each engine, and uploads them.
func (e *engine) modulate(kernels cu.DevicePtr, idr []float32) error {
	c := e.w.Config
	b := &kdsr.Vectors{Weights: e.w}
	taps := make([]float32, c.N*9*pad(c.C)) // channels beyond C stay zero
	for i, k := range kdsr.Modulate(b, c, idr) {
		copy(taps[i*9*pad(c.C):], k)
	}
	if b.Err() != nil || len(taps) == 0 {
		return b.Err()
	}
	// Not MemcpyHtoD: from ordinary memory it may return early, and the compute stream does not wait for the default stream.
	if err := cu.MemcpyHtoDAsync(kernels, unsafe.Pointer(&taps[0]), int64(4*len(taps)), e.gpu.compute); err != nil {
		return wrap("upload the depthwise kernels", err)
	}
	return wrap("upload the depthwise kernels", e.gpu.compute.Synchronize())
}
