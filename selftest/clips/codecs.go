package clips

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/internal/quality"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/selftest"
	"vsr/sr/cuda"
)

// codecPSNR is what a frame that went through NVENC at its default quality has at least, in dB. Swapped or shifted planes have
// far less.
const codecPSNR = 28

// Trial stands for NVDEC and NVENC by an upload and a download. It is for tests on machines without a GPU.
type Trial struct{ Upload, Download bool }

// Codecs sends a clip through NVDEC and through NVENC, each against the CPU, and adds what it finds to the report. A GPU without
// them is no worse for it.
func Codecs(ctx context.Context, report *selftest.Report, index int, trial Trial) {
	o := testmedia.Options{Frames: 8, Cuts: []int{4}, Format: media.Format{Width: 320, Height: 180, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}}
	add := func(name, hint, detail string, err error) {
		c := selftest.Check{Name: name, OK: err == nil, Detail: detail, Hint: hint}
		if err != nil {
			c.Detail = fault.Line(err)
		}
		report.Checks = append(report.Checks, c)
	}
	detail, err := checkNVDEC(ctx, o, index, trial)
	add("NVDEC, against the CPU's decoder", `put "decode: hardware: off" into the configuration, and report this GPU, the driver and this report`, detail, err)
	codecs := []string{"h264_nvenc", "hevc_nvenc"}
	if trial.Download {
		codecs = []string{"x264"}
	}
	for _, codec := range codecs {
		detail, err := checkNVENC(ctx, o, index, codec, trial)
		add(codec+", fed from the GPU", "use --codec x264 or x265, and report this GPU, the driver and this report", detail, err)
	}
}

// checkNVDEC decodes a clip on the GPU and on the CPU.
func checkNVDEC(ctx context.Context, o testmedia.Options, index int, trial Trial) (string, error) {
	dir, err := os.MkdirTemp("", "vsr-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	clip := filepath.Join(dir, "clip.mkv")
	if err := testmedia.WriteClip(clip, o, encode.Options{Preset: "veryfast"}); err != nil {
		return "", err
	}
	memory := cuda.NewMemory(index)
	defer memory.Close()
	want, _, err := onHost(ctx, clip, nil)
	if err != nil {
		return "", err
	}
	got, surfaces, err := onHost(ctx, clip, &decode.GPU{Memory: memory, Device: index, Upload: trial.Upload})
	switch {
	case err != nil:
		return "", err
	case surfaces == 0:
		return "not used: it is not there, or FFmpeg cannot start it; the CPU decodes", nil
	case len(got) != len(want) || len(got) != o.Frames:
		return "", fmt.Errorf("%d frames, on the CPU %d, want %d", len(got), len(want), o.Frames)
	}
	for i := range got {
		if encode.Sum(got[i]) != encode.Sum(want[i]) || got[i].PTS != want[i].PTS {
			return "", fmt.Errorf("frame %d is another than the CPU's", i)
		}
	}
	return fmt.Sprintf("%d frames, the same bits", surfaces), nil
}

// onHost decodes a clip and brings all its frames to the host. surfaces is how many came in the GPU's memory.
func onHost(ctx context.Context, clip string, gpu *decode.GPU) (all []*media.Frame, surfaces int64, err error) {
	src, err := decode.Open(ctx, clip, decode.Options{GPU: gpu})
	if err != nil {
		return nil, 0, err
	}
	defer src.Close()
	for {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, src.Stats().OnGPU, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if u.Frame != nil {
			down, err := download(u.Frame)
			if err != nil {
				u.Release()
				return nil, 0, err
			}
			all = append(all, down)
		}
		u.Release()
	}
}

// download copies a frame, wherever it lies, into memory of its own on the host.
func download(fr *media.Frame) (*media.Frame, error) {
	if fr.Surface != nil {
		return fr.Land()
	}
	down := media.NewFrame(fr.Format)
	for p := range fr.Planes() {
		copy(down.Plane[p], fr.Plane[p])
	}
	down.CopyProps(fr)
	return down, nil
}

// checkNVENC encodes a clip from the GPU's memory, and decodes it on the CPU.
func checkNVENC(ctx context.Context, o testmedia.Options, index int, codec string, trial Trial) (string, error) {
	dir, err := os.MkdirTemp("", "vsr-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "out.mkv")
	want, err := encodeFromGPU(ctx, out, o, index, codec, trial)
	var request *encode.RequestError
	if errors.As(err, &request) {
		return "not used: " + fault.Line(request), nil
	}
	if err != nil {
		return "", err
	}
	got, _, err := onHost(ctx, out, nil)
	if err != nil {
		return "", err
	}
	if len(got) != o.Frames {
		return "", fmt.Errorf("%d frames in the file, want %d", len(got), o.Frames)
	}
	least := math.Inf(1)
	for i := range got {
		_, psnr := quality.CompareFrames(got[i], want[i])
		least = min(least, psnr, 100)
	}
	if text := fmt.Sprintf("%d frames, PSNR at least %.1f dB", len(got), least); least >= codecPSNR {
		return text, nil
	}
	return "", fmt.Errorf("PSNR %.1f dB, want at least %d", least, codecPSNR)
}

// encodeFromGPU writes a synthetic clip whose frames lie in the GPU's memory, and returns them as they were.
func encodeFromGPU(ctx context.Context, out string, o testmedia.Options, index int, codec string, trial Trial) (all []*media.Frame, err error) {
	src, err := testmedia.New(o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	memory := cuda.NewMemory(index)
	defer memory.Close()
	pool := media.NewSurfacePool(o.Format, 1, memory, true)
	defer pool.Close()
	sink, err := encode.CreateFile(out, src.Info(), encode.Options{Codec: codec, GPU: &encode.GPU{Device: index, Download: trial.Download}}, encode.FileOptions{})
	if err != nil {
		return nil, err
	}
	for {
		fr, err := encodeNext(ctx, src, pool, memory, sink)
		switch {
		case errors.Is(err, io.EOF):
			return all, sink.Close()
		case err != nil:
			_ = sink.Abort()
			return nil, err
		}
		all = append(all, fr)
	}
}

// source gives the frames of a clip.
type source interface {
	Next(ctx context.Context) (media.Unit, error)
}

// encodeNext sends the next frame of src through the GPU's memory to the encoder and returns a copy of it.
func encodeNext(ctx context.Context, src source, pool *media.Pool, memory media.GPU, sink *encode.Sink) (*media.Frame, error) {
	u, err := src.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer u.Release()
	up, err := pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	up.CopyProps(u.Frame)
	if err := memory.Copy(up, u.Frame); err != nil {
		up.Release()
		return nil, err
	}
	if err := sink.Write(ctx, media.Unit{Frame: up}); err != nil {
		return nil, err
	}
	return download(u.Frame)
}
