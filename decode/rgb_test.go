package decode

import (
	"encoding/binary"
	"testing"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// packed makes a frame of a pixel format whose row y is fill(y).
func packed(t *testing.T, name string, w, h int, fill func(plane, y int) []byte) *astiav.Frame {
	t.Helper()
	p, ok := av.FindPixels(name)
	if !ok {
		t.Fatalf("no pixel format %s", name)
	}
	f, err := newPlane(w, h, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Free)
	var view av.Frame
	view.Read(f)
	for y := range h {
		row := fill(0, y)
		copy(view.Row(0, y, len(row)), row)
	}
	if palette := view.Palette(); name == "pal8" {
		copy(palette, fill(1, 0))
	}
	return f
}

func decodedRGB(t *testing.T, f *astiav.Frame) *media.Frame {
	t.Helper()
	c := newConverter(Options{RGB: true})
	defer c.close()
	var p av.Frame
	p.Read(f)
	format, sh, err := c.plan(&p, media.Color{Matrix: media.MatrixUnspecified})
	if err != nil {
		t.Fatal(err)
	}
	if !format.RGB() || format.Color.Range != media.RangeFull {
		t.Fatalf("format %v, color %v: want RGB", format, format.Color)
	}
	out := media.NewFrame(format)
	if err := c.fill(out, f, &p, sh); err != nil {
		t.Fatal(err)
	}
	return out
}

// RGB comes out with the samples that went in: no matrix is between.
func TestRGBIsExact(t *testing.T) {
	const w, h = 35, 9
	sample := func(c, x, y, top int) int { // red, green, blue, alpha 0 to 3
		return (x*7919 + y*104729 + c*31337) % (top + 1)
	}
	bytesOf := func(order []int, top int) func(int, int) []byte {
		return func(_, y int) (row []byte) {
			for x := range w {
				for _, c := range order {
					if v := sample(max(c, 0), x, y, top); top > 255 {
						row = binary.LittleEndian.AppendUint16(row, uint16(v))
					} else {
						row = append(row, byte(v))
					}
				}
			}
			return row
		}
	}
	five := func(_, y int) (row []byte) {
		for x := range w {
			row = binary.LittleEndian.AppendUint16(row, uint16(sample(0, x, y, 31)<<11|sample(1, x, y, 63)<<5|sample(2, x, y, 31)))
		}
		return row
	}
	ten := func(_, y int) (row []byte) {
		for x := range w {
			row = binary.LittleEndian.AppendUint32(row, uint32(sample(0, x, y, 1023)<<20|sample(1, x, y, 1023)<<10|sample(2, x, y, 1023)))
		}
		return row
	}
	for _, c := range []struct {
		name  string
		depth int
		fill  func(int, int) []byte
		want  func(c, x, y int) int
		off   int // largest error
	}{
		{"rgb24", 8, bytesOf([]int{0, 1, 2}, 255), nil, 0},
		{"bgr24", 8, bytesOf([]int{2, 1, 0}, 255), nil, 0},
		{"bgr0", 8, bytesOf([]int{2, 1, 0, 0}, 255), nil, 0},
		{"argb", 8, bytesOf([]int{3, 0, 1, 2}, 255), nil, 0},
		{"bgra", 8, bytesOf([]int{2, 1, 0, 3}, 255), nil, 0},
		{"rgb48le", 16, bytesOf([]int{0, 1, 2}, 65535), nil, 0},
		{"rgba64le", 16, bytesOf([]int{0, 1, 2, 3}, 65535), nil, 0},
		{"rgb565le", 8, five, func(c, x, y int) int {
			if c == 1 {
				v := sample(c, x, y, 63)
				return v<<2 | v>>4
			}
			v := sample(c, x, y, 31)
			return v<<3 | v>>2
		}, 0},
		{"x2rgb10le", 10, ten, func(c, x, y int) int { return sample(c, x, y, 1023) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := decodedRGB(t, packed(t, c.name, w, h, c.fill))
			if out.Depth != c.depth {
				t.Fatalf("depth %d, want %d", out.Depth, c.depth)
			}
			if c.want == nil {
				c.want = func(p, x, y int) int { return sample(p, x, y, 1<<c.depth-1) }
			}
			planes := []int{1, 2, 0, 3} // green, blue, red, alpha
			for p := range out.Planes() {
				for y := range h {
					row := out.Row(p, y)
					for x := range w {
						got := int(row[x*out.BytesPerSample()])
						if out.Depth > 8 {
							got = int(binary.LittleEndian.Uint16(row[2*x:]))
						}
						if want := c.want(planes[p], x, y); got < want-c.off || got > want+c.off {
							t.Fatalf("plane %d at %d,%d is %d, want %d", p, x, y, got, want)
						}
					}
				}
			}
		})
	}
}

// A palette is RGB; its alpha counts only where a color is transparent.
func TestPalette(t *testing.T) {
	for _, c := range []struct {
		name         string
		alpha, other byte
		want         bool
	}{{"opaque", 255, 255, false}, {"without alpha", 0, 0, false}, {"transparent", 255, 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			f := packed(t, "pal8", 16, 2, func(plane, y int) (row []byte) {
				if plane == 1 {
					for i := range 256 {
						a := c.alpha
						if i == 7 {
							a = c.other
						}
						row = append(row, byte(3*i), byte(5*i), byte(7*i), a)
					}
					return row
				}
				for x := range 16 {
					row = append(row, byte(16*y+x))
				}
				return row
			})
			out := decodedRGB(t, f)
			if out.Alpha != c.want {
				t.Errorf("alpha %v, want %v", out.Alpha, c.want)
			}
			for p, factor := range []int{5, 3, 7} { // green, blue, red
				if got, want := out.Row(p, 1)[4], byte(factor*20); got != want {
					t.Errorf("plane %d is %d, want %d", p, got, want)
				}
			}
		})
	}
}
