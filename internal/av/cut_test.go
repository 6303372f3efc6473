package av

import (
	"testing"

	astiav "github.com/asticode/go-astiav"
)

// Columns and rows that are cut off move the planes, each by its own sample size and subsampling.
func TestCutOnGPU(t *testing.T) {
	for _, c := range []struct {
		pixels astiav.PixelFormat
		planes [3]uint64
		want   [3]uint64
	}{
		{astiav.PixelFormatNv12, [3]uint64{1000, 50000, 0}, [3]uint64{1000 + 6*100 + 4, 50000 + 3*100 + 4, 0}},
		{astiav.PixelFormatP010Le, [3]uint64{1000, 50000, 0}, [3]uint64{1000 + 6*100 + 8, 50000 + 3*100 + 8, 0}},
		{astiav.PixelFormatYuv420P, [3]uint64{1000, 50000, 70000}, [3]uint64{1000 + 6*100 + 4, 50000 + 3*100 + 2, 70000 + 3*100 + 2}},
	} {
		p := CUDAFrame{Plane: c.planes, Pitch: [3]int{100, 100, 100}, Width: 40, Height: 30}
		info, _ := DescribePixels(c.pixels)
		p.cut(info, 4, 6)
		if p.Plane != c.want || p.Width != 36 || p.Height != 24 {
			t.Errorf("%v: %+v, want planes %v and 36x24", c.pixels, p, c.want)
		}
	}
}
