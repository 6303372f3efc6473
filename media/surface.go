package media

import "fmt"

// Surface says where a frame lies in the memory of a GPU. A frame with a Surface has no planes on the host.
type Surface struct {
	GPU   GPU       // whose memory it is
	Semi  bool      // NV12 and P010: Cb and Cr take turns in plane 1, and samples of more than 8 bits use the high ones
	Plane [3]uint64 // addresses of the first rows, which only the GPU can read
	Pitch [3]int    // bytes from row to row
}

// GPU is the memory of a device in which frames can lie, so that they need not cross the bus. Its functions may be called
// from any goroutine. Errors are *GPUError.
type GPU interface {
	// Take gives memory for a frame without alpha; what is in it is anything. semi is that of Surface and wants 4:2:0.
	Take(f Format, semi bool) (*Surface, error)
	// Give takes back what Take gave.
	Give(s *Surface)
	// Copy copies a frame between two frames of one format, each on this GPU or on the host, and returns when it is done.
	// Whatever was put on the GPU's default stream before the call comes first, as FFmpeg's uploads and decoders do.
	Copy(dst, src *Frame) error
}

// GPUError is a failure of a GPU, in whatever stage it came up.
type GPUError struct{ Err error }

// Error returns the text of the failure.
func (e *GPUError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *GPUError) Unwrap() error { return e.Err }

// NewSurfaceFrame returns a frame outside any pool for a frame that somebody else keeps on a GPU.
func NewSurfaceFrame(f Format, s Surface) *Frame {
	fr := &Frame{Format: f, Surface: &s}
	fr.refs.Store(1)
	return fr
}

// Land copies a frame from the GPU into a new frame of the host, outside any pool.
func (fr *Frame) Land() (*Frame, error) {
	to := NewFrame(fr.Format)
	if err := fr.Surface.GPU.Copy(to, fr); err != nil {
		return nil, err
	}
	to.CopyProps(fr)
	return to, nil
}

// NewSurfacePool returns a pool of at most limit frames whose frames lie on a GPU. Close it: the GPU's memory is not
// garbage collected.
func NewSurfacePool(f Format, limit int, gpu GPU, semi bool) *Pool {
	if semi && f.Layout != YUV420 {
		panic(fmt.Sprintf("media: semi-planar pool of %v", f))
	}
	p := NewPool(f, limit, nil)
	p.gpu, p.semi = gpu, semi
	return p
}
