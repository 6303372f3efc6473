package sr_test

import (
	"context"
	"fmt"

	"vsr/media"
	"vsr/sr"
)

// Enlarge a frame with the engine that needs no weights.
func ExampleNew() {
	engine, err := sr.NewBicubic(2)
	if err != nil {
		panic(err)
	}
	upscaler, err := sr.New(engine, sr.Options{})
	if err != nil {
		panic(err)
	}
	defer upscaler.Close()

	frame := media.NewFrame(media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8,
		Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}})
	frame.PTS, frame.Scene = 512, 1
	large, err := upscaler.Process(context.Background(), frame) // takes the frame over
	if err != nil {
		panic(err)
	}
	fmt.Println(large.Width, "x", large.Height, "at", large.PTS)
	large.Release()
	fmt.Println(upscaler.Stats().Estimates, "estimate for", upscaler.Stats().Scenes, "scene")
	// Output:
	// 128 x 96 at 512
	// 1 estimate for 1 scene
}
