//go:build nvidia

package cuda

import (
	"log/slog"
	"slices"
	"strings"

	"vsr/sr"
	"vsr/sr/cuda/driver"
)

// Kernels opens a GPU and tells what its driver's compiler made of every kernel, by name, with the compiler's log.
func Kernels(device int, log *slog.Logger) (jitLog string, list []Kernel, err error) {
	c, err := openGPU(device, log)
	if err != nil {
		return "", nil, err
	}
	defer c.close()
	err = c.thread.Do(func() error {
		for name, e := range c.entries {
			res, err := driver.ResourcesOf(e.f)
			if err != nil {
				return wrap(name, err)
			}
			list = append(list, Kernel{name, res.Registers, e.Shared, res.Local, res.Threads, e.Threads})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Kernel) int { return strings.Compare(a.Name, b.Name) })
	return c.jitLog, list, err
}

// Damaged is how many buffers a guarded engine wrote beside. It counts when buffers are freed, so it is whole after Close.
func Damaged(e sr.Engine) int {
	if g, ok := e.(*engine); ok {
		return g.gpu.damaged
	}
	return 0
}
