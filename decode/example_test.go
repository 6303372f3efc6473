package decode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// Count the frames and packets of a file.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.mp4")
	format := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}}
	if err := testmedia.WriteClip(path, testmedia.Options{Frames: 10, Format: format}, encode.Options{Preset: "ultrafast"}); err != nil {
		panic(err)
	}

	ctx := context.Background()
	src, err := decode.Open(ctx, path, decode.Options{})
	if err != nil {
		panic(err)
	}
	defer src.Close()
	frames := 0
	for {
		unit, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		if unit.Frame != nil {
			frames++
		}
		unit.Release()
	}
	fmt.Println(frames, "frames of", src.Info().Format)
	// Output: 10 frames of 64x48 yuv420p 8-bit
}
