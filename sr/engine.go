// Package sr upscales frames: it holds the contract that every engine keeps, the scene cache and the output pool.
//
// In: frames whose Scene is set. Out: frames Scale times as large in both directions, with the same layout, depth, color, time and scene.
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
// allows. dst must have the format of src scaled by Scale; no byte outside its samples is written. Alpha, if any, is the
// caller's business: engines ignore the last plane. After an error dst holds anything, and the engine goes on working.
//
// YUV becomes RGB in [0,1] inside the engine and back, as H.273 8.3 says: chroma is interpolated linearly to every luma
// sample where its siting puts it, RGB is clamped on both ways, and chroma comes back as the mean of the two luma samples
// around it, or 1/4, 1/2, 1/4 where it lies on one. An unspecified range is limited, unspecified siting is left, and an
// unspecified matrix is BT.709 for inputs of at least 1280 columns or 720 rows, else BT.601. Matrix RGB with 4:4:4 means
// planes G, B, R. Package enginetest holds all this in plain Go and is what every engine must pass.
type Engine interface {
	// Estimate returns the degradation vector D (the paper's IDR after compression), C values, of one frame.
	Estimate(ctx context.Context, src *media.Frame) ([]float32, error)
	// Modulate derives every block's depthwise kernels from the vector and keeps them on the device.
	Modulate(ctx context.Context, idr []float32) (Degradation, error)
	// Upscale writes the enlarged frame of src into dst. Time stamps are not touched.
	Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error
	// Scale is the factor in each direction.
	Scale() int
	// Close frees the device memory. It may be called twice.
	Close() error
}

// Degradation is the kernels of one scene, on the device of the engine that made it.
type Degradation interface{ Close() error }
