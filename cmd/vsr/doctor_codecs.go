package main

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
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/cuda"
	"vsr/upscale"
)

// codecPSNR is what a picture that went through NVENC at its default quality has at least, in dB. Swapped or shifted planes have
// far less.
const codecPSNR = 28

// checkCodecs sends a clip through NVDEC and through NVENC, each against the CPU, and adds what it finds to the report. A card
// without them is no worse for it.
func checkCodecs(ctx context.Context, report *cuda.Report, index int) {
	o := testmedia.Options{Frames: 8, Cuts: []int{4}, Format: media.Format{Width: 320, Height: 180, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}}
	note := func(name, advice string, detail string, err error) {
		c := cuda.Check{Name: name, OK: err == nil, Detail: detail, Advice: advice}
		if err != nil {
			c.Detail = fault{err: err}.line()
		}
		report.Checks = append(report.Checks, c)
	}
	detail, err := checkNVDEC(ctx, o, index)
	note("NVDEC, against the CPU's decoder", `put "decode: hardware: off" into the configuration, and report this card, the driver and this report`, detail, err)
	codecs := []string{"h264_nvenc", "hevc_nvenc"}
	if upscale.Trial.Download {
		codecs = []string{"x264"}
	}
	for _, codec := range codecs {
		detail, err := checkNVENC(ctx, o, index, codec)
		note(codec+", fed from the card", "use --codec x264 or x265, and report this card, the driver and this report", detail, err)
	}
}

// checkNVDEC decodes a clip on the card and on the CPU.
func checkNVDEC(ctx context.Context, o testmedia.Options, index int) (string, error) {
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
	want, _, err := landed(ctx, clip, nil)
	if err != nil {
		return "", err
	}
	got, onCard, err := landed(ctx, clip, &decode.Card{Memory: memory, Device: index, Upload: upscale.Trial.Upload})
	switch {
	case err != nil:
		return "", err
	case onCard == 0:
		return "not used: it is not there, or FFmpeg cannot start it; the CPU decodes", nil
	case len(got) != len(want) || len(got) != o.Frames:
		return "", fmt.Errorf("%d frames, on the CPU %d, want %d", len(got), len(want), o.Frames)
	}
	for i := range got {
		if encode.Sum(got[i]) != encode.Sum(want[i]) || got[i].PTS != want[i].PTS {
			return "", fmt.Errorf("frame %d is another than the CPU's", i)
		}
	}
	return fmt.Sprintf("%d frames, the same bits", onCard), nil
}

// landed decodes a clip and brings all its frames to the host. onCard is how many came on the card.
func landed(ctx context.Context, clip string, card *decode.Card) (all []*media.Frame, onCard int64, err error) {
	src, err := decode.Open(ctx, clip, decode.Options{Card: card})
	if err != nil {
		return nil, 0, err
	}
	defer src.Close()
	for {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, src.Stats().OnCard, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if fr := u.Frame; fr != nil {
			down := media.NewFrame(fr.Format)
			if fr.Surface != nil {
				if down, err = fr.Land(); err != nil {
					u.Release()
					return nil, 0, err
				}
			} else {
				for p := range fr.Planes() {
					copy(down.Plane[p], fr.Plane[p])
				}
				down.CopyProps(fr)
			}
			all = append(all, down)
		}
		u.Release()
	}
}

// checkNVENC encodes a clip from the card's memory, and decodes it on the CPU.
func checkNVENC(ctx context.Context, o testmedia.Options, index int, codec string) (string, error) {
	dir, err := os.MkdirTemp("", "vsr-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "out.mkv")
	want, err := encodeFromCard(ctx, out, o, index, codec)
	var request *encode.RequestError
	if errors.As(err, &request) {
		return "not used: " + fault{err: request}.line(), nil
	}
	if err != nil {
		return "", err
	}
	got, _, err := landed(ctx, out, nil)
	if err != nil {
		return "", err
	}
	if len(got) != o.Frames {
		return "", fmt.Errorf("%d frames in the file, want %d", len(got), o.Frames)
	}
	least := math.Inf(1)
	for i := range got {
		_, psnr := apart(got[i], want[i])
		least = min(least, psnr)
	}
	if text := fmt.Sprintf("%d frames, PSNR at least %.1f dB", len(got), least); least >= codecPSNR {
		return text, nil
	}
	return "", fmt.Errorf("PSNR %.1f dB, want at least %d", least, codecPSNR)
}

// encodeFromCard writes a synthetic clip whose pictures lie on the card, and returns them as they were.
func encodeFromCard(ctx context.Context, out string, o testmedia.Options, index int, codec string) (all []*media.Frame, err error) {
	src, err := testmedia.New(o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	memory := cuda.NewMemory(index)
	defer memory.Close()
	pool := media.NewSurfacePool(o.Format, 1, memory, true)
	defer pool.Close()
	sink, err := encode.CreateFile(out, src.Info(), encode.Options{Codec: codec, Card: &encode.Card{Device: index, Download: upscale.Trial.Download}}, encode.FileOptions{})
	if err != nil {
		return nil, err
	}
	for {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, sink.Close()
		}
		var up *media.Frame
		if err == nil {
			up, err = pool.Get(ctx)
		}
		if err == nil {
			up.CopyProps(u.Frame)
			if err = memory.Copy(up, u.Frame); err == nil {
				copied := media.NewFrame(o.Format)
				for p := range copied.Planes() {
					copy(copied.Plane[p], u.Frame.Plane[p])
				}
				all = append(all, copied)
				u.Release()
				err = sink.Write(ctx, media.Unit{Frame: up})
			}
		}
		if err != nil {
			_ = sink.Abort()
			return nil, err
		}
	}
}
