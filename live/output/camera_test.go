package output

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vsr/internal/fault"
	"vsr/media"
)

// fakeCamera behaves as v4l2loopback's device does.
type fakeCamera struct {
	mu           sync.Mutex
	capabilities uint32
	takes        uint32 // the only pixel format
	width        uint32 // that a program has open, 0 for none
	padding      uint32 // bytes behind each row
	busy         bool
	format       []byte
	frames       [][]byte
	open         int
}

func (c *fakeCamera) ioctl(request uintptr, arg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := func(at int, v uint32) { binary.NativeEndian.PutUint32(arg[at:], v) }
	switch {
	case request == queryCapabilities && len(arg) == 104:
		set(84, 0x80000000|c.capabilities)
		set(88, c.capabilities)
	case request == setFormat && len(arg) == 208 && binary.NativeEndian.Uint32(arg) == 2:
		if c.busy {
			return syscall.EBUSY
		}
		if c.width != 0 {
			set(8, c.width)
		}
		set(16, c.takes)
		stride := binary.NativeEndian.Uint32(arg[24:]) + c.padding
		set(24, stride)
		c.format = append([]byte{}, arg...)
	default:
		return syscall.ENOTTY
	}
	return nil
}

func (c *fakeCamera) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) < 100 {
		c.frames = append(c.frames, append([]byte{}, b...))
	}
	return len(b), nil
}

func (c *fakeCamera) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

// TestVirtualCamera: the frames that a camera's device gets, planar and packed and with longer rows, and what is said of devices that do not fit.
func TestVirtualCamera(t *testing.T) {
	before := openNode
	defer func() { openNode = before }()
	var device *fakeCamera
	openNode = func(path string) (node, error) {
		if path != "/dev/video10" {
			return before(path)
		}
		device.mu.Lock()
		device.open++
		device.mu.Unlock()
		return device, nil
	}
	for name, d := range map[string]*fakeCamera{
		"planar": {capabilities: canOutput, takes: yu12},
		"packed": {capabilities: canOutput, takes: yuyv},
		"padded": {capabilities: canOutput, takes: yu12, padding: 32},
	} {
		device = d
		st := newStation(t, false)
		if _, err := st.Add(Camera("/dev/video10"), true); err != nil {
			t.Fatal(err)
		}
		stop := st.run(t)
		waitFor(t, name+": frames", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return len(d.frames) >= 5 })
		if s := st.status("virtual camera /dev/video10"); s.State != StateConnected || s.Frames < 5 || s.Bytes == 0 {
			t.Errorf("%s: %+v", name, s)
		}
		stop()
		st.Shutdown()
		if d.open != 0 {
			t.Errorf("%s: %d times open", name, d.open)
		}
		want := map[string]int{"planar": 64 * 48 * 3 / 2, "packed": 64 * 48 * 2, "padded": 96 * 72}[name]
		f := d.frames[0]
		if len(f) != want {
			t.Errorf("%s: frames of %d bytes, want %d", name, len(f), want)
		}
		// The clip's frames have luma that differs from place to place and chroma of its own.
		first, chroma := f[:64], f[64*48:]
		if name == "packed" {
			first, chroma = nil, nil
			for x := 0; x < 128; x += 2 {
				first, chroma = append(first, f[x]), append(chroma, f[x+1])
			}
		}
		same := 0
		for _, v := range first[1:] {
			if v == first[0] {
				same++
			}
		}
		if same == 63 || len(chroma) == 0 {
			t.Errorf("%s: the first row is all %d", name, first[0])
		}
	}
	device = &fakeCamera{capabilities: 1, takes: yu12}
	regular := filepath.Join(t.TempDir(), "video0")
	if err := os.WriteFile(regular, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	st := newStation(t, false)
	for path, want := range map[string]string{"/dev/video10": "takes none", "/dev/no-such-camera": "not there", regular: "not a Video4Linux device", "/dev/null": "not a Video4Linux device"} {
		_, err := st.Add(Camera(path), true)
		if f, ok := fault.As(err); !ok || f.Kind != fault.Output || !strings.Contains(err.Error(), want) || !strings.Contains(f.Hint, "modprobe") {
			t.Errorf("%s: %v", path, err)
		}
	}
	st.run(t)
	for want, d := range map[string]*fakeCamera{"another program": {capabilities: canOutput, takes: yu12, busy: true}, "no virtual camera": {capabilities: canOutput, takes: 1},
		"the log says more": {capabilities: canOutput, takes: yu12, width: 640}} {
		device = d
		out, err := st.Add(Camera("/dev/video10"), true)
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, want, func() bool { return strings.Contains(out.Status().Reason, want) })
		if err := st.Control(out.Name(), false); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the end", func() bool { return out.Status().State == StateStopped })
	}
}

// TestPackedAndPlanarAgree compares every sample of both with the frame.
func TestPackedAndPlanarAgree(t *testing.T) {
	f := sampleFrame()
	planar := &camera{format: yu12, width: f.Width, height: f.Height, stride: 80, buffer: make([]byte, 80*72)}
	packed := &camera{format: yuyv, width: f.Width, height: f.Height, stride: 130, buffer: make([]byte, 130*48)}
	planar.planar(f)
	packed.packed(f)
	for y := range f.Height {
		for x := range f.Width {
			l, c := f.Row(0, y)[x], f.Row(1+x%2, y/2)[x/2]
			chroma := planar.buffer[80*48:]
			if x%2 == 1 {
				chroma = chroma[40*24:]
			}
			if planar.buffer[y*80+x] != l || chroma[y/2*40+x/2] != c || packed.buffer[y*130+2*x] != l || packed.buffer[y*130+2*x+1] != c {
				t.Fatalf("at %d, %d", x, y)
			}
		}
	}
}

// sampleFrame is a frame in which every sample differs from its neighbours.
func sampleFrame() *media.Frame {
	f := media.NewFrame(testFormat)
	for p := range 3 {
		_, rows := f.PlaneSize(p)
		for y := range rows {
			row := f.Row(p, y)
			for x := range row {
				row[x] = byte(100*p + 7*y + 3*x)
			}
		}
	}
	return f
}
