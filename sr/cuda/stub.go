//go:build !nvidia

package cuda

import (
	"errors"
	"fmt"
	"log/slog"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// New fails with sr.ErrNotBuilt: this binary was built without the tag nvidia.
func New(*kdsr.Weights, Options) (sr.Engine, error) {
	return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt)
}

// Memory of this build has nothing behind it.
type Memory struct{ index int }

// NewMemory names the memory of a GPU that this build cannot open.
func NewMemory(index int) *Memory { return &Memory{index} }

// Device is the GPU's index in the driver's order.
func (m *Memory) Device() int { return m.index }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Take fails with sr.ErrNotBuilt.
func (m *Memory) Take(media.Format, bool) (*media.Surface, error) { return nil, m.notBuilt() }

// Give does nothing.
func (m *Memory) Give(*media.Surface) {}

// Copy fails with sr.ErrNotBuilt.
func (m *Memory) Copy(_, _ *media.Frame) error { return m.notBuilt() }

func (m *Memory) notBuilt() error {
	return &media.GPUError{Err: fmt.Errorf("cuda: %w", sr.ErrNotBuilt)}
}

// Devices fails with sr.ErrNotBuilt.
func Devices() ([]Device, error) { return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt) }

// ErrDriver is never returned by this build.
var ErrDriver = errors.New("the NVIDIA driver does not start")

// ErrNoMemory is never returned by this build.
var ErrNoMemory = errors.New("out of device memory")

// Hint knows nothing about the errors of this build.
func Hint(error) string { return "" }

// Damaged is 0: this build has no engine.
func Damaged(sr.Engine) int { return 0 }

// Kernels fails with sr.ErrNotBuilt.
func Kernels(int, *slog.Logger) (string, []Kernel, error) {
	return "", nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt)
}
