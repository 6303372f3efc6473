package upscale

import (
	"bytes"
	"context"
	"errors"
	"io"

	"vsr/decode"
	"vsr/internal/atomicfile"
	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

// Scenes decodes a video, or the part of it that o names, and lists its scenes, without degradations. frames is how many there are.
func Scenes(ctx context.Context, input string, o VerifyOptions) (list []sr.SceneRecord, frames int64, err error) {
	src, err := decode.Open(ctx, input, decode.Options{Logger: o.Logger, Start: o.Start, Duration: o.Duration})
	if err != nil {
		return nil, 0, inputError(err)
	}
	defer src.Close()
	detector := scene.New(scene.Options{})
	for {
		f, err := nextFrame(ctx, src)
		switch {
		case errors.Is(err, io.EOF):
			return list, frames, nil
		case err != nil:
			return nil, 0, err
		}
		detector.Mark(f)
		if len(list) == 0 || list[len(list)-1].Index != f.Scene {
			list = append(list, sr.SceneRecord{Index: f.Scene, FirstFrame: frames, FirstPTS: f.PTS})
		}
		f.Release()
		frames++
	}
}

// Degradation estimates the degradation vector of a video's first frame, on the CPU.
func Degradation(ctx context.Context, w *kdsr.Weights, input string) ([]float32, error) {
	src, err := decode.Open(ctx, input, decode.Options{})
	if err != nil {
		return nil, inputError(err)
	}
	defer src.Close()
	e, err := cpu.New(w, cpu.Options{})
	if err != nil {
		return nil, blame(Request, "", err)
	}
	defer e.Close()
	f, err := nextFrame(ctx, src)
	if err != nil {
		return nil, blame(Input, "", err)
	}
	defer f.Release()
	vector, err := e.Estimate(ctx, f)
	return vector, deviceError(err)
}

// ExportONNX writes the static network of one scene as ONNX: the scene that the video or image like begins with. ONNX cannot express
// kernels that are made once a scene, so the degradation is fixed in the file.
func ExportONNX(ctx context.Context, w *kdsr.Weights, like, path string) error {
	if like == "" {
		return usageError("Options.Like clip.mp4 takes the degradation of that clip's first frame", "an ONNX model is made for one degradation: Options.Like is needed")
	}
	vector, err := Degradation(ctx, w, like)
	if err != nil {
		return err
	}
	var model bytes.Buffer
	if err := w.ExportONNX(&model, vector); err != nil {
		return blame(Request, "", err)
	}
	return OutputError(atomicfile.WriteBytes(path, model.Bytes()))
}

// nextFrame passes over packets and changes of format.
func nextFrame(ctx context.Context, src *decode.Source) (*media.Frame, error) {
	for {
		u, err := src.Next(ctx)
		switch {
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case err != nil:
			return nil, inputError(err)
		case u.Frame == nil:
			u.Release()
			continue
		}
		return u.Frame, nil
	}
}
