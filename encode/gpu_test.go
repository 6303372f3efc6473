//go:build nvidia

package encode_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"vsr/encode"
	"vsr/internal/fakecuda"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/cuda"
)

// cardPackets encodes a clip; put says where frame i is to lie.
func gpuPackets(t *testing.T, o encode.Options, f media.Format, put func(i int, fr *media.Frame) *media.Frame) (*recorder, error) {
	t.Helper()
	src := synthetic(t, testmedia.Options{Format: f, Frames: 7, Cuts: []int{4}})
	r := &recorder{}
	sink, err := encode.Create(src.Info(), o, r)
	for i := 0; err == nil && i < 7; i++ {
		u, nerr := src.Next(context.Background())
		if nerr != nil {
			t.Fatal(nerr)
		}
		if i == 3 && f.Width == 64 { // of another size in mid-stream
			u.Frame.Release()
			u.Frame = media.NewFrame(media.Format{Width: 32, Height: 18, Layout: f.Layout, Depth: f.Depth, Color: f.Color})
			u.Frame.PTS = int64(i) * 1000
		}
		u.Frame.PTS, u.Frame.Scene = int64(i+1)*1000, uint64(1+i/4)
		err = sink.Write(context.Background(), media.Unit{Frame: put(i, u.Frame)})
	}
	if sink != nil {
		if err == nil {
			return r, sink.Close()
		}
		_ = sink.Abort()
	}
	return r, err
}

// raise puts a frame onto the GPU, in memory of its own.
func raise(t *testing.T, m *cuda.Memory, fr *media.Frame) *media.Frame {
	t.Helper()
	s, err := m.Take(fr.Format, true)
	if err != nil {
		t.Fatal(err)
	}
	up := media.NewSurfaceFrame(fr.Format, *s)
	up.CopyProps(fr)
	if err := m.Copy(up, fr); err != nil {
		t.Fatal(err)
	}
	fr.Release()
	return up
}

// Frames from the GPU, those of the host and both in turns make the same packets, whether they go through NVENC's door or the
// encoder knows nothing of GPUs.
func TestFramesFromGPU(t *testing.T) {
	fakecuda.Use(t)
	color := media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}
	for _, c := range []struct {
		name, codec string
		format      media.Format
	}{
		{"8 bits", "x264", media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: color}},
		{"10 bits", "ffv1", media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 10, Color: color}},
		{"odd", "ffv1", media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: 8, Color: color}},
	} {
		o := encode.Options{Codec: c.codec, Threads: 1}
		if c.codec == "x264" {
			o.FFmpeg = map[string]string{"mbtree": "0"} // with it equal frames do not always give equal packets
		}
		want, err := gpuPackets(t, o, c.format, func(_ int, fr *media.Frame) *media.Frame { return fr })
		if err != nil {
			t.Fatal(err)
		}
		for name, gpu := range map[string]*encode.GPU{"no door": nil, "a door": {Download: true}} {
			for every := range 2 {
				m := cuda.NewMemory(0)
				o.GPU = gpu
				got, err := gpuPackets(t, o, c.format, func(i int, fr *media.Frame) *media.Frame {
					if every == 1 && i%2 == 1 {
						return fr
					}
					return raise(t, m, fr)
				})
				if err != nil || len(got.packets) != 7 || len(want.packets) != 7 {
					t.Fatalf("%s, %s: %d packets, want %d, error %v", c.name, name, len(got.packets), len(want.packets), err)
				}
				for i := range want.packets {
					if a, b := got.packets[i], want.packets[i]; string(a.Data) != string(b.Data) || a.PTS != b.PTS || a.Key != b.Key {
						t.Errorf("%s, %s, every frame %v: packet %d is another", c.name, name, every == 0, i)
					}
				}
				m.Close()
			}
		}
	}
	fakecuda.Leaks(t)
}

// NVENC that is fed from the GPU is refused as it is without one where it is missing, and gives the GPU's memory back.
func TestNoNVENCOnGPU(t *testing.T) {
	fakecuda.Use(t)
	f := media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}
	_, err := gpuPackets(t, encode.Options{Codec: "h264_nvenc", GPU: &encode.GPU{}}, f, nil)
	var request *encode.RequestError
	if !errors.As(err, &request) || !strings.Contains(err.Error(), "libnvidia-encode") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line of a *RequestError about libnvidia-encode", err)
	}
	fakecuda.Leaks(t)
}

// A GPU that fails at the door ends the output with one line that is not taken for a fault of the disk.
func TestGPUFailsWhileEncoding(t *testing.T) {
	fakecuda.Use(t)
	f := media.Format{Width: 48, Height: 36, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}
	for _, fail := range []string{"cuMemAlloc_v2:1:2", "cuMemcpy2DAsync_v2:3:719", "cuStreamSynchronize:2:719"} {
		m := cuda.NewMemory(0)
		_, err := gpuPackets(t, encode.Options{Codec: "ffv1", GPU: &encode.GPU{Download: true}}, f, func(i int, fr *media.Frame) *media.Frame {
			if i < 2 {
				up := raise(t, m, fr)
				if i == 0 {
					t.Setenv("VSR_EMU_FAIL", fail)
				}
				return up
			}
			return fr
		})
		var gpu *media.GPUError
		if !errors.As(err, &gpu) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line of a *media.GPUError", fail, err)
		}
		m.Close()
		fakecuda.Leaks(t)
	}
}
