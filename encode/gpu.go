package encode

import (
	"fmt"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// GPU is a GPU whose frames go to NVENC without a trip through the host.
type GPU struct {
	Device int // its index in the driver's order
	// Download takes the way up to NVENC's door and brings the frames to the host there, for an encoder of the CPU. It is for
	// tests: machines without a GPU have no NVENC.
	Download bool
}

// TakesCard decides whether the encoder is to be fed from a GPU with frames of a format: NVENC, what it takes, of even size.
func (o Options) TakesGPU(f media.Format) bool {
	c, err := findCodec(o.Codec)
	deep := f.Depth == 10 && c.deep
	if o.GPU != nil && o.GPU.Download {
		c.gpu, deep = true, f.Depth == 10
	}
	return err == nil && o.GPU != nil && c.gpu && o.PixFmt == "" && f.Layout == media.YUV420 && !f.Alpha && (f.Depth == 8 || deep) &&
		f.Width%2 == 0 && f.Height%2 == 0
}

// cardPixels is how a GPU holds frames of a format that TakesCard takes.
func gpuPixels(f media.Format) astiav.PixelFormat {
	if f.Depth > 8 {
		return astiav.PixelFormatP010Le
	}
	return astiav.PixelFormatNv12
}

// door is where frames go from our memory on a GPU into FFmpeg's, which the encoder keeps as long as it needs it. Its pool
// holds as many frames as the encoder has under way.
type door struct {
	format media.Format
	frames *av.CUDAFrames
	frame  *astiav.Frame
	down   bool // GPU.Download
}

// openDoor makes the pool for frames of info's format.
func (s *Sink) openDoor(f media.Format) error {
	frames, err := av.NewCUDAFrames(s.opt.GPU.Device, f.Width, f.Height, gpuPixels(f))
	if err != nil {
		return &media.GPUError{Err: fmt.Errorf("frames for %s: %w", s.codec.name, err)}
	}
	s.door = &door{format: f, frames: frames, frame: astiav.AllocFrame(), down: s.opt.GPU.Download}
	return nil
}

func (d *door) close() {
	d.frame.Free()
	d.frames.Close()
}

// next gives d.frame an empty frame of the pool.
func (d *door) next() error {
	d.frame.Unref()
	if err := d.frames.Get(d.frame); err != nil {
		return &media.GPUError{Err: fmt.Errorf("frame for the encoder: %w", err)}
	}
	return nil
}

// take copies a frame of the GPU into a new one of the pool.
func (d *door) take(fr *media.Frame) (*media.Frame, error) {
	if err := d.next(); err != nil {
		return nil, err
	}
	p, _ := av.OnGPU(d.frame)
	to := media.NewSurfaceFrame(d.format, media.Surface{GPU: fr.Surface.GPU, Semi: true, Plane: p.Plane, Pitch: p.Pitch})
	return to, fr.Surface.GPU.Copy(to, fr)
}

// frame makes the FFmpeg frame that the encoder gets.
func (s *Sink) toAVFrame(fr *media.Frame) (*astiav.Frame, error) {
	d := s.door
	if d != nil && fr.Surface != nil && fr.Surface.Semi && fr.Format == d.format {
		there, err := d.take(fr)
		if err != nil || !d.down {
			return d.frame, err
		}
		fr = there
	}
	if fr.Surface != nil {
		down, err := fr.Land()
		if err != nil {
			return nil, err
		}
		fr = down
	}
	if err := s.pic.load(fr, s.color); err != nil {
		return nil, err
	}
	if d == nil || d.down {
		return s.pic.result()
	}
	if err := d.next(); err != nil { // a frame of the host for an encoder that is fed from the GPU
		return nil, err
	}
	if err := av.Err(s.pic.out.TransferHardwareData(d.frame)); err != nil {
		return nil, &media.GPUError{Err: fmt.Errorf("upload for the encoder: %w", err)}
	}
	return d.frame, nil
}
