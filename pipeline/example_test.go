package pipeline_test

import (
	"context"
	"fmt"
	"io"

	"vsr/media"
	"vsr/pipeline"
)

// counter gives n gray frames.
type counter struct{ next, n int64 }

func (c *counter) Next(context.Context) (media.Unit, error) {
	if c.next == c.n {
		return media.Unit{}, io.EOF
	}
	f := media.NewFrame(media.Format{Width: 2, Height: 2, Layout: media.YUV420, Depth: 8})
	f.PTS = c.next
	c.next++
	return media.Unit{Frame: f}, nil
}

func (c *counter) Close() error { return nil }

// printer prints the time of each frame.
type printer struct{}

func (printer) Write(_ context.Context, u media.Unit) error {
	fmt.Println("frame at", u.Frame.PTS)
	u.Release()
	return nil
}

func (printer) Close() error { return nil }

// Leave out every second frame on the way from a source to a sink.
func ExampleRun() {
	half := func(_ context.Context, f *media.Frame) (*media.Frame, error) {
		if f.PTS%2 == 0 {
			return f, nil
		}
		f.Release()
		return nil, nil
	}
	stats, err := pipeline.Run(context.Background(), &counter{n: 6}, []pipeline.Step{{Name: "half", Stage: pipeline.Video(half)}}, printer{}, pipeline.Options{})
	fmt.Println(stats.FramesIn(), "in,", stats.FramesOut(), "out,", err)
	// Output:
	// frame at 0
	// frame at 2
	// frame at 4
	// 6 in, 3 out, <nil>
}
