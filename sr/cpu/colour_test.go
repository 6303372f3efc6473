package cpu

import (
	"fmt"
	"math"
	"testing"

	"vsr/media"
)

// TestKnownColors converts flat frames whose RGB is known from the standards.
func TestKnownColors(t *testing.T) {
	for _, c := range []struct {
		color   media.Color
		depth   int
		w       int
		yuv     [3]uint16
		r, g, b float64
	}{
		{media.Color{Matrix: 6, Range: 1}, 8, 8, [3]uint16{16, 128, 128}, 0, 0, 0},
		{media.Color{Matrix: 6, Range: 1}, 8, 8, [3]uint16{235, 128, 128}, 1, 1, 1},
		{media.Color{Matrix: 6, Range: 1}, 8, 8, [3]uint16{81, 90, 240}, 1, 0, 0},   // BT.601 red bar
		{media.Color{Matrix: 1, Range: 1}, 8, 8, [3]uint16{63, 102, 240}, 1, 0, 0},  // BT.709 red bar
		{media.Color{Matrix: 1, Range: 1}, 8, 8, [3]uint16{173, 42, 26}, 0, 1, 0},   // BT.709 green bar
		{media.Color{Matrix: 1, Range: 1}, 8, 8, [3]uint16{32, 240, 118}, 0, 0, 1},  // BT.709 blue bar
		{media.Color{Matrix: 2, Range: 0}, 8, 8, [3]uint16{81, 90, 240}, 1, 0, 0},   // small: BT.601, limited
		{media.Color{Matrix: 2}, 8, 1280, [3]uint16{63, 102, 240}, 1, 0, 0},         // wide: BT.709
		{media.Color{Matrix: 1, Range: 2}, 8, 8, [3]uint16{255, 128, 128}, 1, 1, 1}, // full range
		{media.Color{Matrix: 9, Range: 1}, 10, 8, [3]uint16{64, 512, 512}, 0, 0, 0},
		{media.Color{Matrix: 9, Range: 1}, 10, 8, [3]uint16{940, 512, 512}, 1, 1, 1},
		{media.Color{Matrix: 9, Range: 1}, 10, 8, [3]uint16{294, 387, 960}, 1, 0, 0}, // 64+876*0.2627, Cr = 1/2
	} {
		f := randomFrame(media.Format{Width: c.w, Height: 5, Layout: media.YUV420, Depth: c.depth, Color: c.color}, 1)
		for p := range 3 {
			w, h := f.PlaneSize(p)
			for y := range h {
				for x := range w {
					putSample(f.Row(p, y), x, f.BytesPerSample(), float32(c.yuv[p]), 1<<16)
				}
			}
		}
		col := colorOf(f.Format)
		row := make([]float32, 3*c.w)
		col.plainToRGB(row, f, 3)
		for i, want := range []float64{c.r, c.g, c.b} {
			if got := float64(row[3*4+i]); math.Abs(got-want) > 0.012 { // 8-bit bars are rounded
				t.Errorf("%+v: channel %d = %v, want %v", c, i, got, want)
			}
		}
	}
}

func allFormats(w, h int) []media.Format {
	var fs []media.Format
	for _, layout := range []media.Layout{media.Gray, media.YUV420, media.YUV422, media.YUV444} {
		for _, depth := range []int{8, 10, 16} {
			for siting := range media.Siting(7) {
				for _, m := range []media.Matrix{0, 1, 4, 6, 7, 9} {
					f := media.Format{Width: w, Height: h, Layout: layout, Depth: depth, Alpha: depth == 10,
						Color: media.Color{Matrix: m, Range: media.Range(1 + siting%2), Siting: siting}}
					if siting < 2 || layout == media.YUV420 || layout == media.YUV422 && siting < 4 {
						fs = append(fs, f)
					}
				}
			}
		}
	}
	return fs
}

// TestColorRoundTrip converts smooth frames to RGB and back: a linear ramp survives linear filters of any siting.
func TestColorRoundTrip(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 5}, {16, 9}} {
		for _, f := range allFormats(size[0], size[1]) {
			src, dst := ramp(f), randomFrame(f, 4)
			col := colorOf(f)
			rgb := make([][]float32, f.Height)
			for y := range rgb {
				rgb[y] = make([]float32, 3*f.Width)
				col.plainToRGB(rgb[y], src, y)
			}
			for k := range (f.Height + 1<<col.sy - 1) >> col.sy {
				col.plainFromRGB(dst, k, func(y int) []float32 { return rgb[y] })
			}
			if err := sameInside(src, dst); err != nil {
				t.Errorf("%v %+v: %v", f, f.Color, err)
			}
		}
	}
}

// ramp is a frame whose planes are linear in luma coordinates, within the RGB cube, with chroma taken where its siting says.
func ramp(f media.Format) *media.Frame {
	fr := randomFrame(f, 5)
	c := colorOf(f)
	for p := range colorPlanes(f) {
		w, h := f.PlaneSize(p)
		for y := range h {
			for x := range w {
				lx, ly := float32(x), float32(y)
				if p > 0 && c.sx > 0 {
					lx = 2*lx + float32(c.px2)/2
				}
				if p > 0 && c.sy > 0 {
					ly = 2*ly + float32(c.py2)/2
				}
				base := []float32{0.5, 0.53, 0.47}[p]
				v := (base + 0.004*lx - 0.003*ly) * float32(int(1)<<f.Depth)
				putSample(fr.Row(p, y), x, f.BytesPerSample(), v, c.top)
			}
		}
	}
	return fr
}

// sameInside compares all samples but subsampled chroma in the outermost ring, where clamping bends the ramp.
func sameInside(a, b *media.Frame) error {
	for p := range colorPlanes(a.Format) {
		w, h := a.PlaneSize(p)
		rim := 0
		tolerance := 1.0
		if lw, lh := a.PlaneSize(0); p > 0 && (lw != w || lh != h) {
			rim = 1
			tolerance = 1 + 0.004*float64(int(1)<<(a.Depth-8))*4 // the ramp is rounded before it is filtered
		}
		for y := rim; y < h-rim; y++ {
			for x := rim; x < w-rim; x++ {
				u, v := sample(a.Row(p, y), x, a.BytesPerSample()), sample(b.Row(p, y), x, b.BytesPerSample())
				if math.Abs(float64(u-v)) > tolerance {
					return fmt.Errorf("plane %d (%d,%d) = %v, want %v", p, x, y, v, u)
				}
			}
		}
	}
	return nil
}
