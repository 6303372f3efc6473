//go:build !cuda

package cuda

import (
	"fmt"

	"vsr/sr"
	"vsr/sr/kdsr"
)

// New fails with sr.ErrNotBuilt: this binary was built without the tag cuda.
func New(*kdsr.Weights, Options) (sr.Engine, error) {
	return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt)
}

// Devices fails with sr.ErrNotBuilt.
func Devices() ([]Device, error) { return nil, fmt.Errorf("cuda: %w", sr.ErrNotBuilt) }
