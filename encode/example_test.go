package encode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// Encode ten synthetic frames into a Matroska file, which appears under its name when Close has returned.
func ExampleCreateFile() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "out.mkv")
	format := media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}}
	src, err := testmedia.New(testmedia.Options{Frames: 10, Format: format})
	if err != nil {
		panic(err)
	}
	defer src.Close()

	ctx := context.Background()
	sink, err := encode.CreateFile(path, src.Info(), encode.Options{Codec: "x264", CRF: 20, Preset: "ultrafast"}, encode.FileOptions{})
	if err != nil {
		panic(err)
	}
	for {
		unit, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = sink.Write(ctx, unit)
		}
		if err != nil {
			panic(err)
		}
	}
	_, before := os.Stat(path)
	if err := sink.Close(); err != nil {
		panic(err)
	}
	_, after := os.Stat(path)
	frames, packets := sink.Frames()
	fmt.Println(frames, "frames,", packets, "packets")
	fmt.Println("there before Close:", before == nil, "and after it:", after == nil)
	// Output:
	// 10 frames, 10 packets
	// there before Close: false and after it: true
}
