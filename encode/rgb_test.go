package encode_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// rgbFrame has steep and flat parts in all three colors, and gray in its lower half.
func rgbFrame(depth int, alpha bool, n int) *media.Frame { return drawRGB(depth, alpha, n, 31) }

func drawRGB(depth int, alpha bool, n, steep int) *media.Frame {
	f := media.NewFrame(media.Format{Width: 62, Height: 35, Layout: media.YUV444, Depth: depth, Alpha: alpha,
		Color: media.Color{Matrix: media.MatrixRGB, Range: media.RangeFull, Primaries: 1, Transfer: 13}})
	top := 1<<depth - 1
	for p := range f.Planes() {
		for y := range f.Height {
			row := f.Row(p, y)
			for x := range f.Width {
				v := (x*top/61 + p*top/3 + n*17 + y*y*steep) % (top + 1)
				if y >= 18 && p < 3 {
					v = (x * 4099) % (top + 1)
				}
				if depth > 8 {
					binary.LittleEndian.PutUint16(row[2*x:], uint16(v))
				} else {
					row[x] = byte(v)
				}
			}
		}
	}
	return f
}

// writeRGB encodes three frames and returns what decode gives back.
func writeRGB(t *testing.T, name string, o encode.Options, depth int, alpha bool, steep int) (info *media.Info, out []*media.Frame, why string) {
	t.Helper()
	s := synthetic(t, testmedia.Options{Format: rgbFrame(8, false, 0).Format, Frames: 3})
	in := *s.Info()
	in.Format = rgbFrame(depth, alpha, 0).Format
	path := filepath.Join(t.TempDir(), name)
	sink, err := encode.CreateFile(path, &in, o, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		f := drawRGB(depth, alpha, n, steep)
		f.PTS = int64(n) * int64(in.VideoTrack().TimeBase.Den) / int64(in.VideoTrack().TimeBase.Num) / 25
		if err := sink.Write(context.Background(), media.Unit{Frame: f}); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range sink.Actions() {
		if a.Index == in.Video {
			why = a.Why
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	src, err := decode.Open(context.Background(), path, decode.Options{RGB: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	for {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return src.Info(), out, why
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u.Frame)
	}
}

func at(f *media.Frame, p, x, y int) int {
	if row := f.Row(p, y); f.Depth > 8 {
		return int(binary.LittleEndian.Uint16(row[2*x:]))
	} else {
		return int(row[x])
	}
}

// What is RGB stays RGB, sample by sample, in every codec that can.
func TestRGBStaysRGB(t *testing.T) {
	for _, c := range []struct {
		name, file string
		o          encode.Options
		depth      int
		alpha      bool
	}{
		{"ffv1", "a.mkv", encode.Options{Codec: "ffv1"}, 8, false},
		{"ffv1 with alpha", "a.mkv", encode.Options{Codec: "ffv1"}, 8, true},
		{"ffv1 10", "a.mkv", encode.Options{Codec: "ffv1"}, 10, false},
		{"ffv1 12", "a.mkv", encode.Options{Codec: "ffv1"}, 12, false},
		{"ffv1 16", "a.mkv", encode.Options{Codec: "ffv1"}, 16, false},
		{"png", "a.mov", encode.Options{Codec: "png"}, 8, false},
		{"png with alpha", "a.mov", encode.Options{Codec: "png"}, 8, true},
		{"png 16", "a.mov", encode.Options{Codec: "png"}, 16, false},
		{"x264rgb", "a.mp4", encode.Options{Codec: "x264rgb", CRF: -1, Preset: "ultrafast"}, 8, false},
		{"x264 lossless", "a.mp4", encode.Options{CRF: -1, Preset: "ultrafast"}, 8, false},
		{"vp9 lossless", "a.webm", encode.Options{Codec: "vp9", CRF: -1, Preset: "8"}, 8, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			info, out, why := writeRGB(t, c.file, c.o, c.depth, c.alpha, 31)
			if !info.Format.RGB() || len(out) != 3 {
				t.Fatalf("%d frames of %v, want 3 of RGB", len(out), info.Format)
			}
			if why = strings.TrimSuffix(why, "times rounded from 1/12288 to 1/1000 s"); why != "" {
				t.Errorf("something is said to be lost: %s", why)
			}
			for n, f := range out {
				want := rgbFrame(c.depth, c.alpha, n)
				if f.Depth != want.Depth || f.Alpha != want.Alpha {
					t.Fatalf("%v, alpha %v", f.Format, f.Alpha)
				}
				for p := range f.Planes() {
					for y := range f.Height {
						for x := range f.Width {
							if at(f, p, x, y) != at(want, p, x, y) {
								t.Fatalf("frame %d plane %d at %d,%d is %d, want %d", n, p, x, y, at(f, p, x, y), at(want, p, x, y))
							}
						}
					}
				}
			}
		})
	}
}

// Codecs that code luma and chroma get them in one step, with the tags that belong to them; gray stays without color.
func TestRGBToYUV(t *testing.T) {
	for _, c := range []struct {
		name, file string
		o          encode.Options
		depth      int
		want       string
		off        float64 // largest error of a color, in 8-bit levels
	}{
		{"prores 4444", "a.mov", encode.Options{Codec: "prores"}, 8, "62x35 yuv444p 12-bit", 4},
		{"x264", "a.mp4", encode.Options{CRF: 1, Preset: "ultrafast"}, 8, "62x35 yuv444p 8-bit", 4},
		{"4:4:4 without loss", "a.mkv", encode.Options{Codec: "ffv1", PixFmt: "yuv444p10le"}, 10, "62x35 yuv444p 10-bit", 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			info, out, _ := writeRGB(t, c.file, c.o, c.depth, false, 0)
			if info.Format.String() != c.want {
				t.Errorf("%v, want %s", info.Format, c.want)
			}
			if info.Format.Color.Matrix != media.MatrixBT709 || info.Format.Color.Range != media.RangeLimited || len(out) != 3 {
				t.Fatalf("%d frames, color %+v", len(out), info.Format.Color)
			}
			f, in := out[0], drawRGB(c.depth, false, 0, 0)
			unit := float64(int(1) << (f.Depth - 8))
			for y := range in.Height {
				for x := range in.Width {
					yy, cb, cr := float64(at(f, 0, x, y))/unit-16, float64(at(f, 1, x, y))/unit-128, float64(at(f, 2, x, y))/unit-128
					yy *= 255.0 / 219
					r, b := yy+1.5748*cr*255/224, yy+1.8556*cb*255/224 // H.273, 8.3, BT.709
					g := (yy - 0.2126*r - 0.0722*b) / 0.7152
					for p, v := range []float64{g, b, r} {
						want := float64(at(in, p, x, y)) / float64(int(1)<<(c.depth-8))
						if v < want-c.off || v > want+c.off {
							t.Fatalf("plane %d at %d,%d is %.1f, want %.1f", p, x, y, v, want)
						}
					}
					if y > 27 && (cb*cb > 2 || cr*cr > 2) {
						t.Fatalf("gray at %d,%d has chroma %.1f %.1f", x, y, cb, cr)
					}
				}
			}
		})
	}
}
