//go:build !nvidia

package cuda_test

import (
	"errors"
	"testing"

	"vsr/sr"
	"vsr/sr/cuda"
)

func TestStub(t *testing.T) {
	if _, err := cuda.New(nil, cuda.Options{}); !errors.Is(err, sr.ErrNotBuilt) {
		t.Errorf("New: error %v, want %v", err, sr.ErrNotBuilt)
	}
	if _, err := cuda.Devices(); !errors.Is(err, sr.ErrNotBuilt) {
		t.Errorf("Devices: error %v, want %v", err, sr.ErrNotBuilt)
	}
}
