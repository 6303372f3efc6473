//go:build nvidia

package cuda

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/cpu"
)

// cardPicture is a surface for tests: its memory has odd pitches and gaps, and is filled with garbage before the frame comes.
type gpuFrame struct {
	Surface
	layout frameLayout
	at     cu.DevicePtr
	before []byte
}

const garbage = 0xa5

func newGPUFrame(t *testing.T, c *gpu, f media.Format, semi bool) *gpuFrame {
	t.Helper()
	p := &gpuFrame{Surface: Surface{Format: f, Semi: semi}, layout: layoutOf(f, semi)}
	size := 48
	for i := range p.layout.planes {
		n, rows := p.layout.row(i)
		p.layout.offset[i], p.layout.pitch[i] = size, (n+37)/2*2
		size += p.layout.pitch[i]*rows + 32
	}
	p.before = bytes.Repeat([]byte{garbage}, size)
	err := c.thread.Do(func() (err error) {
		p.at, err = cu.MemAlloc(int64(size))
		return firstError(err, cu.MemcpyHtoD(p.at, pointer(p.before), int64(size)))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.thread.Do(func() error { return cu.MemFree(p.at) }) })
	for i := range p.layout.planes {
		p.Plane[i], p.Pitch[i] = uint64(p.at)+uint64(p.layout.offset[i]), p.layout.pitch[i]
	}
	return p
}

// set writes a frame, get reads one and reports writes beside its samples.
func (p *gpuFrame) set(t *testing.T, c *gpu, fr *media.Frame) {
	t.Helper()
	p.layout.load(p.before, fr)
	if err := c.thread.Do(func() error { return cu.MemcpyHtoD(p.at, pointer(p.before), int64(len(p.before))) }); err != nil {
		t.Fatal(err)
	}
}

func (p *gpuFrame) get(t *testing.T, c *gpu) *media.Frame {
	t.Helper()
	got := make([]byte, len(p.before))
	if err := c.thread.Do(func() error { return cu.MemcpyDtoH(pointer(got), p.at, int64(len(got))) }); err != nil {
		t.Fatal(err)
	}
	fr := media.NewFrame(p.Format)
	p.layout.store(fr, got)
	mask := slices.Clone(got)
	p.layout.rows(func(_, _, at, n int) { copy(mask[at:at+n], bytes.Repeat([]byte{garbage}, n)) })
	if !bytes.Equal(mask, bytes.Repeat([]byte{garbage}, len(mask))) {
		t.Errorf("%v: bytes beside the samples have changed", p.Format)
	}
	return fr
}

// surfaceFormats are semi-planar and planar frames with every siting and range, at sizes that no tile divides.
func surfaceFormats() (all []Surface) {
	for i, size := range [][2]int{{37, 21}, {1, 1}, {5, 4}, {17, 3}, {2, 9}, {33, 10}} {
		for j, depth := range []int{8, 10} {
			f := yuv(size[0], size[1])
			f.Depth, f.Color.Siting, f.Color.Range = depth, media.Siting(1+(i+3*j)%6), media.Range(1+(i+j)%2)
			all = append(all, Surface{Format: f, Semi: true})
		}
	}
	deep, wide, full, gray, rgb := yuv(19, 7), yuv(13, 9), yuv(9, 5), yuv(21, 6), yuv(7, 6)
	deep.Depth, wide.Layout, wide.Depth, full.Layout, full.Depth = 16, media.YUV422, 10, media.YUV444, 12
	gray.Layout, rgb.Layout, rgb.Color.Matrix = media.Gray, media.YUV444, media.MatrixRGB
	return append(all, Surface{Format: deep, Semi: true}, Surface{Format: yuv(37, 21)}, Surface{Format: wide},
		Surface{Format: full}, Surface{Format: gray}, Surface{Format: rgb})
}

// A frame on the GPU gives the same bits as one from the host, in the estimate, the scene sums and the result.
func TestSurfacesAreLikeFrames(t *testing.T) {
	emulated(t, "ptx")
	w := preset(t, "nano", 2, 1, 1)
	onHost, onGPU := open(t, w), open(t, w)
	ctx := context.Background()
	vector := make([]float32, 16)
	vector[3] = 2
	modulate := func(e *engine) sr.Degradation {
		d, err := e.Modulate(ctx, vector)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	hostKernels, gpuKernels := modulate(onHost), modulate(onGPU)
	for i, s := range surfaceFormats() {
		name := fmt.Sprintf("%v, semi %v, siting %d", s.Format, s.Semi, s.Format.Color.Siting)
		fr, want := frame(s.Format, uint64(i)), media.NewFrame(s.Format.Scaled(2))
		wantVector, err := onHost.Estimate(ctx, fr)
		if err := firstError(err, onHost.Upscale(ctx, want, fr, hostKernels)); err != nil {
			t.Fatal(err)
		}
		src, dst := newGPUFrame(t, onGPU.gpu, s.Format, s.Semi), newGPUFrame(t, onGPU.gpu, want.Format, s.Semi)
		src.set(t, onGPU.gpu, fr)
		wantSums := make([]uint32, scene.Planes(s.Format)*scene.Cells)
		scene.Sums(wantSums, fr)
		sums := make([]uint32, len(wantSums))
		if err := onGPU.SceneSums(ctx, sums, &src.Surface); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(sums, wantSums) {
			t.Errorf("%s: other scene sums", name)
		}
		v, err := onGPU.EstimateSurface(ctx, &src.Surface)
		if err != nil || !slices.Equal(v, wantVector) {
			t.Errorf("%s: vector %v, error %v, want %v", name, v, err, wantVector)
		}
		if err := onGPU.UpscaleSurface(ctx, &dst.Surface, &src.Surface, gpuKernels); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !same(dst.get(t, onGPU.gpu), want) {
			t.Errorf("%s: another frame", name)
		}
		// Once more, with the plan in place: the next frame may still be on its way on the default stream.
		fr = frame(s.Format, uint64(i+100))
		if err := onHost.Upscale(ctx, want, fr, hostKernels); err != nil {
			t.Fatal(err)
		}
		src.set(t, onGPU.gpu, fr)
		if err := onGPU.UpscaleSurface(ctx, &dst.Surface, &src.Surface, gpuKernels); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !same(dst.get(t, onGPU.gpu), want) {
			t.Errorf("%s: another second frame", name)
		}
	}
}

// NV12 and P010 through the GPU, against the CPU engine: within one level.
func TestSurfacesAgreeWithCPU(t *testing.T) {
	emulated(t, "source")
	w := preset(t, "nano", 3, 2, 1)
	e := open(t, w)
	host, err := cpu.New(w, cpu.Options{ISA: "go"})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	ctx := context.Background()
	for i, s := range surfaceFormats() {
		if !s.Semi || s.Format.Depth > 10 {
			continue
		}
		fr, want := frame(s.Format, uint64(i)), media.NewFrame(s.Format.Scaled(3))
		v, err := host.Estimate(ctx, fr)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err1 := host.Modulate(ctx, v)
		ours, err2 := e.Modulate(ctx, v)
		src, dst := newGPUFrame(t, e.gpu, s.Format, true), newGPUFrame(t, e.gpu, want.Format, true)
		src.set(t, e.gpu, fr)
		if err := firstError(err1, err2, host.Upscale(ctx, want, fr, theirs), e.UpscaleSurface(ctx, &dst.Surface, &src.Surface, ours)); err != nil {
			t.Fatal(err)
		}
		if d, level := worst(dst.get(t, e.gpu), want), 1<<(s.Format.Depth-8); d > level {
			t.Errorf("%v, siting %d: %d apart, want at most %d", s.Format, s.Format.Color.Siting, d, level)
		}
	}
}

// Surfaces that cannot be are refused before the GPU sees them.
func TestBadSurfaces(t *testing.T) {
	emulated(t, "source")
	e := open(t, preset(t, "nano", 2, 1, 0))
	ctx := context.Background()
	d, err := e.Modulate(ctx, make([]float32, 16))
	if err != nil {
		t.Fatal(err)
	}
	f := yuv(8, 6)
	src, dst := newGPUFrame(t, e.gpu, f, true), newGPUFrame(t, e.gpu, f.Scaled(2), true)
	src.set(t, e.gpu, frame(f, 1))
	for _, c := range []struct {
		want   string
		change func(src, dst *Surface)
	}{
		{"plane 1 at 0x0", func(src, _ *Surface) { src.Plane[1] = 0 }},
		{"plane 0 at", func(src, _ *Surface) { src.Pitch[0] = 7 }},
		{"plane 1 at", func(_, dst *Surface) { dst.Pitch[1] = 15 }},
		{"want 4:2:0", func(src, _ *Surface) { src.Format.Layout = media.YUV422 }},
		{"output surface is", func(_, dst *Surface) { dst.Format.Width = 14 }},
		{"output surface is", func(_, dst *Surface) { dst.Semi, dst.Plane[2], dst.Pitch[2] = false, dst.Plane[1], dst.Pitch[1] }},
		{"output surface is", func(_, dst *Surface) { dst.Format.Color.Matrix = media.MatrixBT2020NCL }},
		{"read a surface", func(src, _ *Surface) { src.Plane[0] = uint64(uintptr(unsafe.Pointer(&src))) }},
	} {
		a, b := src.Surface, dst.Surface
		c.change(&a, &b)
		if err := e.UpscaleSurface(ctx, &b, &a, d); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if err := e.UpscaleSurface(ctx, &dst.Surface, &src.Surface, d); err != nil {
		t.Errorf("after all that: %v", err)
	}
	if err := e.SceneSums(ctx, make([]uint32, 5), &src.Surface); err == nil {
		t.Error("too few sums: no error")
	}
}

// P010 has its ten bits at the top of sixteen, and Cb before Cr.
func TestLayoutOfP010(t *testing.T) {
	f := yuv(2, 2)
	f.Depth = 10
	fr := media.NewFrame(f)
	for p, v := range []byte{1, 2, 3} {
		fr.Row(p, 0)[0] = v
	}
	l := layoutOf(f, true)
	buffer := make([]byte, l.size)
	l.load(buffer, fr)
	chroma := buffer[l.offset[1]:]
	if buffer[0] != 0x40 || chroma[0] != 0x80 || chroma[2] != 0xc0 || chroma[1]|chroma[3] != 0 {
		t.Errorf("luma % x, chroma % x", buffer[:4], chroma[:4])
	}
	back := media.NewFrame(f)
	l.store(back, buffer)
	if !same(back, fr) {
		t.Error("not the same after load and store")
	}
}
