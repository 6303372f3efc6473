//go:build nvidia

package decode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fakecuda"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/cuda"
)

// told is a frame in words, with its frame.
func told(t *testing.T, fr *media.Frame) string {
	t.Helper()
	if fr.Surface != nil {
		down, err := fr.Land()
		if err != nil {
			t.Fatal(err)
		}
		fr = down
	}
	return fmt.Sprintf("%v %+v %d %d %x", fr.Format, fr.Color, fr.PTS, fr.Duration, encode.Sum(fr))
}

// decodeAll tells all frames of a file.
func decodeAll(t *testing.T, path string, o decode.Options) (all []string, st decode.Stats) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all, src.Stats()
		}
		if errors.Is(err, media.ErrFormatChanged) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			all = append(all, told(t, u.Frame))
		}
		u.Release()
	}
}

// Frames that come as FFmpeg's CUDA frames are those that the CPU decodes, with the same times, whatever their size and depth.
// Kinds that do not go there, and fields that must be made into frames, come over the host.
func TestDecodedFramesOnGPU(t *testing.T) {
	fakecuda.Use(t)
	color := media.Color{Matrix: 6, Range: 1, Primaries: 6, Transfer: 6, Siting: 1}
	for _, c := range []struct {
		name   string
		format media.Format
		codec  string
		deint  decode.Deinterlace
		start  float64
		gpu    bool
	}{
		{"NV12", media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: 8, Color: color}, "ffv1", "", 0, true},
		{"P010", media.Format{Width: 35, Height: 18, Layout: media.YUV420, Depth: 10, Color: color}, "ffv1", "", 0, true},
		{"H.264", media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: color}, "x264", "", 0, true},
		{"cut in", media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: color}, "x264", "", 0.2, true},
		{"4:2:2", media.Format{Width: 36, Height: 20, Layout: media.YUV422, Depth: 8, Color: color}, "ffv1", "", 0, false},
		{"12 bits", media.Format{Width: 36, Height: 20, Layout: media.YUV420, Depth: 12, Color: color}, "ffv1", "", 0, false},
		{"fields", media.Format{Width: 37, Height: 22, Layout: media.YUV420, Depth: 8, Color: color}, "ffv1", decode.DeinterlaceOn, 0, false},
		{"deep fields", media.Format{Width: 36, Height: 22, Layout: media.YUV420, Depth: 10, Color: color}, "ffv1", decode.DeinterlaceOn, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.mkv")
			if err := testmedia.WriteClip(path, testmedia.Options{Format: c.format, Frames: 12, Cuts: []int{5}}, encode.Options{Codec: c.codec}); err != nil {
				t.Fatal(err)
			}
			o := decode.Options{Deinterlace: c.deint, Start: c.start}
			want, _ := decodeAll(t, path, o)
			m := cuda.NewMemory(0)
			// One frame out at a time and a pool of one: more is never needed.
			o.GPU, o.PoolSize = &decode.GPU{Memory: m, Upload: true}, 1
			got, st := decodeAll(t, path, o)
			if len(want) < 6 || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%d frames on the GPU, %d on the host, or others:\n%s\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if wantOn := map[bool]int64{true: int64(len(want))}[c.gpu]; st.OnGPU != wantOn {
				t.Errorf("%d frames on the GPU, want %d", st.OnGPU, wantOn)
			}
			m.Close()
			fakecuda.Leaks(t)
		})
	}
}

// NVDEC is offered and is not there: the CPU decodes, all frames come, and nothing is left on the GPU.
func TestNoNVDEC(t *testing.T) {
	fakecuda.Use(t)
	path := filepath.Join(t.TempDir(), "in.mp4")
	f := media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}
	if err := testmedia.WriteClip(path, testmedia.Options{Format: f, Frames: 9}, encode.Options{}); err != nil {
		t.Fatal(err)
	}
	want, _ := decodeAll(t, path, decode.Options{})
	m := cuda.NewMemory(0)
	got, st := decodeAll(t, path, decode.Options{GPU: &decode.GPU{Memory: m}})
	if len(want) != 9 || strings.Join(got, "\n") != strings.Join(want, "\n") || st.OnGPU != 0 {
		t.Errorf("%d frames, %d of them on the GPU, want the %d of the CPU", len(got), st.OnGPU, len(want))
	}
	m.Close()
	fakecuda.Leaks(t)
}

// A GPU that fails in mid-stream ends the source with one line, and is not taken for damaged data.
func TestGPUFailsWhileDecoding(t *testing.T) {
	fakecuda.Use(t)
	path := filepath.Join(t.TempDir(), "in.mkv")
	f := media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}
	if err := testmedia.WriteClip(path, testmedia.Options{Format: f, Frames: 4}, encode.Options{Codec: "ffv1"}); err != nil {
		t.Fatal(err)
	}
	for _, fail := range []string{"cuMemAlloc_v2:1:2", "cuMemAlloc_v2:2:2", "cuMemcpy2DAsync_v2:3:719", "cuStreamSynchronize:2:719", "cuDevicePrimaryCtxRetain:1:2"} {
		m := cuda.NewMemory(0)
		t.Setenv("VSR_EMU_FAIL", fail)
		src, err := decode.Open(context.Background(), path, decode.Options{GPU: &decode.GPU{Memory: m, Upload: true}})
		for err == nil {
			var u media.Unit
			if u, err = src.Next(context.Background()); err == nil {
				u.Release()
			}
		}
		var gpu *media.GPUError
		if !errors.As(err, &gpu) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line of a *media.GPUError", fail, err)
		}
		if src != nil {
			src.Close()
		}
		m.Close()
		fakecuda.Leaks(t)
	}
}
