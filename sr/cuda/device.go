//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"log/slog"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/internal/device"
	"vsr/sr"
	"vsr/sr/cuda/driver"
	"vsr/sr/cuda/kernels"
)

// Devices lists the GPUs of this machine. Without a driver or without a GPU the error is sr.ErrNoDevice and says why.
func Devices() ([]Device, error) {
	if err := driver.Status(); err != nil {
		return nil, fmt.Errorf("cuda: %w: %w", sr.ErrNoDevice, err)
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("cuda: count devices: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("cuda: %w: %w", sr.ErrNoDevice, errNoGPU)
	}
	var all []Device
	for i := range n {
		d, err := describe(i)
		if err != nil {
			return nil, fmt.Errorf("cuda: device %d: %w", i, err)
		}
		all = append(all, d)
	}
	return all, nil
}

func describe(i int) (Device, error) {
	d := Device{Index: i, Driver: cu.Version()}
	dev, err := cu.GetDevice(i)
	if err != nil {
		return d, err
	}
	if d.Name, err = dev.Name(); err != nil {
		return d, err
	}
	if d.Memory, err = dev.TotalMem(); err != nil {
		return d, err
	}
	if id, err := dev.UUID(); err == nil { // drivers before CUDA 9.2 have none
		d.UUID = id.String()
	}
	for _, a := range []struct {
		name cu.DeviceAttribute
		to   *int
	}{{cu.ComputeCapabilityMajor, &d.Major}, {cu.ComputeCapabilityMinor, &d.Minor},
		{cu.MultiprocessorCount, &d.SMs}, {cu.ClockRate, &d.ClockKHz}} {
		if *a.to, err = dev.Attribute(a.name); err != nil {
			return d, err
		}
	}
	return d, nil
}

// GPU is an open device: its thread, primary context, module and streams. All calls happen on the thread.
type gpu struct {
	info    Device
	thread  *device.Thread
	dev     cu.Device
	module  cu.Module
	entries map[string]entry
	log     *slog.Logger
	jitLog  string

	upload, compute, download cu.Stream

	// What must be undone, in reverse order.
	undo []func()

	guarded bool // allocations from now on lie between guards
	guards  map[cu.DevicePtr]int
	damaged int // allocations whose guards were written to
}

// entry is a kernel of the loaded module.
type entry struct {
	kernels.Entry
	f cu.Function
}

// openGPU retains the primary context of a device, which FFmpeg can share, and loads the kernels.
func openGPU(index int, log *slog.Logger) (c *gpu, err error) {
	all, err := Devices()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(all) {
		return nil, fmt.Errorf("cuda: %w: cuda:%d, have %d", sr.ErrNoDevice, index, len(all))
	}
	c = &gpu{info: all[index], thread: device.NewThread(), entries: map[string]entry{}, log: log,
		guards: map[cu.DevicePtr]int{}}
	err = c.thread.Do(c.start)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("cuda: open %v: %w", c.info, err)
	}
	log.Debug("opened", "stage", "cuda", "device", c.info.String(), "driver", c.info.Driver)
	return c, nil
}

func (c *gpu) start() error {
	text, oldest, err := kernels.PTX(c.info.Major, c.info.Minor)
	if err != nil {
		return fmt.Errorf("%w: %w", errOldGPU, err)
	}
	if c.info.Driver < oldest {
		return fmt.Errorf("the driver is for CUDA %s, this GPU needs one for %s or newer: %w",
			version(c.info.Driver), version(oldest), errOldDriver)
	}
	if c.dev, err = cu.GetDevice(c.info.Index); err != nil {
		return wrap("cuDeviceGet", err)
	}
	// FFmpeg takes a primary context that is active only with these flags. A context that somebody else has set up stays as it is.
	_ = c.dev.SetPrimaryCtxFlags(cu.SchedBlockingSync)
	ctx, err := c.dev.RetainPrimaryCtx()
	if err != nil {
		return wrap("retain the primary context", err)
	}
	c.undo = append(c.undo, func() { c.dev.ReleasePrimaryCtx() })
	if err := cu.SetCurrentContext(ctx); err != nil {
		return wrap("cuCtxSetCurrent", err)
	}
	if c.module, c.jitLog, err = driver.LoadPTX(text); err != nil {
		if c.jitLog != "" {
			err = fmt.Errorf("%w: %s", err, c.jitLog)
		}
		return fmt.Errorf("%w: %w", errCompile, err)
	}
	c.undo = append(c.undo, func() { c.module.Unload() })
	for _, e := range kernels.Entries {
		f, err := c.module.Function(e.Name)
		if err != nil {
			return wrap("kernel "+e.Name, err)
		}
		c.entries[e.Name] = entry{e, f}
	}
	for _, s := range []*cu.Stream{&c.upload, &c.compute, &c.download} {
		if *s, err = cu.MakeStream(cu.NonBlocking); err != nil {
			return wrap("cuStreamCreate", err)
		}
		c.undo = append(c.undo, func() { s.Destroy() })
	}
	return nil
}

// close gives everything back, also after a part of start.
func (c *gpu) close() {
	// The thread may be closed already: then there is nothing left to undo.
	_ = c.thread.Do(func() error {
		for i := len(c.undo) - 1; i >= 0; i-- {
			c.undo[i]()
		}
		c.undo = nil
		return nil
	})
	c.thread.Close()
}

// ErrNoMemory is a shortage that may be over soon.
var ErrNoMemory = errors.New("out of device memory")

// wrap says which call failed.
func wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, cu.OutOfMemory) {
		return fmt.Errorf("%s: %w", call, ErrNoMemory)
	}
	return fmt.Errorf("%s: %w", call, err)
}

// alloc takes device memory; nothing is said about what is in it.
func (c *gpu) alloc(bytes int) (cu.DevicePtr, error) {
	var p cu.DevicePtr
	var err error
	if c.guarded {
		p, err = c.allocGuarded(bytes)
	} else {
		p, err = cu.MemAlloc(int64(bytes))
	}
	if err != nil {
		free, total, infoErr := cu.MemInfo()
		if infoErr == nil && errors.Is(err, cu.OutOfMemory) {
			return 0, fmt.Errorf("%w: %d MiB wanted, %d of %d MiB free", ErrNoMemory, bytes>>20, free>>20, total>>20)
		}
		return 0, wrap("cuMemAlloc", err)
	}
	return p, nil
}

// put copies host data to new device memory, ahead of whatever comes on the compute stream.
func put[T uint16 | uint32 | float32 | int32](c *gpu, data []T) (cu.DevicePtr, error) {
	bytes := len(data) * int(unsafe.Sizeof(data[0]))
	p, err := c.alloc(bytes)
	if err != nil {
		return 0, err
	}
	if err := cu.MemcpyHtoDAsync(p, unsafe.Pointer(&data[0]), int64(bytes), c.compute); err != nil {
		c.free(p)
		return 0, wrap("cuMemcpyHtoDAsync", err)
	}
	return p, nil
}

// launch is a kernel with its grid and parameters. Parameters are 8-byte cells, because cu copies 8 bytes of each.
type launch struct {
	entry
	grid  [3]int
	cells []uint64
}

// newLaunch checks the parameters against the kernel's entry: pointers are cu.DevicePtr, integers int.
func (c *gpu) newLaunch(name string, grid [3]int, params ...any) launch {
	l := launch{entry: c.entries[name], grid: grid}
	kinds := ""
	for _, p := range params {
		switch v := p.(type) {
		case cu.DevicePtr:
			kinds += "p"
			l.cells = append(l.cells, uint64(v))
		case int:
			kinds += "i"
			l.cells = append(l.cells, uint64(uint32(int32(v))))
		default:
			panic(fmt.Sprintf("cuda: parameter of type %T", p))
		}
	}
	if kinds != l.Params {
		panic(fmt.Sprintf("cuda: %s called with %s, wants %s", name, kinds, l.Params))
	}
	return l
}

func (l *launch) run(s cu.Stream) error {
	params := make([]unsafe.Pointer, len(l.cells))
	for i := range l.cells {
		params[i] = unsafe.Pointer(&l.cells[i])
	}
	return wrap(l.Name, l.f.Launch(l.grid[0], l.grid[1], l.grid[2], l.Threads, 1, 1, l.Shared, s, params))
}
