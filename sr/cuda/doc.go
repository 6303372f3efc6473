// Package cuda is the engine that runs a KDSR student on an NVIDIA GPU, through gorgonia.org/cu.
//
// In: weights and planar frames of any size, layout and depth. Out: frames Scale times as large, in the same format.
// Only the planes of frames cross the bus: colour conversion, estimator and network run on the GPU, in NHWC half precision with
// single-precision sums (package kernels). The network is walked once for each frame format into a plan of launches,
// which is captured into one CUDA graph; a frame is an upload, a graph launch and a download, one frame at a time. The
// depthwise kernels of a scene lie at a fixed address, so a new scene is one copy on the device and no new capture.
//
// Everything but this comment, the options and a stub needs the build tag nvidia and the flags of scripts/cuda-env.sh. Such a
// binary starts on every machine: the driver is opened at run time (package driver). The tag is not called cuda, because under
// that name gorgonia.org/gorgonia builds code of its own that wants cuDNN.
//
// The CUDA engine is not tested on a real GPU. Its kernels and its host code are executed in tests by the emulator of
// package internal/fakecuda.
package cuda

import (
	"context"
	"fmt"
	"log/slog"

	"vsr/media"
	"vsr/sr"
)

// Untested is the sentence that every report about this engine carries until somebody has run it on a GPU.
const Untested = "The CUDA engine is not tested on a real GPU."

// Options of New. The zero value is the first device and no log.
type Options struct {
	Device int          // index of the GPU, in the driver's order
	Logger *slog.Logger // nil discards
	// Guarded puts guards around the buffers of frames, for self-tests; Damaged counts what was written beside them.
	Guarded bool
}

// Kernel is what the driver's compiler made of one kernel.
type Kernel struct {
	Name      string `json:"name"`
	Registers int    `json:"registers"`
	Shared    int    `json:"shared"` // bytes of a block, as launched
	Local     int    `json:"local"`  // bytes of a thread: spilled registers
	Threads   int    `json:"threads"`
	Launched  int    `json:"-"` // threads of a block, as launched
}

// version writes a CUDA version as people do: 12040 is 12.4.
func version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// Device is what the driver tells about one GPU.
type Device struct {
	UUID         string `json:"-"` // empty if the driver gives none; not for reports that are passed on
	Index        int
	Name         string
	Major, Minor int   // compute capability
	Memory       int64 // bytes
	SMs          int   // multiprocessors
	ClockKHz     int
	Driver       int // CUDA version of the driver, 12040 for 12.4
}

// DriverVersion is the CUDA version of the driver as people write it: 12.4.
func (d Device) DriverVersion() string { return version(d.Driver) }

// String gives index, name and compute capability.
func (d Device) String() string {
	return fmt.Sprintf("cuda:%d %s (compute %d.%d, %d MiB)", d.Index, d.Name, d.Major, d.Minor, d.Memory>>20)
}

// Surface is a frame in the GPU's memory, in the primary context, as hardware decoders and encoders have it. What was put on
// the default stream before a call is waited for; when the call returns the work is done.
type Surface struct {
	Format media.Format
	Semi   bool      // NV12, P010, P012 or P016: Cb and Cr take turns in plane 1, and deep samples use the high bits
	Plane  [3]uint64 // device addresses of the first rows
	Pitch  [3]int    // bytes from row to row
}

// SurfaceOf is the frame of a frame that lies on a GPU.
func SurfaceOf(fr *media.Frame) *Surface {
	return &Surface{Format: fr.Format, Semi: fr.Surface.Semi, Plane: fr.Surface.Plane, Pitch: fr.Surface.Pitch}
}

// SurfaceEngine is what the engines of New also are: the three verbs for frames that need not cross the bus. Their Estimate and
// Upscale take frames with a media.Surface too, in any mixture of GPU and host, if it lies in the memory of the same GPU.
type SurfaceEngine interface {
	sr.Engine
	// SceneSums fills to with what scene.Sums gives for the frame. It may be called by another goroutine than the rest, but
	// not during Close.
	SceneSums(ctx context.Context, to []uint32, src *Surface) error
	// EstimateSurface is Estimate.
	EstimateSurface(ctx context.Context, src *Surface) ([]float32, error)
	// UpscaleSurface is Upscale. dst has the format of src scaled by Scale, and is semi-planar if src is.
	UpscaleSurface(ctx context.Context, dst, src *Surface, d sr.Degradation) error
}
