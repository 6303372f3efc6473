package upscale

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/verify"
)

// imageFiles reports whether an output is one image or a sequence of them, which have no times and no container.
func imageFiles(output string) bool {
	_, numbered := media.ParsePattern(output)
	switch encode.ImageCodec(output) {
	case "png", "jpeg", "tiff":
		return true
	case "":
		return false
	}
	return numbered
}

// checkAnimation counts the frames of an animated WebP, which FFmpeg does not read back. ok is false for other files.
func (j *Job) checkAnimation() (ok bool, err error) {
	b, err := os.ReadFile(j.report.Output)
	if err != nil || encode.ImageCodec(j.report.Output) != "webp" || len(b) < 12 || j.report.Frames.Out == 1 {
		return false, err
	}
	var n int64
	for at := 12; at+8 <= len(b); { // chunks (WebP container specification): four letters, size, body, padded to an even length
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		if string(b[at:at+4]) == "ANMF" {
			n++
		}
		at += 8 + size + size&1
	}
	if n != j.report.Frames.Out {
		return true, j.keepFailed(fmt.Errorf("%d frames in the animation instead of %d", n, j.report.Frames.Out))
	}
	j.report.Checks = []verify.Check{{Name: "frames", OK: true, Must: true, Detail: fmt.Sprintf("%d in the animation", n)}}
	return true, nil
}

// checkImages reads the first and the last image back: they must decode and have the size of the output.
func (j *Job) checkImages(ctx context.Context) error {
	names, frames := []string{j.report.Output}, j.report.Frames.Out
	if p, ok := media.ParsePattern(j.report.Output); ok {
		first := 1
		if s := j.info.Images; s != nil {
			first = s.First
		}
		names = []string{p.Name(first), p.Name(first + int(frames) - 1)}
	}
	for _, name := range names {
		src, err := decode.Open(ctx, name, decode.Options{RGB: true})
		if err != nil {
			return j.keepFailed(fmt.Errorf("%s cannot be read back: %w", name, err))
		}
		got := src.Info().Format
		src.Close()
		if want := j.large.Format; got.Width != want.Width || got.Height != want.Height {
			return j.keepFailed(fmt.Errorf("%s is %v instead of %v", name, got, want))
		}
	}
	j.report.Checks = []verify.Check{{Name: "images", OK: true, Must: true, Detail: fmt.Sprintf("%d written, the first and the last read back", frames)}}
	return nil
}
