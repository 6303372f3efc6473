//go:build nvidia

package av_test

import (
	"context"
	"testing"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/internal/fakecuda"
	"vsr/media"
	"vsr/sr/cuda"
	"vsr/sr/kdsr"
)

// hostFrame makes an FFmpeg frame in ordinary memory, filled by f(plane, x, y); bytes of a row as FFmpeg counts them.
func hostFrame(t *testing.T, w, h int, pixels astiav.PixelFormat, f func(p, x, y int) byte) *astiav.Frame {
	t.Helper()
	fr := astiav.AllocFrame()
	t.Cleanup(fr.Free)
	fr.SetWidth(w)
	fr.SetHeight(h)
	fr.SetPixelFormat(pixels)
	if err := fr.AllocBuffer(64); err != nil {
		t.Fatal(err)
	}
	if f != nil {
		eachByte(fr, w, h, pixels, func(p, x, y int, b *byte) { *b = f(p, x, y) })
	}
	return fr
}

// eachByte goes through the two planes of NV12 and P010.
func eachByte(fr *astiav.Frame, w, h int, pixels astiav.PixelFormat, do func(p, x, y int, b *byte)) {
	var pic av.Frame
	pic.Read(fr)
	if pixels == astiav.PixelFormatP010Le {
		w *= 2
	}
	for p := range 2 {
		for y := range h >> p {
			row := pic.Row(p, y, w)
			for x := range row {
				do(p, x, y, &row[x])
			}
		}
	}
}

// surface is a CUDA frame as the engine takes it.
func surface(t *testing.T, f *astiav.Frame, format media.Format, pixels astiav.PixelFormat) *cuda.Surface {
	t.Helper()
	p, ok := av.OnGPU(f)
	if !ok || p.Pixels != pixels || p.Width != format.Width || p.Height != format.Height {
		t.Fatalf("frame on a GPU: %v, %+v, want %v", ok, p, pixels)
	}
	return &cuda.Surface{Format: format, Semi: true, Plane: p.Plane, Pitch: p.Pitch}
}

// A frame goes to the GPU by FFmpeg's upload, through the engine, and comes back by FFmpeg's download. Between them nothing leaves
// the GPU, and the result is that of frames of the host.
func TestCUDAFrames(t *testing.T) {
	fakecuda.Use(t)
	w, err := kdsr.RandomWeights(kdsr.Config{C: 16, N: 2, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := cuda.New(w, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := opened.(cuda.SurfaceEngine)
	defer e.Close()
	for _, c := range []struct {
		pixels astiav.PixelFormat
		depth  int
	}{{astiav.PixelFormatNv12, 8}, {astiav.PixelFormatP010Le, 10}} {
		format := media.Format{Width: 38, Height: 22, Layout: media.YUV420, Depth: c.depth, Color: media.Color{Matrix: 1, Range: 1, Siting: 1}}
		got, want := throughGPU(t, e, format, c.pixels), onHost(t, e, format)
		wrong := 0
		eachByte(got, want.Width, want.Height, c.pixels, func(p, x, y int, b *byte) {
			if *b != packed(want, p, x, y) {
				wrong++
			}
		})
		if wrong > 0 {
			t.Errorf("%v: %d bytes differ from the host's", c.pixels, wrong)
		}
	}
}

// sample is the frame of the test, in samples.
func sample(f media.Format, p, x, y int) int {
	return (x*(5+p) + y*(11-p) + 40*p + x*y%7) << (f.Depth - 8) & (1<<f.Depth - 1)
}

// packed is byte x of row y of plane p of a frame, as NV12 or P010 has it.
func packed(f *media.Frame, p, x, y int) byte {
	b := f.BytesPerSample()
	at, plane := x/b, p
	if p == 1 {
		at, plane = x/b/2, 1+x/b%2
	}
	row := f.Row(plane, y)
	if b == 1 {
		return row[at]
	}
	v := (uint16(row[2*at]) | uint16(row[2*at+1])<<8) << 6
	return byte(v >> (8 * (x % 2)))
}

func onHost(t *testing.T, e cuda.SurfaceEngine, format media.Format) *media.Frame {
	t.Helper()
	src, dst := source(format), media.NewFrame(format.Scaled(2))
	ctx := context.Background()
	v, err := e.Estimate(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Upscale(ctx, dst, src, d); err != nil {
		t.Fatal(err)
	}
	return dst
}

func source(format media.Format) *media.Frame {
	fr := media.NewFrame(format)
	for p := range 3 {
		w, h := fr.PlaneSize(p)
		for y := range h {
			row := fr.Row(p, y)
			for x := range w {
				v := sample(format, p, x, y)
				if row[x*fr.BytesPerSample()] = byte(v); format.Depth > 8 {
					row[2*x+1] = byte(v >> 8)
				}
			}
		}
	}
	return fr
}

func throughGPU(t *testing.T, e cuda.SurfaceEngine, format media.Format, pixels astiav.PixelFormat) *astiav.Frame {
	t.Helper()
	ctx := context.Background()
	planar, large := source(format), format.Scaled(2)
	up := hostFrame(t, format.Width, format.Height, pixels, func(p, x, y int) byte { return packed(planar, p, x, y) })
	onGPU := func(f media.Format) *astiav.Frame {
		pool, err := av.NewCUDAFrames(0, f.Width, f.Height, pixels)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		fr := astiav.AllocFrame()
		t.Cleanup(fr.Free)
		if err := pool.Get(fr); err != nil {
			t.Fatal(err)
		}
		return fr
	}
	src, dst := onGPU(format), onGPU(large)
	if err := up.TransferHardwareData(src); err != nil {
		t.Fatal(err)
	}
	in, out := surface(t, src, format, pixels), surface(t, dst, large, pixels)
	v, err := e.EstimateSurface(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Modulate(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.UpscaleSurface(ctx, out, in, d); err != nil {
		t.Fatal(err)
	}
	down := hostFrame(t, large.Width, large.Height, pixels, nil)
	if err := dst.TransferHardwareData(down); err != nil {
		t.Fatal(err)
	}
	return down
}

func TestNoCUDAFrames(t *testing.T) {
	fr := hostFrame(t, 16, 16, astiav.PixelFormatNv12, nil)
	if _, ok := av.OnGPU(fr); ok {
		t.Error("a frame of the host is said to lie on a GPU")
	}
	pool := &av.CUDAFrames{}
	pool.Close()
	if err := pool.Get(fr); err == nil {
		t.Error("a closed pool gives a frame")
	}
}
