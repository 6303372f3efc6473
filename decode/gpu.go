package decode

import (
	"fmt"
	"slices"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// exactDecoders are FFmpeg's decoders of codecs whose frames the standards define bit by bit, so that NVDEC's are the same.
var exactDecoders = []string{"h264", "hevc", "vp8", "vp9"}

// decodesOnCard decides whether a decoder is offered the GPU. Strict needs a decoder that tells of all damage.
func (o *Options) decodesOnGPU(codec *astiav.Codec) bool {
	return o.GPU != nil && !o.GPU.Upload && o.Hardware != HardwareOff && !o.Strict && slices.Contains(exactDecoders, codec.Name()) &&
		av.DecodesOnGPU(codec)
}

// cardFailed returns an error of the decoder as one of the GPU if the frames are made there and the data are not at fault.
func (s *Source) gpuFailed(err error) error {
	if s.decoder.PixelFormat() != astiav.PixelFormatCuda || av.FaultOf(err) == av.FaultInput {
		return nil
	}
	s.ended = true
	return &media.GPUError{Err: fmt.Errorf("NVDEC: %w; \"decode: hardware: off\" in a configuration decodes on the CPU", err)}
}

// plan says what format the frame in s.frame, described by p, will have. at is where it lies if that is a GPU.
func (s *Source) plan(p *av.Frame, stream media.Color) (f media.Format, sh shape, at *media.Frame, err error) {
	pic, onGPU := av.OnGPU(s.frame)
	if !onGPU {
		f, sh, err = s.convert.plan(p, stream)
		return f, sh, nil, err
	}
	sh = shape{layout: media.YUV420, depth: 8}
	switch pic.Pixels {
	case astiav.PixelFormatNv12:
	case astiav.PixelFormatP010Le:
		sh.depth = 10
	default:
		return f, sh, nil, &UnsupportedError{Reason: fmt.Sprintf("frames on the GPU in pixel format %s", pic.Pixels)}
	}
	f = media.Format{Width: pic.Width, Height: pic.Height, Layout: sh.layout, Depth: sh.depth, Color: color(p.Color, stream, sh, pic.Width, pic.Height)}
	at = media.NewSurfaceFrame(f, media.Surface{GPU: s.opt.GPU.Memory, Semi: true, Plane: pic.Plane, Pitch: pic.Pitch})
	return f, sh, at, nil
}

// land brings the frame in s.frame to the host if it lies on a GPU.
func (s *Source) land() error {
	var p av.Frame
	p.Read(s.frame)
	f, sh, at, err := s.plan(&p, media.Color{})
	if err != nil || at == nil {
		return err
	}
	down, err := at.Land()
	if err != nil {
		return err
	}
	pixels, _ := av.FindPixels(pixelName(sh.layout, sh.depth, false))
	host, err := newPlane(f.Width, f.Height, pixels)
	if err != nil {
		return err
	}
	defer host.Free()
	p.Read(host)
	for i := range f.Planes() {
		_, rows := f.PlaneSize(i)
		for y := range rows {
			row := down.Row(i, y)
			copy(p.Row(i, y, len(row)), row)
		}
	}
	return s.replace(host)
}

// replace puts another frame into s.frame, with the time and all else of the one that is there.
func (s *Source) replace(f *astiav.Frame) error {
	if err := av.CopyFrameProps(f, s.frame); err != nil {
		return err
	}
	s.frame.Unref()
	s.frame.MoveRef(f)
	return nil
}

// uploadKind is what a pool of uploads was made for.
type uploadKind struct {
	w, h   int
	pixels astiav.PixelFormat
}

// upload puts the frame in s.frame onto the GPU as NVDEC would have: NV12 or P010, in memory of even size. Frames of other
// kinds stay.
func (s *Source) upload(p *av.Frame) (err error) {
	sh, err := shapeOf(p.Format, false)
	if err != nil || sh.layout != media.YUV420 || sh.alpha || sh.target != astiav.PixelFormatNone || sh.depth > 10 {
		return err
	}
	want := uploadKind{p.Width + p.Width&1, p.Height + p.Height&1, astiav.PixelFormatNv12}
	if sh.depth > 8 {
		want.pixels = astiav.PixelFormatP010Le
	}
	if s.uploads == nil || s.uploaded != want {
		if s.uploads != nil {
			s.uploads.Close()
		}
		if s.uploads, err = av.NewCUDAFrames(s.opt.GPU.Device, want.w, want.h, want.pixels); err != nil {
			return &media.GPUError{Err: fmt.Errorf("upload: %w", err)}
		}
		s.uploaded = want
	}
	host, err := newPlane(want.w, want.h, want.pixels)
	if err != nil {
		return err
	}
	defer host.Free()
	interleave(host, p, sh.depth)
	gpu := astiav.AllocFrame()
	defer gpu.Free()
	if err = s.uploads.Get(gpu); err == nil {
		err = av.Err(host.TransferHardwareData(gpu))
	}
	if err != nil {
		return &media.GPUError{Err: fmt.Errorf("upload: %w", err)}
	}
	gpu.SetWidth(p.Width)
	gpu.SetHeight(p.Height)
	return s.replace(gpu)
}

// interleave copies planar 4:2:0 into NV12 or P010, whose samples have their ten bits at the top.
func interleave(host *astiav.Frame, p *av.Frame, depth int) {
	f := media.Format{Width: p.Width, Height: p.Height, Layout: media.YUV420, Depth: depth}
	size := f.BytesPerSample()
	var to av.Frame
	to.Read(host)
	for i := range 3 {
		w, rows := f.PlaneSize(i)
		plane, step, first := min(i, 1), min(i, 1)+1, max(i-1, 0)
		for y := range rows {
			from, row := p.Row(i, y, w*size), to.Row(plane, y, w*step*size)
			for x := range w {
				at := (x*step + first) * size
				if row[at] = from[x*size]; size == 2 {
					v := (uint16(from[2*x]) | uint16(from[2*x+1])<<8) << 6
					row[at], row[at+1] = byte(v), byte(v>>8)
				}
			}
		}
	}
}
