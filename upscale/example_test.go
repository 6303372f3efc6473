package upscale_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/upscale"
)

// exampleClip writes ten frames of 64x48 with a scene cut before the sixth.
func exampleClip(dir string) (path string, err error) {
	path = filepath.Join(dir, "clip.mp4")
	return path, testmedia.WriteClip(path, testmedia.Options{Frames: 10, Cuts: []int{5},
		Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}},
		encode.Options{Preset: "ultrafast"})
}

// Upscale a file twice, with a line for each scene.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	in, err := exampleClip(dir)
	if err != nil {
		panic(err)
	}

	o := upscale.Defaults()
	o.Model, o.Device = "nano-x2", "cpu"
	o.Output = filepath.Join(dir, "large.mkv")
	ctx := context.Background()
	job, err := upscale.Open(ctx, in, o)
	if err != nil {
		panic(err)
	}
	defer job.Close()
	report, err := job.Run(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d frames in, %d out, by %s\n", report.Frames.In, report.Frames.Out, report.Model.Name)
	for _, s := range report.Scenes {
		fmt.Printf("scene %d begins at frame %d\n", s.Index, s.FirstFrame)
	}
	// Output:
	// 10 frames in, 10 out, by nano-x2
	// scene 1 begins at frame 0
	// scene 2 begins at frame 5
}

// Make the segments of a plan one by one, as several machines would, and join them.
func ExamplePlan() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	in, err := exampleClip(dir)
	if err != nil {
		panic(err)
	}

	o := upscale.Defaults()
	o.Model, o.Device, o.SegmentMin, o.SegmentMax = "nano-x2", "cpu", 3, 4
	o.Output = filepath.Join(dir, "large.mkv")
	ctx := context.Background()
	plan, err := upscale.Plan(ctx, in, o)
	if err != nil {
		panic(err)
	}
	step := upscale.StepOptions{Dir: filepath.Join(dir, "work"), Device: "cpu"}
	for _, s := range plan.Segments {
		if _, err := upscale.MakeSegment(ctx, plan, s.Index, step); err != nil {
			panic(err)
		}
		fmt.Printf("segment %d: %d frames from %d\n", s.Index, s.Frames, s.First)
	}
	report, err := upscale.Join(ctx, plan, step)
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Frames.Out, "frames,", report.OK)
	// Output:
	// segment 0: 4 frames from 0
	// segment 1: 4 frames from 4
	// segment 2: 2 frames from 8
	// 10 frames, true
}

// Errors say whose fault they are.
func ExampleClassify() {
	_, err := upscale.Open(context.Background(), "no-such-file.mp4", upscale.Defaults())
	e := upscale.Classify(err)
	fmt.Println(e.Kind, errors.Is(err, os.ErrNotExist))
	// Output: input true
}
