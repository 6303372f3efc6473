package output

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"vsr/internal/fault"
	"vsr/media"
)

// A virtual camera is a Video4Linux device that other programs see as a camera and this one writes to, as the module v4l2loopback makes it.

// node is an open device; tests have one of their own.
type node interface {
	io.WriteCloser
	// ioctl passes arg, a structure of videodev2.h as bytes, which the device may change.
	ioctl(request uintptr, arg []byte) error
}

// The requests and numbers of videodev2.h (64 bit) that are used.
const (
	queryCapabilities = 0x80685600 // VIDIOC_QUERYCAP
	setFormat         = 0xc0d05605 // VIDIOC_S_FMT
	capabilityBytes   = 104
	formatBytes       = 208
	canOutput         = 0x00000002 // V4L2_CAP_VIDEO_OUTPUT
	ownCapabilities   = 0x80000000 // V4L2_CAP_DEVICE_CAPS
	bufferOutput      = 2          // V4L2_BUF_TYPE_VIDEO_OUTPUT
	fieldNone         = 1
	yu12              = 0x32315559 // planar 4:2:0
	yuyv              = 0x56595559 // packed 4:2:2
	smpte170          = 1          // V4L2_COLORSPACE_SMPTE170M
	rec709            = 3
)

// deviceNode is a file in /dev.
type deviceNode struct{ *os.File }

func (d deviceNode) ioctl(request uintptr, arg []byte) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, d.Fd(), request, uintptr(unsafe.Pointer(&arg[0]))); e != 0 {
		return e
	}
	return nil
}

// openNode opens a device. Another open function is for tests.
var openNode = func(path string) (node, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return deviceNode{f}, nil
}

// Camera is a target that writes frames to a Video4Linux output device.
func Camera(path string) Target {
	return Target{Name: "virtual camera " + path, Kind: KindCamera, Address: path}
}

// errNoCamera is in the errors of a device that cannot be written to as a camera.
var errNoCamera = errors.New("it is no virtual camera")

// checkCamera says, once and with a hint, that a device can never work.
func checkCamera(path string) error {
	n, err := openCamera(path)
	if err != nil {
		return &fault.Error{Kind: fault.Output, Err: fmt.Errorf("--virtual-camera %s: %w", path, err),
			Hint: "sudo modprobe v4l2loopback video_nr=10 exclusive_caps=1 makes /dev/video10"}
	}
	return n.Close()
}

// openCamera opens a device and asks whether it takes frames.
func openCamera(path string) (node, error) {
	n, err := openNode(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the device is not there: %w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("it may not be opened; its group is mostly video: %w", fs.ErrPermission)
	case err != nil:
		return nil, err
	}
	c := make([]byte, capabilityBytes)
	if err := n.ioctl(queryCapabilities, c); err != nil {
		return nil, errors.Join(fmt.Errorf("%w, not a Video4Linux device at all", errNoCamera), n.Close())
	}
	can := binary.NativeEndian.Uint32(c[84:])
	if can&ownCapabilities != 0 {
		can = binary.NativeEndian.Uint32(c[88:])
	}
	if can&canOutput == 0 {
		return nil, errors.Join(fmt.Errorf("%w: it gives frames and takes none", errNoCamera), n.Close())
	}
	return n, nil
}

// camera is a connection to a virtual camera.
type camera struct {
	out    *Output
	node   node
	format uint32
	width  int
	height int
	stride int // bytes of a row of luma, or of a packed row
	buffer []byte
	bytes  atomic.Int64
}

// connectCamera agrees with the device on a format for frames of s.
func connectCamera(_ context.Context, o *Output, s *stream) (connection, error) {
	n, err := openCamera(o.target.Address)
	if err != nil {
		return nil, err
	}
	f := s.info.Format
	for _, format := range []uint32{yu12, yuyv} {
		var c *camera
		if c, err = agree(n, f, format); err == nil {
			c.out = o
			return c, nil
		}
	}
	_ = n.Close()
	return nil, err
}

// agree sets a format. The device answers with what it will take.
func agree(n node, f media.Format, format uint32) (*camera, error) {
	c := &camera{node: n, format: format, width: f.Width, height: f.Height, stride: f.Width}
	size := f.Width * f.Height * 3 / 2
	if format == yuyv {
		c.stride, size = 2*f.Width, 2*f.Width*f.Height
	}
	color := uint32(smpte170)
	if f.Color.Matrix == media.MatrixBT709 {
		color = rec709
	}
	b := make([]byte, formatBytes)
	put := func(at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
	get := func(at int) int { return int(binary.NativeEndian.Uint32(b[at:])) }
	put(0, bufferOutput)
	for i, v := range []uint32{uint32(f.Width), uint32(f.Height), format, fieldNone, uint32(c.stride), uint32(size), color} {
		put(8+4*i, v) // the union is aligned to eight bytes
	}
	if err := n.ioctl(setFormat, b); err != nil {
		return nil, fmt.Errorf("%dx%d is refused; a program may have the camera open with another size: %w", f.Width, f.Height, err)
	}
	if w, h := get(8), get(12); w != f.Width || h != f.Height {
		return nil, fmt.Errorf("it takes %dx%d and not %dx%d; end the programs that have it open", w, h, f.Width, f.Height)
	}
	if get(16) != int(format) {
		return nil, &permanentError{fmt.Errorf("%w: it takes neither planar 4:2:0 nor YUYV", errNoCamera)}
	}
	c.stride = max(c.stride, get(24))
	rows := f.Height
	if format == yu12 {
		rows = f.Height + f.Height/2
	}
	c.buffer = make([]byte, max(c.stride*rows, get(28)))
	return c, nil
}

// Write hands a frame to the device.
func (c *camera) Write(_ context.Context, u media.Unit) error {
	defer u.Release()
	if u.Frame == nil {
		return nil
	}
	if c.format == yu12 {
		c.planar(u.Frame)
	} else {
		c.packed(u.Frame)
	}
	n, err := c.node.Write(c.buffer)
	if err != nil {
		return err
	}
	c.bytes.Add(int64(n))
	c.out.frames.Add(1)
	return nil
}

// planar copies a frame as luma, Cb, Cr, whose rows are half as long.
func (c *camera) planar(f *media.Frame) {
	to := c.buffer
	for p := range 3 {
		stride, rows := c.stride, c.height
		if p > 0 {
			stride, rows = stride/2, rows/2
		}
		for y := range rows {
			copy(to[y*stride:], f.Row(p, y))
		}
		to = to[stride*rows:]
	}
}

// packed copies a frame as Y Cb Y Cr; two rows share their chroma.
func (c *camera) packed(f *media.Frame) {
	for y := range c.height {
		to, luma, cb, cr := c.buffer[y*c.stride:], f.Row(0, y), f.Row(1, min(y/2, c.height/2-1)), f.Row(2, min(y/2, c.height/2-1))
		for x := 0; x+1 < c.width; x += 2 {
			to[2*x], to[2*x+1], to[2*x+2], to[2*x+3] = luma[x], cb[x/2], luma[x+1], cr[x/2]
		}
	}
}

// Bytes is how many were written.
func (c *camera) Bytes() int64 { return c.bytes.Load() }

// Failed never hears of anything: Write tells.
func (c *camera) Failed() <-chan error { return nil }

// Interrupt does nothing: the device takes frames at once.
func (c *camera) Interrupt() {}

// Close closes the device.
func (c *camera) Close() error { return c.node.Close() }

// Abort closes the device.
func (c *camera) Abort() error { return c.node.Close() }

// plainCamera says why a camera is away; ok is false for other errors.
func plainCamera(err error) (why string, ok bool) {
	switch {
	case errors.Is(err, errNoCamera):
		return "that device is no virtual camera", true
	case errors.Is(err, syscall.EBUSY):
		return "another program holds the camera with another size", true
	}
	return "", false
}
