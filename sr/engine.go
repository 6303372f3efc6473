// Package sr upscales frames: it holds the contract that every engine keeps, the scene cache and the output pool.
//
// In: frames whose Scene is set. Out: frames Scale times as large in both directions, with the same layout, depth, colour, time and scene.
// It does not know files, codecs or gorgonia.
package sr

import (
	"context"
	"errors"

	"vsr/media"
)

// Sentinels that callers branch on.
var (
	ErrNotBuilt = errors.New("engine not in this build")
	ErrNoDevice = errors.New("no such device")
)

// Engine runs one KDSR student on one device. The three verbs are those of the network: see sr/kdsr.
//
// An engine is used by one goroutine at a time. Frames may be of any size and of any layout and depth that media.Format
// allows; YUV-RGB conversion happens inside the engine, honouring matrix, range and depth. dst must have the format of src
// scaled by Scale. Alpha, if any, is the caller's business: engines ignore the fourth plane.
type Engine interface {
	// Estimate returns the degradation vector D (the paper's IDR after compression), C values, of one frame.
	Estimate(ctx context.Context, src *media.Frame) ([]float32, error)
	// Modulate derives every block's depthwise kernels from the vector and keeps them on the device.
	Modulate(ctx context.Context, idr []float32) (Degradation, error)
	// Upscale writes the enlarged picture of src into dst. Time stamps are not touched.
	Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error
	// Scale is the factor in each direction.
	Scale() int
	// Close frees the device memory. It may be called twice.
	Close() error
}

// Degradation is the kernels of one scene, on the device of the engine that made it.
type Degradation interface{ Close() error }
