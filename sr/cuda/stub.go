//go:build !nvidia

package cuda

import (
	"context"
	"errors"
	"fmt"

	"vsr/sr"
	"vsr/sr/kdsr"
)

// New fails with sr.ErrNotBuilt: this binary was built without the tag nvidia.
func New(*kdsr.Weights, Options) (sr.Engine, error) {
	return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt)
}

// Devices fails with sr.ErrNotBuilt.
func Devices() ([]Device, error) { return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt) }

// ErrDriver is never returned by this build.
var ErrDriver = errors.New("the NVIDIA driver does not start")

// Advice knows nothing about the errors of this build.
func Advice(error) string { return "" }

// Verify fails with sr.ErrNotBuilt.
func Verify(context.Context, VerifyOptions) (*Report, error) {
	return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt)
}
