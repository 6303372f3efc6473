//go:build nvidia

package cuda

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/internal/fakecuda"
	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/kdsr"
)

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(&b[0]) }

// use does everything once and returns the first error.
func use(w *kdsr.Weights) error {
	e, err := New(w, Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	ctx := context.Background()
	f := yuv(19, 9)
	src, dst := frame(f, 1), media.NewFrame(f.Scaled(e.Scale()))
	v, err := e.Estimate(ctx, src)
	if err != nil {
		return err
	}
	d, err := e.Modulate(ctx, v)
	if err != nil {
		return err
	}
	if err := e.Upscale(ctx, dst, src, d); err != nil {
		return err
	}
	return d.Close()
}

func TestNothingLeaks(t *testing.T) {
	emulated(t, "source")
	for _, w := range []*kdsr.Weights{preset(t, "nano", 2, 1, 1), preset(t, "m", 2, 1, 0)} {
		if err := use(w); err != nil {
			t.Fatal(err)
		}
		fakecuda.Leaks(t)
	}
}

// A failure is a call of the driver that fails, and what must stand in the error of one of its places at least.
type failure struct {
	call string
	code int
	want []string
}

// everywhere lets each place fail in turn that calls the driver's function: the first, the second and so on, until the work is done without
// having come to it. Each gives one line of error and leaves nothing behind.
func everywhere(t *testing.T, f failure, work func() error) {
	t.Helper()
	missing := slices.Clone(f.want)
	for n := 1; ; n++ {
		t.Setenv("VSR_EMU_FAIL", fmt.Sprintf("%s:%d:%d", f.call, n, f.code))
		err := work()
		fakecuda.Leaks(t)
		if err == nil {
			if n == 1 {
				t.Errorf("%s is never called", f.call)
			}
			break
		}
		if !strings.HasPrefix(err.Error(), "cuda: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("place %d: error %q, want one line of cuda", n, err)
		}
		missing = slices.DeleteFunc(missing, func(want string) bool { return strings.Contains(err.Error(), want) })
	}
	if len(missing) > 0 {
		t.Errorf("no error has %q", missing)
	}
}

func TestInjectedFailures(t *testing.T) {
	emulated(t, "source")
	w := preset(t, "nano", 2, 1, 1)
	for _, f := range []failure{
		{"cuDevicePrimaryCtxRetain", 2, []string{"out of device memory"}},
		{"cuModuleLoadDataEx", 218, []string{"compile the kernels"}},
		{"cuModuleGetFunction", 500, []string{"kernel vsr_"}},
		{"cuStreamCreate", 2, []string{"cuStreamCreate"}},
		{"cuMemAlloc_v2", 2, []string{"out of device memory"}},
		{"cuMemHostAlloc", 2, []string{"cuMemHostAlloc"}},
		{"cuEventCreate", 2, []string{"cuEventCreate"}},
		{"cuStreamBeginCapture_v2", 2, []string{"cuStreamBeginCapture"}},
		{"cuStreamEndCapture", 901, []string{"cuStreamEndCapture"}},
		{"cuGraphInstantiateWithFlags", 2, []string{"cuGraphInstantiate"}},
		{"cuLaunchKernel", 719, []string{"vsr_"}},
		{"cuGraphLaunch", 719, []string{"cuGraphLaunch"}},
		{"cuEventSynchronize", 700, []string{"run"}},
		{"cuMemcpyHtoDAsync_v2", 719, []string{"cuMemcpyHtoDAsync", "parameters of", "upload"}},
		{"cuCtxSetCurrent", 201, []string{"cuCtxSetCurrent"}},
		{"cuEventRecord", 719, []string{"upload"}},
		{"cuStreamWaitEvent", 719, []string{"download"}},
		{"cuMemcpyDtoDAsync_v2", 719, []string{"scene's kernels"}},
		{"cuStreamSynchronize", 719, []string{"upload the depthwise kernels"}},
		{"cuMemcpyDtoHAsync_v2", 719, []string{"download"}},
	} {
		t.Run(f.call, func(t *testing.T) { everywhere(t, f, func() error { return use(w) }) })
	}
}

// The same for frames that lie on the GPU.
func TestInjectedFailuresOnSurfaces(t *testing.T) {
	emulated(t, "source")
	w := preset(t, "nano", 2, 1, 1)
	f := yuv(19, 9)
	for _, c := range []failure{
		{"cuMemAlloc_v2", 2, []string{"out of device memory"}},
		{"cuGraphInstantiateWithFlags", 2, []string{"cuGraphInstantiate"}},
		{"cuMemcpy2DAsync_v2", 719, []string{"read a surface", "write a surface"}},
		{"cuEventRecord", 719, []string{"read a surface"}},
		{"cuLaunchKernel", 719, []string{"vsr_"}},
		{"cuMemcpyDtoH_v2", 719, []string{"scene sums"}},
		{"cuGraphLaunch", 719, []string{"cuGraphLaunch"}},
		{"cuStreamSynchronize", 719, []string{"run"}},
	} {
		t.Run(c.call, func(t *testing.T) { everywhere(t, c, func() error { return useSurfaces(t, w, f) }) })
	}
}

// useSurfaces opens an engine, does all that there is for frames on the GPU, and gives everything back; failures begin after the opening.
func useSurfaces(t *testing.T, w *kdsr.Weights, f media.Format) (err error) {
	fail := os.Getenv("VSR_EMU_FAIL")
	t.Run("use", func(t *testing.T) {
		t.Setenv("VSR_EMU_FAIL", "")
		e := open(t, w)
		ctx := context.Background()
		src, dst := newGPUFrame(t, e.gpu, f, true), newGPUFrame(t, e.gpu, f.Scaled(2), true)
		t.Setenv("VSR_EMU_FAIL", fail)
		v, fault := e.EstimateSurface(ctx, &src.Surface)
		var d sr.Degradation
		if fault == nil {
			d, fault = e.Modulate(ctx, v)
		}
		if fault == nil {
			fault = e.SceneSums(ctx, make([]uint32, 3*scene.Cells), &src.Surface)
		}
		if fault == nil {
			fault = e.UpscaleSurface(ctx, &dst.Surface, &src.Surface, d)
		}
		err = fault
	})
	return err
}

// After a failure that is not the GPU's end the engine goes on.
func TestEngineGoesOnAfterOutOfMemory(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 1, 1))
	ctx := context.Background()
	d, err := e.Modulate(ctx, make([]float32, 16))
	if err != nil {
		t.Fatal(err)
	}
	f := yuv(19, 9)
	dst := media.NewFrame(f.Scaled(2))
	t.Setenv("VSR_EMU_FAIL", "cuMemAlloc_v2:2:2")
	if err := e.Upscale(ctx, dst, frame(f, 1), d); err == nil {
		t.Fatal("no error")
	}
	t.Setenv("VSR_EMU_FAIL", "")
	if err := e.Upscale(ctx, dst, frame(f, 1), d); err != nil {
		t.Error(err)
	}
}

func TestMachines(t *testing.T) {
	emulated(t, "source")
	w := preset(t, "nano", 2, 1, 0)
	for _, c := range []struct {
		name, variable, value, want string
		noDevice                    bool
	}{
		{"no GPU", "VSR_EMU_DEVICES", "0", "the driver sees no GPU", true},
		{"old driver", "VSR_EMU_DRIVER", "11030", "update the NVIDIA driver", false},
		{"old GPU", "VSR_EMU_CC", "70", "too old", false},
		{"small GPU", "VSR_EMU_MEMORY", "1", "MiB wanted", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			e, err := New(w, Options{})
			if err == nil { // a small GPU fails with the first frame
				d, _ := e.Modulate(context.Background(), make([]float32, 16))
				f := yuv(640, 360)
				err = e.Upscale(context.Background(), media.NewFrame(f.Scaled(2)), frame(f, 1), d)
				e.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sr.ErrNoDevice) != c.noDevice {
				t.Errorf("error %v, want one with %q, no device %v", err, c.want, c.noDevice)
			}
		})
	}
	if _, err := New(w, Options{Device: 3}); !errors.Is(err, sr.ErrNoDevice) {
		t.Errorf("device 3: error %v, want %v", err, sr.ErrNoDevice)
	}
}

// A copy from ordinary memory may return before it is done, and no stream of ours waits for it: the emulated driver shows that.
func TestEarlyCopyShows(t *testing.T) {
	emulated(t, "source")
	c, err := openGPU(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	stale := func(upload func(to cu.DevicePtr, from []byte) error) (n int) {
		for range 40 {
			err := c.thread.Do(func() error {
				a, err1 := c.alloc(64)
				b, err2 := c.alloc(64)
				defer c.free(a)
				defer c.free(b)
				data, got := []byte(strings.Repeat("x", 64)), make([]byte, 64)
				err := firstError(err1, err2, upload(a, data), cu.MemcpyDtoDAsync(b, a, 64, c.compute), c.compute.Synchronize(),
					cu.MemcpyDtoH(pointer(got), b, 64))
				if string(got) != string(data) {
					n++
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := stale(func(to cu.DevicePtr, from []byte) error { return cu.MemcpyHtoDAsync(to, pointer(from), 64, c.compute) }); n > 0 {
		t.Errorf("a copy on the stream itself was overtaken %d times", n)
	}
	if n := stale(func(to cu.DevicePtr, from []byte) error { return cu.MemcpyHtoD(to, pointer(from), 64) }); n == 0 {
		t.Error("a copy on the default stream was never overtaken")
	}
}

// What put puts on the GPU is there for everything that comes behind it on the compute stream, small or large.
func TestPutComesFirst(t *testing.T) {
	emulated(t, "source")
	c, err := openGPU(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for i := range 200 {
		err := c.thread.Do(func() error {
			data, got := make([]uint32, 1+i%40), make([]byte, 4)
			for j := range data {
				data[j] = uint32(1000*i + j + 1)
			}
			last := len(data) - 1
			to, err1 := c.alloc(4)
			defer c.free(to)
			p, err2 := put(c, data)
			defer c.free(p)
			err := firstError(err1, err2, cu.MemcpyDtoDAsync(to, p+cu.DevicePtr(4*last), 4, c.compute), c.compute.Synchronize(),
				cu.MemcpyDtoH(pointer(got), to, 4))
			if v := binary.LittleEndian.Uint32(got); err == nil && v != data[last] {
				return fmt.Errorf("try %d: %#x, want %#x", i, v, data[last])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Kernels are derived from the vector that was given, not from the one before it.
func TestModulateWaitsForItsVector(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 1, 0))
	kernels := func(v float32) string {
		vector := make([]float32, 16)
		for i := range vector {
			vector[i] = v * float32(i%3)
		}
		d, err := e.Modulate(context.Background(), vector)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, kernelBytes(e.w.Config))
		err = e.gpu.thread.Do(func() error { return cu.MemcpyDtoH(pointer(got), d.(*degradation).kernels, int64(len(got))) })
		if err := firstError(err, d.Close()); err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	for i := range 20 {
		if once, again := kernels(float32(i+1)), kernels(float32(i+1)); once != again {
			t.Fatalf("vector %d gives other kernels the second time", i)
		}
	}
}
